use serde_json::json;

use super::*;

/// Made for these tests; opens nothing.
const KEY: &str = include_str!("service_account_key.pem");

fn with_file(json: &serde_json::Value) -> Credentials {
    loaded(Cloud::Google, &[("vertex_credentials", &json.to_string())], &[])
}

fn service_account(token_uri: &str) -> serde_json::Value {
    json!({
        "type": "service_account", "project_id": "project-1", "private_key_id": "key-1", "private_key": KEY,
        "client_email": "robot@project-1.iam.test", "token_uri": token_uri,
    })
}

async fn token_endpoint() -> Server {
    Server::start(|_| Some((200, format!(r#"{{"access_token": "{CANARY}", "expires_in": 3600}}"#)))).await
}

async fn project(credentials: &Credentials) -> Result<String, Error> {
    match credentials {
        Credentials::Google(google) => google.project(now()).await,
        _ => unreachable!("not Google's"),
    }
}

#[tokio::test]
async fn a_service_account_signs_an_assertion() {
    let server = token_endpoint().await;
    let credentials = with_file(&service_account(&server.url()));
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
    assert_eq!(project(&credentials).await.unwrap(), "project-1");
    let seen = server.seen().remove(0);
    assert_eq!(seen.field("grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(seen.field("assertion").unwrap().split('.').count(), 3);
    check_cached(&credentials, &server).await;
}

#[tokio::test]
async fn failures_are_named() {
    check_failures(
        |url| with_file(&service_account(url)),
        r#"{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}"#,
        "(invalid_grant)",
    )
    .await;
}

#[tokio::test]
async fn a_user_shows_a_refresh_token() {
    let server = token_endpoint().await;
    let file = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": CANARY, "refresh_token": CANARY,
        "quota_project_id": "project-2", "token_uri": server.url(),
    });
    let credentials = with_file(&file);
    lines(&credentials, now()).await.unwrap();
    assert_eq!(project(&credentials).await.unwrap(), "project-2");
    assert_eq!(server.seen()[0].field("grant_type").unwrap(), "refresh_token");
    assert_eq!(server.seen()[0].field("refresh_token").unwrap(), CANARY);
}

#[tokio::test]
async fn a_stranger_exchanges_a_token_and_speaks_for_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("subject.json");
    std::fs::write(&path, r#"{"id_token": "subject"}"#).unwrap();
    let server = Server::start(|seen| {
        Some(match seen.target.as_str() {
            "/exchange" => (200, r#"{"access_token": "federated", "expires_in": 3600}"#.to_owned()),
            _ if seen.header("authorization") != Some("Bearer federated") => (403, String::new()),
            _ => (200, format!(r#"{{"accessToken": "{CANARY}", "expireTime": "2015-08-30T13:36:00Z"}}"#)),
        })
    })
    .await;
    let credentials = with_file(&json!({
        "type": "external_account", "audience": "//iam.test/pool", "token_url": format!("{}/exchange", server.url()),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "service_account_impersonation_url": format!("{}/impersonate", server.url()),
        "credential_source": {
            "file": path, "format": { "type": "json", "subject_token_field_name": "id_token" },
        },
    }));
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
    let seen = server.seen();
    assert_eq!(seen[0].field("subject_token").unwrap(), "subject");
    assert_eq!(seen[0].field("audience").unwrap(), "//iam.test/pool");
    assert_eq!(seen[1].body, r#"{"scope":["https://www.googleapis.com/auth/cloud-platform"]}"#);
    let error = project(&credentials).await.unwrap_err();
    assert_eq!(error.message, "Google's credentials name no project; set vertex_project");
}

#[tokio::test]
async fn a_machine_asks_its_metadata_server() {
    let server = Server::start(|seen| {
        let body = match seen.target.as_str() {
            "/computeMetadata/v1/project/project-id" => "project-3\n".to_owned(),
            _ => format!(r#"{{"access_token": "{CANARY}", "expires_in": 3600}}"#),
        };
        (seen.header("metadata-flavor") == Some("Google")).then_some((200, body))
    })
    .await;
    let host = server.url().replace("http://", "");
    let credentials = loaded(Cloud::Google, &[], &[("GCE_METADATA_HOST", &host)]);
    check_cached(&credentials, &server).await;
    assert_eq!(server.seen()[0].target, "/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(project(&credentials).await.unwrap(), "project-3");
}

#[tokio::test]
async fn files_are_found_where_google_looks_for_them() {
    let server = token_endpoint().await;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let gcloud = folder.path().join(".config/gcloud");
    std::fs::create_dir_all(&gcloud).unwrap();
    let path = gcloud.join("application_default_credentials.json");
    std::fs::write(&path, service_account(&server.url()).to_string()).unwrap();
    let path = path.to_str().unwrap();
    lines(&loaded(Cloud::Google, &[("vertex_credentials", path)], &[]), now()).await.unwrap();
    lines(&loaded(Cloud::Google, &[], &[("GOOGLE_APPLICATION_CREDENTIALS", path)]), now()).await.unwrap();
    lines(&loaded(Cloud::Google, &[], &[("HOME", home)]), now()).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    let error = load(Cloud::Google, &[("vertex_credentials", "/no/such/file")], &[]).map(|_| ()).unwrap_err();
    assert!(error.starts_with("the file of vertex_credentials: No such file"), "{error}");
}
