//! A LiteLLM proxy's database: its tables as one of its releases has them, as far as an import looks, and some rows.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tollgate::auth::KeyDigest;

/// "sk-canary", encrypted by LiteLLM's formats with the salt `sk-salt`.
const SEALED_V3: &str = "v3:gcm:AAECAwQFBgcICQoLoQQDsMKql_tZMu91uijxjtIJr2dVkzx8Yw==";
const SEALED_BOX: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX30yZ98qCIXYYuR4Ofz4i8jisBLxR4H5ZXw==";

const TABLES: &str = r#"
CREATE TABLE "LiteLLM_BudgetTable" (budget_id TEXT PRIMARY KEY, max_budget DOUBLE PRECISION, soft_budget DOUBLE PRECISION,
    max_parallel_requests INTEGER, tpm_limit BIGINT, rpm_limit BIGINT, model_max_budget JSONB, budget_duration TEXT,
    tpd_limit BIGINT, allowed_models TEXT[] DEFAULT '{}', budget_reset_at TIMESTAMP(3),
    created_at TIMESTAMP(3) NOT NULL DEFAULT now(), created_by TEXT NOT NULL DEFAULT 'a',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT now(), updated_by TEXT NOT NULL DEFAULT 'a');
CREATE TABLE "LiteLLM_OrganizationTable" (organization_id TEXT PRIMARY KEY, organization_alias TEXT NOT NULL,
    budget_id TEXT NOT NULL, metadata JSONB NOT NULL DEFAULT '{}', models TEXT[], spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    model_spend JSONB NOT NULL DEFAULT '{}', created_by TEXT NOT NULL DEFAULT 'a', updated_by TEXT NOT NULL DEFAULT 'a');
CREATE TABLE "LiteLLM_UserTable" (user_id TEXT PRIMARY KEY, user_alias TEXT, team_id TEXT, sso_user_id TEXT, password TEXT,
    teams TEXT[] DEFAULT '{}', user_role TEXT, max_budget DOUBLE PRECISION, spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    user_email TEXT, models TEXT[], metadata JSONB NOT NULL DEFAULT '{}', tpm_limit BIGINT, rpm_limit BIGINT,
    budget_duration TEXT, budget_reset_at TIMESTAMP(3));
CREATE TABLE "LiteLLM_OrganizationMembership" (user_id TEXT, organization_id TEXT, user_role TEXT,
    spend DOUBLE PRECISION DEFAULT 0, budget_id TEXT, PRIMARY KEY (user_id, organization_id));
CREATE TABLE "LiteLLM_ModelTable" (id SERIAL PRIMARY KEY, aliases JSONB);
CREATE TABLE "LiteLLM_TeamTable" (team_id TEXT PRIMARY KEY, team_alias TEXT, organization_id TEXT, admins TEXT[],
    members TEXT[], members_with_roles JSONB NOT NULL DEFAULT '{}', metadata JSONB NOT NULL DEFAULT '{}',
    max_budget DOUBLE PRECISION, spend DOUBLE PRECISION NOT NULL DEFAULT 0, models TEXT[], max_parallel_requests INTEGER,
    tpm_limit BIGINT, rpm_limit BIGINT, budget_duration TEXT, budget_reset_at TIMESTAMP(3),
    blocked BOOLEAN NOT NULL DEFAULT false, model_id INTEGER, a_column_of_tomorrow TEXT DEFAULT 'x');
CREATE TABLE "LiteLLM_TeamMembership" (user_id TEXT, team_id TEXT, spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    budget_id TEXT, PRIMARY KEY (user_id, team_id));
CREATE TABLE "LiteLLM_EndUserTable" (user_id TEXT PRIMARY KEY, alias TEXT, spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    allowed_model_region TEXT, default_model TEXT, budget_id TEXT, blocked BOOLEAN NOT NULL DEFAULT false);
CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY, key_name TEXT, key_alias TEXT,
    soft_budget_cooldown BOOLEAN NOT NULL DEFAULT false, spend DOUBLE PRECISION NOT NULL DEFAULT 0,
    total_spend DOUBLE PRECISION NOT NULL DEFAULT 0, expires TIMESTAMP(3),
    models TEXT[] DEFAULT '{}', aliases JSONB NOT NULL DEFAULT '{}', config JSONB NOT NULL DEFAULT '{}', user_id TEXT,
    team_id TEXT, permissions JSONB NOT NULL DEFAULT '{}', max_parallel_requests INTEGER,
    metadata JSONB NOT NULL DEFAULT '{}', blocked BOOLEAN, tpm_limit BIGINT, rpm_limit BIGINT, max_budget DOUBLE PRECISION,
    budget_duration TEXT, budget_reset_at TIMESTAMP(3), allowed_cache_controls TEXT[] DEFAULT '{}',
    allowed_routes TEXT[] DEFAULT '{}', model_spend JSONB NOT NULL DEFAULT '{}',
    model_max_budget JSONB NOT NULL DEFAULT '{}', budget_id TEXT, organization_id TEXT,
    created_at TIMESTAMP(3) DEFAULT now(), created_by TEXT, updated_at TIMESTAMP(3) DEFAULT now(), updated_by TEXT);
CREATE TABLE "LiteLLM_DeprecatedVerificationToken" (id TEXT PRIMARY KEY, token TEXT UNIQUE, active_token_id TEXT,
    revoke_at TIMESTAMP(3));
CREATE TABLE "LiteLLM_CredentialsTable" (credential_id TEXT PRIMARY KEY, credential_name TEXT UNIQUE,
    credential_values JSONB NOT NULL, credential_info JSONB, created_by TEXT, updated_by TEXT);
CREATE TABLE "LiteLLM_ProxyModelTable" (model_id TEXT PRIMARY KEY, model_name TEXT NOT NULL, litellm_params JSONB NOT NULL,
    model_info JSONB, created_by TEXT, updated_by TEXT);
"#;

const ROWS: &str = r#"
INSERT INTO "LiteLLM_BudgetTable" (budget_id, max_budget, budget_duration, budget_reset_at) VALUES
    ('of-org', 100, NULL, NULL), ('of-member', 0.5, '30d', '2099-01-01');
INSERT INTO "LiteLLM_BudgetTable" (budget_id, tpd_limit, allowed_models) VALUES ('unused', 5000, '{gpt}');
INSERT INTO "LiteLLM_OrganizationTable" (organization_id, organization_alias, budget_id, models, spend)
    VALUES ('org', 'Org', 'of-org', '{}', 9);
INSERT INTO "LiteLLM_UserTable" (user_id, teams, user_role, spend, user_email, models, password) VALUES
    ('ann', '{poor,rich}', 'internal_user', 3.5, 'ann@example.com', '{}', 'canary'), ('ben', '{rich}', NULL, 0, NULL, '{}', NULL);
INSERT INTO "LiteLLM_UserTable" (user_id, max_budget) VALUES ('lost', 'NaN');
INSERT INTO "LiteLLM_OrganizationMembership" (user_id, organization_id, user_role) VALUES ('ann', 'org', 'org_admin');
INSERT INTO "LiteLLM_ModelTable" (aliases) VALUES ('"{\"cheap\": \"gpt\"}"');
INSERT INTO "LiteLLM_TeamTable" (team_id, team_alias, members_with_roles, max_budget, spend, models, model_id, rpm_limit) VALUES
    ('poor', 'Poor', '[{"role": "admin", "user_id": "ann", "user_email": null}]', 2, 2.5, '{}', 1, NULL),
    ('rich', NULL, '[{"role": "user", "user_id": "ann"}, {"role": "user", "user_id": "ben"}, {"role": "admin", "user_id": "lost"}]', NULL, 0, '{}', NULL, NULL),
    ('lost:team', NULL, '{}', NULL, 0, '{}', NULL, NULL);
INSERT INTO "LiteLLM_TeamMembership" (user_id, team_id, spend, budget_id) VALUES ('ben', 'rich', 0.75, 'of-member');
INSERT INTO "LiteLLM_EndUserTable" (user_id, spend, blocked, default_model) VALUES ('customer', 0.25, true, 'gpt');
-- More than a page, of a key of one column and of a key of two.
INSERT INTO "LiteLLM_EndUserTable" (user_id) SELECT 'C ' || n FROM generate_series(1, 250) n;
INSERT INTO "LiteLLM_OrganizationMembership" (user_id, organization_id) SELECT 'm' || n, 'z' || n % 3 FROM generate_series(1, 120) n;
"#;

/// Keys in plain text, and what their rows say besides.
const KEYS: [(&str, &str, &str); 8] = [
    ("sk-spent-some", "spend, max_budget", "1.25, 10"),
    (
        "sk-of-rich-team",
        "team_id, user_id, key_alias, spend, total_spend, max_budget, budget_duration, budget_reset_at, rpm_limit, metadata, models, created_at",
        "'rich', 'ann', 'app', 1.25, 7.5, 10, '30d', '2099-01-01', 60, '{\"tags\": [\"prod\"]}', '{gpt}', '2026-01-02 03:04:05.678'",
    ),
    ("sk-blocked", "blocked, key_alias", "true, 'twin'"),
    ("sk-expired", "expires, key_alias", "'2020-01-01', 'twin'"),
    ("sk-used-up", "spend, max_budget, budget_duration, budget_reset_at", "1, 1, '30d', '2099-01-01'"),
    ("sk-of-poor-team", "team_id", "'poor'"),
    ("sk-of-poor-member", "team_id, user_id", "'rich', 'ben'"),
    ("sk-of-lost-team", "team_id", "'lost:team'"),
];

/// Makes the tables and their rows; a stored model is called at this address.
pub async fn fill(url: &str, upstream: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut script = format!("{TABLES}{ROWS}");
    for (key, columns, values) in KEYS {
        let token = KeyDigest::of(key);
        script +=
            &format!("INSERT INTO \"LiteLLM_VerificationToken\" (token, {columns}) VALUES ('{token}', {values});\n");
    }
    let (old, new) = (KeyDigest::of("sk-replaced"), KeyDigest::of("sk-spent-some"));
    script += &format!(
        r#"
INSERT INTO "LiteLLM_VerificationToken" (token) VALUES ('sk-plain-text');
INSERT INTO "LiteLLM_VerificationToken" (token, team_id) VALUES ('{}', 'litellm-dashboard');
INSERT INTO "LiteLLM_DeprecatedVerificationToken" VALUES ('1', '{old}', '{new}', '2099-01-01');
INSERT INTO "LiteLLM_CredentialsTable" VALUES ('1', 'of-cloud', '{{"api_key": "{SEALED_V3}"}}', '{{}}', 'a', 'a');
INSERT INTO "LiteLLM_ProxyModelTable" VALUES ('m', 'stored', '{{"model": "openai/own", "api_base": "{upstream}",
    "litellm_credential_name": "of-cloud", "use_litellm_proxy": false}}', '{{"id": "m", "db_model": true}}', 'a', 'a');
INSERT INTO "LiteLLM_ProxyModelTable" VALUES ('no-model', 'none', '{{"model": "{}"}}', NULL, 'a', 'a');
"#,
        KeyDigest::of("sk-session"),
        SEALED_BOX.replacen('A', "B", 1),
    );
    sqlx::raw_sql(&script).execute(&mut connection).await.unwrap();
}

/// Whether there is such a table.
pub async fn has_table(url: &str, name: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let found = sqlx::query("SELECT to_regclass($1) IS NOT NULL").bind(name).fetch_one(&mut connection).await.unwrap();
    found.get(0)
}
