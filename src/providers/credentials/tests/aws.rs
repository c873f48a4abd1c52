use super::*;

const AWS: Cloud<'static> = Cloud::Aws { region: "eu-west-1" };
const KEYS: [(&str, &str); 2] = [("aws_access_key_id", "AKIDEXAMPLE"), ("aws_secret_access_key", CANARY)];

/// What STS answers; the keys live an hour from [`now`].
fn granted(action: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>\
         <Arn>arn:x</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
         <SecretAccessKey>{CANARY}</SecretAccessKey><SessionToken>{CANARY}-token</SessionToken>\
         <Expiration>2015-08-30T13:36:00Z</Expiration></Credentials></{action}Result></{action}Response>"
    )
}

async fn sts() -> Server {
    Server::start(|seen| Some((200, granted(&seen.field("Action").unwrap())))).await
}

/// What the two metadata servers answer for keys.
fn machine_keys() -> String {
    format!(
        r#"{{"Code": "Success", "AccessKeyId": "ASIAMACHINE", "SecretAccessKey": "{CANARY}",
            "Token": "{CANARY}-token", "Expiration": "2015-08-30T13:36:00Z"}}"#
    )
}

async fn check_signed_by(credentials: &Credentials, id: &str, token: Option<&str>) {
    let lines = lines(credentials, now()).await.unwrap();
    let begins = format!("AWS4-HMAC-SHA256 Credential={id}/20150830/eu-west-1/bedrock/aws4_request, ");
    assert!(lines["authorization"].starts_with(&begins), "{}", lines["authorization"]);
    assert_eq!(lines["x-amz-date"], "20150830T123600Z");
    assert_eq!(lines.get("x-amz-security-token").map(String::as_str), token);
}

#[tokio::test]
async fn keys_as_they_stand_sign() {
    check_signed_by(&loaded(AWS, &KEYS, &[("AWS_SESSION_TOKEN", "of other keys")]), "AKIDEXAMPLE", None).await;
    let with_token = [KEYS[0], KEYS[1], ("aws_session_token", "t")];
    check_signed_by(&loaded(AWS, &with_token, &[]), "AKIDEXAMPLE", Some("t")).await;
    let env = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", CANARY), ("AWS_SESSION_TOKEN", "t")];
    check_signed_by(&loaded(AWS, &[], &env), "AKIDENV", Some("t")).await;
}

#[tokio::test]
async fn an_api_key_is_a_bearer_token() {
    let credentials = loaded(AWS, &KEYS, &[("AWS_BEARER_TOKEN_BEDROCK", CANARY)]);
    assert_eq!(authorization(&credentials, now()).await, format!("Bearer {CANARY}"));
}

#[tokio::test]
async fn a_role_is_assumed_once_an_hour() {
    let server = sts().await;
    let url = server.url();
    let role = [
        KEYS[0],
        KEYS[1],
        ("aws_role_name", "arn:aws:iam::1:role/r"),
        ("aws_session_name", "s"),
        ("aws_external_id", "external"),
        ("aws_session_tags", r#"[{"Key": "team", "Value": "a b"}]"#),
        ("aws_sts_endpoint", &url),
    ];
    let credentials = loaded(AWS, &role, &[]);
    check_signed_by(&credentials, "ASIAROLE", Some("sk-canary-token")).await;
    let seen = server.seen().remove(0);
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::1:role/r"),
        ("RoleSessionName", "s"),
        ("ExternalId", "external"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a b"),
    ] {
        assert_eq!(seen.field(name).as_deref(), Some(value), "{name}");
    }
    let signature = seen.header("authorization").unwrap();
    assert!(signature.contains("Credential=AKIDEXAMPLE/20150830/eu-west-1/sts/aws4_request"), "{signature}");
    check_cached(&credentials, &server).await;
}

#[tokio::test]
async fn an_identity_token_becomes_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "from-file\n").unwrap();
    let file = file.to_str().unwrap();
    let server = sts().await;
    let url = server.url();
    let role = [("aws_role_name", "arn:r"), ("aws_session_name", "s"), ("aws_sts_endpoint", &url)];
    let reference = format!("oidc/file/{file}");
    let irsa = [("AWS_ROLE_ARN", "arn:pod"), ("AWS_WEB_IDENTITY_TOKEN_FILE", file), ("AWS_ENDPOINT_URL_STS", &url)];
    for (params, env, arn, token) in [
        (vec![role[0], role[1], role[2], ("aws_web_identity_token", "a.b.c")], vec![], "arn:r", "a.b.c"),
        (vec![role[0], role[1], role[2], ("aws_web_identity_token", &reference)], vec![], "arn:r", "from-file"),
        // A pod's own role, and the same role named once more.
        (vec![], irsa.to_vec(), "arn:pod", "from-file"),
        (vec![("aws_role_name", "arn:pod")], irsa.to_vec(), "arn:pod", "from-file"),
    ] {
        let before = server.seen().len();
        check_signed_by(&loaded(AWS, &params, &env), "ASIAROLE", Some("sk-canary-token")).await;
        let seen = server.seen().split_off(before);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].field("Action").unwrap(), "AssumeRoleWithWebIdentity");
        assert_eq!(seen[0].field("RoleArn").unwrap(), arn);
        assert_eq!(seen[0].field("WebIdentityToken").unwrap(), token);
        assert_eq!(seen[0].header("authorization"), None);
    }
    // Another role than the pod's is taken by the pod's.
    lines(&loaded(AWS, &[("aws_role_name", "arn:other")], &irsa), now()).await.unwrap();
    let actions: Vec<_> = server.seen()[4..].iter().map(|seen| seen.field("Action").unwrap()).collect();
    assert_eq!(actions, ["AssumeRoleWithWebIdentity", "AssumeRole"]);
}

#[tokio::test]
async fn a_profile_gives_keys_or_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let keys = write("keys", "[default]\naws_access_key_id=AKIDFILE\naws_secret_access_key=sk-canary\n");
    let config = write(
        "config",
        "[profile role]\nrole_arn=arn:r\nsource_profile=default\n[profile a]\nrole_arn=x\nsource_profile=b\n\
         [profile b]\nrole_arn=x\nsource_profile=a\n[profile sso]\nsso_session=x\n[profile none]\nregion=eu-north-1\n",
    );
    let printed = write("printed", r#"{"Version":1,"AccessKeyId":"AKIDPRINTED","SecretAccessKey":"sk-canary"}"#);
    let more = format!(
        "[profile command]\ncredential_process = cat '{printed}'\n[profile by-command]\nrole_arn=arn:r\n\
         source_profile=command\n"
    );
    let config = write("config", &(std::fs::read_to_string(&config).unwrap() + &more));
    let server = sts().await;
    let url = server.url();
    let env = [("AWS_CONFIG_FILE", &*config), ("AWS_SHARED_CREDENTIALS_FILE", &keys), ("AWS_ENDPOINT_URL_STS", &url)];
    check_signed_by(&loaded(AWS, &[], &env), "AKIDFILE", None).await;
    check_signed_by(&loaded(AWS, &[("aws_profile_name", "role")], &env), "ASIAROLE", Some("sk-canary-token")).await;
    check_signed_by(&loaded(AWS, &[("aws_profile_name", "command")], &env), "AKIDPRINTED", None).await;
    let by_command = loaded(AWS, &[("aws_profile_name", "by-command")], &env);
    check_signed_by(&by_command, "ASIAROLE", Some("sk-canary-token")).await;
    for (name, message) in [
        ("a", "the AWS profile names sources in a circle"),
        ("sso", "the AWS profile uses single sign-on"),
        ("none", "the AWS profile holds no keys and no role"),
        ("other", "the AWS profile is in no file"),
    ] {
        let error = lines(&loaded(AWS, &[("aws_profile_name", name)], &env), now()).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Authentication, message), "{name}");
    }
    let lookup = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let params = BTreeMap::from([("aws_profile_name".to_owned(), Secret::new("none"))]);
    assert_eq!(region(&params, &lookup).as_deref(), Some("eu-north-1"));
}

#[tokio::test]
async fn a_container_asks_its_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "sk-canary\n").unwrap();
    let server = Server::start(|_| Some((200, machine_keys()))).await;
    let url = format!("{}/v1/credentials", server.url());
    let env = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let credentials = loaded(AWS, &[], &env);
    check_signed_by(&credentials, "ASIAMACHINE", Some("sk-canary-token")).await;
    let seen = server.seen().remove(0);
    assert_eq!((seen.target.as_str(), seen.header("authorization")), ("/v1/credentials", Some(CANARY)));
    check_cached(&credentials, &server).await;
    check_failures(
        |url| loaded(AWS, &[], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{url}/x"))]),
        r#"{"Code": "NotAllowed"}"#,
        "(NotAllowed)",
    )
    .await;
}

#[tokio::test]
async fn an_instance_asks_its_metadata_service_for_a_session_first() {
    let server = Server::start(|seen| {
        let has_session = seen.header("x-aws-ec2-metadata-token") == Some("session");
        match (seen.method.as_str(), seen.target.as_str()) {
            ("PUT", "/latest/api/token") => Some((200, "session".to_owned())),
            ("GET", "/latest/meta-data/iam/security-credentials/") if has_session => Some((200, "a-role".to_owned())),
            ("GET", "/latest/meta-data/iam/security-credentials/a-role") if has_session => Some((200, machine_keys())),
            _ => Some((401, String::new())),
        }
    })
    .await;
    let credentials = loaded(AWS, &[], &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url())]);
    check_signed_by(&credentials, "ASIAMACHINE", Some("sk-canary-token")).await;
    check_cached(&credentials, &server).await;

    let none = loaded(AWS, &[], &[("AWS_EC2_METADATA_DISABLED", "true")]);
    let error = lines(&none, now()).await.unwrap_err();
    assert_eq!(error.message, "there are no AWS credentials: no keys, no role, no profile");
}

#[tokio::test]
async fn failures_of_sts_are_named() {
    check_failures(
        |url| {
            let params = [KEYS[0], KEYS[1], ("aws_role_name", "arn:r"), ("aws_sts_endpoint", url)];
            loaded(AWS, &params, &[])
        },
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error>",
        "(AccessDenied)",
    )
    .await;
}

#[test]
fn mistakes_are_found_when_the_configuration_is_loaded() {
    let check = |cloud, params: &[(&str, &str)], env: &[(&str, &str)], expected: &str| {
        assert_eq!(load(cloud, params, env).map(|_| ()), Err(expected.to_owned()));
    };
    check(AWS, &KEYS[..1], &[], "aws_access_key_id is set, but not aws_secret_access_key");
    check(Cloud::Aws { region: "a/b" }, &KEYS, &[], "an AWS region holds only letters, digits and hyphens");
    let role = [("aws_role_name", "r"), ("aws_session_name", "s"), ("aws_web_identity_token", "oidc/env/NONE")];
    check(AWS, &role, &[], "aws_web_identity_token: the variable NONE is not set");
    let tags = [("aws_role_name", "r"), ("aws_session_tags", "x")];
    check(AWS, &tags, &[], "aws_session_tags must be a list of {\"Key\": …, \"Value\": …}");
    check(
        AWS,
        &[],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.test/")],
        "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or one of the container hosts",
    );
    check(AWS, &[], &[("AWS_BEARER_TOKEN_BEDROCK", "a\nb")], "the API key holds what no header may hold");
}

#[test]
fn the_region_is_looked_for_as_litellm_does() {
    let check = |params: &[(&str, &str)], env: &[(&str, &str)], expected: Option<&str>| {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        let lookup = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(region(&params, &lookup).as_deref(), expected);
    };
    let all = [("AWS_DEFAULT_REGION", "c"), ("AWS_REGION", "b"), ("AWS_REGION_NAME", "a")];
    check(&[("aws_region_name", "p"), ("region_name", "q")], &all, Some("p"));
    check(&[("region_name", "q")], &all, Some("q"));
    check(&[], &all, Some("a"));
    check(&[], &all[..2], Some("b"));
    check(&[], &all[..1], Some("c"));
    check(&[("aws_region_name", "")], &[("AWS_REGION_NAME", ""), ("AWS_REGION", "b")], Some("b"));
    check(&[], &[("AWS_REGION", "")], None);
}
