//! Nothing that could be a secret shows in `Debug` or in a problem.

use super::read;

/// Stands wherever a secret may stand, of the right type and of the wrong one.
const CANARY: &str = "canary-9f3c";

#[test]
fn secrets_do_not_show() {
    let text = format!(
        "
model_list:
  - model_name: a
    litellm_params: {{model: gpt-4o, api_key: {CANARY}, extra_headers: {{authorization: {CANARY}}}}}
  - model_name: b
    litellm_params: {{model: bedrock/x, aws_secret_access_key: {CANARY}, my_token: {CANARY}, rpm: {CANARY}}}
  - model_name: c
    litellm_params: {{model: gpt-4o, api_key: [{CANARY}], api_base: 'https://u:{CANARY}@host'}}
  - model_name: d
    litellm_params: {{model: gpt-4o, api_base: '{CANARY} {CANARY}', timeout: {CANARY}, headers: {{x: \"{CANARY}\\n\"}}}}
general_settings: {{master_key: {CANARY}, database_url: 'postgres://u:{CANARY}@h/d', allowed_ips: [{CANARY}]}}
key_settings: [{{api_key: {CANARY}}}, {{api_key: {{x: {CANARY}}}}}]
credential_list: [{{credential_name: c, credential_values: {{api_key: {CANARY}, x: [{CANARY}]}}}}]
database: {{connection_string: 'postgres://u:{CANARY}@h/d'}}
environment_variables: {{OPENAI_API_KEY: {CANARY}, OTHER: [{CANARY}]}}
tollgate: {{threads: {CANARY}, log_format: {CANARY}, litellm_compat: {CANARY}}}
router_settings: {{num_retries: {CANARY}, routing_strategy: {CANARY}}}
"
    );
    let report = read(&text);
    assert_eq!(report.config.as_ref().map(|config| config.deployments.len()), Some(4));
    assert!(report.problems.len() > 10);
    let shown = format!("{report:?}");
    let at = shown.find(CANARY).map(|at| &shown[at.saturating_sub(120)..at]);
    assert_eq!(at, None);
}
