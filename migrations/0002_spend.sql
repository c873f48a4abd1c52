-- One row a finished call. Money in pico-dollars, times in milliseconds since 1970; '' is nobody.
CREATE TABLE spend_logs (
    call_id           TEXT   NOT NULL PRIMARY KEY, -- made by the gateway: providers' ids repeat
    request_id        TEXT   NOT NULL, -- the answer's own id
    started_at        BIGINT NOT NULL,
    ended_at          BIGINT NOT NULL,
    api_key           TEXT   NOT NULL, -- the digest
    user_id           TEXT   NOT NULL,
    team_id           TEXT   NOT NULL,
    organization_id   TEXT   NOT NULL,
    end_user          TEXT   NOT NULL,
    session_id        TEXT   NOT NULL,
    model_group       TEXT   NOT NULL,
    model             TEXT   NOT NULL,
    model_id          TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    call_type         TEXT   NOT NULL,
    status            BIGINT NOT NULL, -- HTTP's
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    total_tokens      BIGINT NOT NULL,
    cost              BIGINT NOT NULL,
    doc               TEXT   NOT NULL  -- the rest of it, a JSON object
);
CREATE INDEX spend_logs_started ON spend_logs (started_at);
CREATE INDEX spend_logs_key ON spend_logs (api_key, started_at);
CREATE INDEX spend_logs_request ON spend_logs (request_id) WHERE request_id <> '';
CREATE INDEX spend_logs_user ON spend_logs (user_id, started_at) WHERE user_id <> '';
CREATE INDEX spend_logs_team ON spend_logs (team_id, started_at) WHERE team_id <> '';
CREATE INDEX spend_logs_session ON spend_logs (session_id, started_at) WHERE session_id <> '';

-- What was used a day (UTC), from which reports are made. A call counts once under tag '' and once under each of its tags.
CREATE TABLE spend_daily (
    day                BIGINT NOT NULL, -- days since 1970
    api_key            TEXT   NOT NULL,
    user_id            TEXT   NOT NULL,
    team_id            TEXT   NOT NULL,
    organization_id    TEXT   NOT NULL,
    end_user           TEXT   NOT NULL,
    tag                TEXT   NOT NULL,
    model_group        TEXT   NOT NULL,
    model              TEXT   NOT NULL,
    provider           TEXT   NOT NULL,
    call_type          TEXT   NOT NULL,
    requests           BIGINT NOT NULL,
    failed_requests    BIGINT NOT NULL,
    prompt_tokens      BIGINT NOT NULL,
    completion_tokens  BIGINT NOT NULL,
    total_tokens       BIGINT NOT NULL,
    cache_read_tokens  BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    cost               BIGINT NOT NULL,
    response_ms        BIGINT NOT NULL, -- of the requests that did not fail
    PRIMARY KEY (day, api_key, user_id, team_id, organization_id, end_user, tag, model_group, model, provider, call_type)
);
CREATE INDEX spend_daily_key ON spend_daily (api_key, day);
CREATE INDEX spend_daily_user ON spend_daily (user_id, day) WHERE user_id <> '';
CREATE INDEX spend_daily_team ON spend_daily (team_id, day) WHERE team_id <> '';
CREATE INDEX spend_daily_organization ON spend_daily (organization_id, day) WHERE organization_id <> '';
CREATE INDEX spend_daily_end_user ON spend_daily (end_user, day) WHERE end_user <> '';
CREATE INDEX spend_daily_tag ON spend_daily (tag, day) WHERE tag <> '';

-- What is gone of each budget. A scope (key, team, ...) has a line for each of its windows; '' is the one of budget_duration.
CREATE TABLE spend_counters (
    scope     TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    budget    TEXT   NOT NULL,
    spent     BIGINT NOT NULL,
    resets_at BIGINT NOT NULL, -- seconds since 1970; 0: never
    PRIMARY KEY (scope, id, budget)
);

-- How far each node's journal was taken over, changed together with what was taken: nothing is taken twice.
CREATE TABLE spend_lanes (
    lane    TEXT   NOT NULL PRIMARY KEY,
    segment BIGINT NOT NULL,
    at_byte BIGINT NOT NULL,
    used_at BIGINT NOT NULL -- milliseconds since 1970
);
