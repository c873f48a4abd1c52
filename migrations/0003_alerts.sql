-- Of which crossed budgets the operator was told, so that many nodes tell of each once.
CREATE TABLE alerts_sent (
    scope     TEXT   NOT NULL, -- 'key', 'team' …
    id        TEXT   NOT NULL,
    budget    TEXT   NOT NULL, -- '': the one of budget_duration
    event     TEXT   NOT NULL,
    amount    BIGINT NOT NULL, -- pico-dollars: the limit that was crossed
    resets_at BIGINT NOT NULL, -- seconds since 1970; 0: never
    sent_at   BIGINT NOT NULL, -- milliseconds since 1970
    PRIMARY KEY (scope, id, budget, event, amount, resets_at)
);
