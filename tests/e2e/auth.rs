//! Who may call: the master key in every header that LiteLLM reads, the refusals' texts, the address list.

use crate::support::openai::{ask, config, deployment, hello, one_model};
use crate::support::{Gateway, KEY, Request, Upstream};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn ask_with(headers: Headers) -> Request {
    let request = Request::chat(&ask("gpt")).without_key();
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[tokio::test]
async fn the_master_key_is_taken_from_every_header_that_litellm_reads() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let bearer = format!("Bearer {KEY}");
    let lower = format!("bearer {KEY}");
    let basic = format!("Basic {KEY}");
    let accepted: &[Headers] = &[
        &[("authorization", &bearer)],
        &[("Authorization", &lower)],
        &[("authorization", KEY)],
        &[("authorization", &basic)],
        &[("x-litellm-api-key", KEY)],
        &[("x-litellm-api-key", &bearer)],
        &[("api-key", KEY)],
        &[("x-api-key", KEY)],
        &[("x-goog-api-key", KEY)],
        &[("ocp-apim-subscription-key", KEY)],
        &[("authorization", "Bearer sk-not-this-one"), ("x-litellm-api-key", KEY)],
        &[("x-api-key", "sk-not-this-one"), ("authorization", &bearer)],
    ];
    for headers in accepted {
        let response = gateway.call(&ask_with(headers)).await;
        assert_eq!(response.status, 200, "{headers:?}: {}", response.text());
        let received = upstream.last();
        assert_eq!(received.header("authorization"), Some("Bearer sk-upstream"), "{headers:?}");
        assert!(received.headers.iter().all(|(_, value)| !value.contains(KEY)), "{headers:?} went up");
    }
}

#[tokio::test]
async fn other_keys_are_refused_in_litellms_words() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&one_model(&upstream)).await;
    let longer = format!("{KEY}x");
    let cases: &[(Headers, u16, &str, &str)] = &[
        (&[], 401, "auth_error", "Authentication Error, No api key passed in."),
        (&[("authorization", "Bearer ")], 401, "auth_error", "No api key passed in."),
        (&[("authorization", "Bearer wrong")], 401, "auth_error", "expected to start with 'sk-'"),
        (&[("authorization", "Bearer sk-unknown")], 401, "token_not_found_in_db", "Invalid proxy server token passed"),
        (&[("authorization", &longer)], 401, "token_not_found_in_db", "Invalid proxy server token passed"),
        (
            &[("authorization", &KEY[..KEY.len() - 1])],
            401,
            "token_not_found_in_db",
            "Invalid proxy server token passed",
        ),
        (
            &[("x-litellm-api-key", "sk-unknown"), ("authorization", KEY)],
            401,
            "token_not_found_in_db",
            "Invalid proxy server token passed",
        ),
        (&[("cookie", KEY)], 401, "auth_error", "No api key passed in."),
    ];
    for (headers, status, error_type, message) in cases {
        let response = gateway.call(&ask_with(headers)).await;
        let error = response.json()["error"].clone();
        assert_eq!((response.status, error["type"].as_str()), (*status, Some(*error_type)), "{headers:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{headers:?}: {error}");
        assert_eq!(error["code"], status.to_string());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_custom_header_can_carry_the_key() {
    let upstream = Upstream::start([hello()]).await;
    let settings = "general_settings: {master_key: sk-e2e-master, litellm_key_header_name: X-Our-Key}";
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], settings)).await;
    for value in [KEY.to_owned(), format!("Bearer {KEY}")] {
        assert_eq!(gateway.call(&ask_with(&[("x-our-key", &value)])).await.status, 200, "{value}");
    }
}

#[tokio::test]
async fn without_a_master_key_everybody_is_served_and_the_log_says_so() {
    let upstream = Upstream::start([hello()]).await;
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], "general_settings: {}")).await;
    gateway.line_with(&["master_key"]).await;
    assert_eq!(gateway.call(&ask_with(&[])).await.status, 200);
    assert_eq!(gateway.call(&ask_with(&[("authorization", "Bearer anything")])).await.status, 200);
}

#[tokio::test]
async fn only_listed_addresses_are_served() {
    for (listed, status) in [("127.0.0.1", 200), ("127.0.0.0/8", 200), ("10.0.0.0/8", 403), ("192.0.2.1", 403)] {
        let upstream = Upstream::start([hello()]).await;
        let settings = format!("general_settings: {{master_key: {KEY}, allowed_ips: [\"{listed}\"]}}");
        let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], &settings)).await;
        let claimed = Request::chat(&ask("gpt")).header("x-forwarded-for", "10.1.1.1");
        assert_eq!(gateway.call(&claimed).await.status, status, "{listed}: the header is not believed");
    }
}

#[tokio::test]
async fn the_forwarded_address_counts_where_it_is_trusted() {
    let upstream = Upstream::start([hello()]).await;
    let settings =
        format!("general_settings: {{master_key: {KEY}, allowed_ips: [\"10.0.0.0/8\"], use_x_forwarded_for: true}}");
    let gateway = Gateway::start(&config(&[deployment("gpt", &upstream, "")], &settings)).await;
    for (forwarded, status) in [("10.1.1.1", 200), ("192.0.2.1", 403)] {
        let request = Request::chat(&ask("gpt")).header("x-forwarded-for", forwarded);
        assert_eq!(gateway.call(&request).await.status, status, "{forwarded}");
    }
}
