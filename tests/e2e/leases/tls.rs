//! Redis over TLS.

use crate::support::openai::config;
use crate::support::servers::Server;
use crate::support::{Launch, eventually_async};

#[tokio::test]
async fn redis_is_reached_over_tls_by_who_trusts_its_certificate() {
    let (_redis, port, authority) = Server::redis_with_tls().await;
    let settings = format!(
        "general_settings: {{master_key: {}}}\nrouter_settings: {{redis_host: 127.0.0.1, redis_port: {port}}}\n",
        crate::support::KEY
    );
    let launch = || Launch::with_config(&config(&[], &settings)).env("REDIS_SSL", "true");
    let trusting = launch().env("REDIS_SSL_CA_CERTS", authority.to_str().unwrap()).start().await;
    let doubting = launch().start().await;
    trusting.metric_is("tollgate_redis_up", 1.0).await;
    let failures = "tollgate_redis_failures";
    eventually_async("a refusal", async || doubting.metric(failures).await.filter(|count| *count > 0.0)).await;
    assert_eq!(doubting.metric("tollgate_redis_up").await, Some(0.0), "the system trusts nobody of that name");
}
