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
    let value = async |gateway: &crate::support::Gateway, name: &str| {
        let page = gateway.metrics().await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap().parse::<f64>().unwrap()
    };
    eventually_async("Redis", async || (value(&trusting, "tollgate_redis_up").await == 1.0).then_some(())).await;
    let failures = "tollgate_redis_failures";
    eventually_async("a refusal", async || (value(&doubting, failures).await > 0.0).then_some(())).await;
    assert_eq!(value(&doubting, "tollgate_redis_up").await, 0.0, "the system trusts nobody of that name");
}
