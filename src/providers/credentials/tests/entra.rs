use super::*;

const ENTRA: Cloud<'static> = Cloud::Entra { ambient: false };
const MACHINE: Cloud<'static> = Cloud::Entra { ambient: true };
const CLIENT: [(&str, &str); 3] = [("tenant_id", "t"), ("client_id", "c"), ("client_secret", CANARY)];

async fn token_endpoint() -> Server {
    Server::start(|_| Some((200, format!(r#"{{"access_token": "{CANARY}", "expires_in": "3600"}}"#)))).await
}

#[tokio::test]
async fn a_client_shows_its_secret() {
    let server = token_endpoint().await;
    let credentials = loaded(ENTRA, &CLIENT, &[("AZURE_AUTHORITY_HOST", &server.url())]);
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/t/oauth2/v2.0/token"));
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("client_id", "c"),
        ("client_secret", CANARY),
        ("scope", "https://cognitiveservices.azure.com/.default"),
    ] {
        assert_eq!(seen.field(name).as_deref(), Some(value), "{name}");
    }
    check_cached(&credentials, &server).await;
}

#[tokio::test]
async fn failures_are_named() {
    check_failures(
        |url| loaded(ENTRA, &CLIENT, &[("AZURE_AUTHORITY_HOST", url)]),
        r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}"#,
        "(invalid_client)",
    )
    .await;
}

#[tokio::test]
async fn an_identity_token_or_a_password_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "federated\n").unwrap();
    let file = file.to_str().unwrap();
    let server = token_endpoint().await;
    let url = server.url();
    let reference = format!("oidc/file/{file}");
    let of_client = [("AZURE_AUTHORITY_HOST", &*url), ("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t")];
    let mut of_pod = of_client.to_vec();
    of_pod.push(("AZURE_FEDERATED_TOKEN_FILE", file));
    let user = [("azure_username", "u"), ("azure_password", CANARY), ("client_id", "c")];
    for (cloud, params, env, field, value) in [
        (ENTRA, &[("azure_ad_token", &*reference)][..], &of_client[..], "client_assertion", "federated"),
        (MACHINE, &[], &of_pod, "client_assertion", "federated"),
        (ENTRA, &user, &of_client, "password", CANARY),
    ] {
        lines(&loaded(cloud, params, env), now()).await.unwrap();
        assert_eq!(server.seen().pop().unwrap().field(field).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn a_machine_has_an_identity_of_its_own() {
    let server = token_endpoint().await;
    let url = server.url();
    let endpoint = format!("{url}/msi");
    let resource = "resource=https%3A%2F%2Fcognitiveservices.azure.com";
    let machine = loaded(MACHINE, &[], &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &url)]);
    check_cached(&machine, &server).await;
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.target, format!("/metadata/identity/oauth2/token?api-version=2018-02-01&{resource}"));
    assert_eq!(seen.header("metadata"), Some("true"));

    let app = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", CANARY)];
    lines(&loaded(MACHINE, &[("client_id", "c")], &app), now()).await.unwrap();
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.target, format!("/msi?api-version=2019-08-01&{resource}&client_id=c"));
    assert_eq!(seen.header("x-identity-header"), Some(CANARY));
}

#[tokio::test]
async fn a_token_as_it_stands_is_shown() {
    let credentials = loaded(ENTRA, &[("azure_ad_token", CANARY)], &[]);
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
    let credentials = loaded(ENTRA, &[], &[("AZURE_AD_TOKEN", CANARY)]);
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
}

#[test]
fn what_is_not_said_is_not_used() {
    assert!(load(ENTRA, &[], &[]).unwrap().is_none());
    // Variables of another purpose.
    assert!(load(ENTRA, &[], &[("AZURE_CLIENT_SECRET", CANARY)]).unwrap().is_none());
    let params = BTreeMap::from([("azure_ad_token".to_owned(), Secret::new("t"))]);
    let key = Secret::new("key");
    assert!(Credentials::from_params(ENTRA, &params, Some(&key), &|_| None).unwrap().is_none());
    let check = |params: &[(&str, &str)], expected: &str| {
        assert_eq!(load(ENTRA, params, &[]).map(|_| ()), Err(expected.to_owned()));
    };
    check(&CLIENT[2..], "client_secret needs tenant_id and client_id");
    check(&[("azure_ad_token", "oidc/env/X")], "azure_ad_token: the variable X is not set");
}
