-- Everything that is managed: keys, users, teams, ... Each row is one object in LiteLLM's own words (doc), beside the
-- members that it is looked up by. Only types that SQLite and PostgreSQL both have.
CREATE TABLE objects (
    kind            TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    alias           TEXT,
    user_id         TEXT,
    team_id         TEXT,
    organization_id TEXT,
    version         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL, -- milliseconds since 1970
    updated_at      BIGINT NOT NULL,
    doc             TEXT   NOT NULL, -- a JSON object
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX objects_key_alias ON objects (alias) WHERE kind = 'key';
CREATE INDEX objects_user ON objects (kind, user_id);
CREATE INDEX objects_team ON objects (kind, team_id);
CREATE INDEX objects_organization ON objects (kind, organization_id);
CREATE INDEX objects_created ON objects (kind, created_at);

-- What was changed, in the order of the commits: other nodes read what is behind the last number that they saw.
CREATE TABLE changes (
    seq  BIGINT NOT NULL PRIMARY KEY,
    kind TEXT   NOT NULL,
    id   TEXT   NOT NULL
);

-- Who changed what.
CREATE TABLE audit_log (
    id          TEXT   NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    changed_by  TEXT   NOT NULL,
    api_key     TEXT   NOT NULL, -- the digest
    action      TEXT   NOT NULL,
    table_name  TEXT   NOT NULL,
    object_id   TEXT   NOT NULL,
    before_doc  TEXT,
    after_doc   TEXT
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_object ON audit_log (object_id);
