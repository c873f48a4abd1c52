-- One row a finished call. Money in pico-dollars, times in milliseconds since 1970.
CREATE TABLE spend_logs (
    call_id           TEXT   NOT NULL PRIMARY KEY, -- made by the gateway: providers' ids repeat
    started_at        BIGINT NOT NULL,
    ended_at          BIGINT NOT NULL,
    api_key           TEXT   NOT NULL, -- the digest
    user_id           TEXT   NOT NULL,
    team_id           TEXT   NOT NULL,
    organization_id   TEXT   NOT NULL,
    end_user          TEXT   NOT NULL,
    model_group       TEXT   NOT NULL,
    model             TEXT   NOT NULL,
    model_id          TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    call_type         TEXT   NOT NULL,
    status            BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    total_tokens      BIGINT NOT NULL,
    cost              BIGINT NOT NULL,
    doc               TEXT   NOT NULL  -- the rest of it, a JSON object
);
CREATE INDEX spend_logs_ended ON spend_logs (ended_at);
CREATE INDEX spend_logs_key ON spend_logs (api_key, ended_at);
CREATE INDEX spend_logs_user ON spend_logs (user_id, ended_at);
CREATE INDEX spend_logs_team ON spend_logs (team_id, ended_at);

-- What was used a day (UTC), from which reports are made. A call counts once under tag '' and once under each of its tags.
CREATE TABLE spend_daily (
    day               BIGINT NOT NULL, -- days since 1970
    api_key           TEXT   NOT NULL,
    user_id           TEXT   NOT NULL,
    team_id           TEXT   NOT NULL,
    organization_id   TEXT   NOT NULL,
    end_user          TEXT   NOT NULL,
    tag               TEXT   NOT NULL,
    model_group       TEXT   NOT NULL,
    model             TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    requests          BIGINT NOT NULL,
    failed_requests   BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    cost              BIGINT NOT NULL,
    PRIMARY KEY (day, api_key, user_id, team_id, organization_id, end_user, tag, model_group, model, provider)
);
CREATE INDEX spend_daily_key ON spend_daily (api_key, day);
CREATE INDEX spend_daily_user ON spend_daily (user_id, day);
CREATE INDEX spend_daily_team ON spend_daily (team_id, day);
CREATE INDEX spend_daily_tag ON spend_daily (tag, day);

-- What is gone of each budget. A scope (key, team, ...) has a line for each of its windows; '' is the one of budget_duration.
CREATE TABLE spend_counters (
    scope     TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    budget    TEXT   NOT NULL,
    spent     BIGINT NOT NULL,
    resets_at BIGINT NOT NULL, -- seconds since 1970; 0: never
    PRIMARY KEY (scope, id, budget)
);
