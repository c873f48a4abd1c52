//! The JSON files that Google gives out as credentials, one struct with what any of them may hold.
//!
//! <https://google.aip.dev/auth/4112>, <https://google.aip.dev/auth/4117>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::grant::{Grant, Subject, SubjectFormat, SubjectPlace, TOKEN_URL, signing_key};
use crate::secret::Secret;

const STS_URL: &str = "https://sts.googleapis.com/v1/token";

/// What a file comes to.
pub struct Parsed {
    pub grant: Grant,
    pub project: Option<String>,
}

#[derive(Deserialize)]
struct File {
    r#type: Option<String>,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    service_account_impersonation_url: Option<String>,
    credential_source: Option<CredentialSource>,
    source_credentials: Option<Box<File>>,
}

#[derive(Deserialize)]
struct CredentialSource {
    file: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    r#type: Option<String>,
    subject_token_field_name: Option<String>,
}

/// Reads a file's text. Errors name what is missing, never what is there.
pub fn parse(json: &str) -> Result<Parsed, String> {
    let file: File = serde_json::from_str(json).map_err(|error| {
        // serde_json's own message can quote a value.
        format!("not the JSON of a credential file (line {}, column {})", error.line(), error.column())
    })?;
    let project = file.project_id.clone().or_else(|| file.quota_project_id.clone());
    Ok(Parsed { grant: grant(file)?, project })
}

fn grant(file: File) -> Result<Grant, String> {
    match file.r#type.as_deref() {
        // LiteLLM takes a file without a type for a service account's.
        None | Some("service_account") => Ok(Grant::ServiceAccount {
            email: need(file.client_email, "client_email")?,
            key: signing_key(&need(file.private_key, "private_key")?)?,
            key_id: file.private_key_id,
            token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URL.to_owned()),
        }),
        Some("authorized_user") => Ok(Grant::AuthorizedUser {
            client_id: need(file.client_id, "client_id")?,
            client_secret: Secret::new(need(file.client_secret, "client_secret")?),
            refresh_token: Secret::new(need(file.refresh_token, "refresh_token")?),
            token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URL.to_owned()),
        }),
        Some("external_account") => {
            let federated = Grant::Federated {
                audience: need(file.audience, "audience")?,
                token_type: need(file.subject_token_type, "subject_token_type")?,
                token_url: file.token_url.unwrap_or_else(|| STS_URL.to_owned()),
                subject: subject(need(file.credential_source, "credential_source")?)?,
            };
            Ok(match file.service_account_impersonation_url {
                Some(url) => Grant::Impersonated { base: Box::new(federated), url },
                None => federated,
            })
        }
        Some("impersonated_service_account") => Ok(Grant::Impersonated {
            base: Box::new(grant(*need(file.source_credentials, "source_credentials")?)?),
            url: need(file.service_account_impersonation_url, "service_account_impersonation_url")?,
        }),
        Some(_) => Err("type must be service_account, authorized_user, external_account or \
                        impersonated_service_account"
            .to_owned()),
    }
}

fn subject(source: CredentialSource) -> Result<Subject, String> {
    let place = match (source.file, source.url) {
        (Some(path), _) => SubjectPlace::File(path.into()),
        (None, Some(url)) => SubjectPlace::Url { url, headers: source.headers.into_iter().collect() },
        (None, None) => {
            return Err("credential_source must hold file or url; AWS, executables and \
                                    certificates are not supported"
                .to_owned());
        }
    };
    let format = match source.format {
        Some(Format { r#type: Some(kind), subject_token_field_name }) if kind == "json" => {
            SubjectFormat::Field(need(subject_token_field_name, "subject_token_field_name")?)
        }
        _ => SubjectFormat::Text,
    };
    Ok(Subject { place, format })
}

fn need<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("{name} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        assert_eq!(parse(json).err().as_deref(), Some(expected), "{json}");
    }

    #[test]
    fn errors_name_what_is_missing_and_no_secret() {
        check("{\"private_key\": \"sk-canary\"", "not the JSON of a credential file (line 1, column 27)");
        check(r#"{"type": "service_account"}"#, "client_email is missing");
        check(r#"{"client_email": "a@b.test", "private_key": "sk-canary"}"#, "private_key is not an RSA key in PEM");
        check(r#"{"type": "authorized_user", "client_id": "x"}"#, "client_secret is missing");
        let external = r#"{"type": "external_account", "audience": "a", "subject_token_type": "t","#;
        check(
            &format!(r#"{external} "credential_source": {{"environment_id": "aws1"}}}}"#),
            "credential_source must hold file or url; AWS, executables and certificates are not supported",
        );
        check(
            r#"{"type": "gdch_service_account"}"#,
            "type must be service_account, authorized_user, external_account or impersonated_service_account",
        );
    }
}
