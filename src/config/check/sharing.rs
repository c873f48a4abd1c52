//! Where gateways share their limits: the Redis of `router_settings`, else the one of `general_settings.redis_url`, else the
//! one of a cache of `type: redis`. What such a section leaves out is taken from `REDIS_URL`, `REDIS_HOST` and the like,
//! as in LiteLLM; these variables alone ask for nothing.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use serde_json::Map;

use super::Sections;
use crate::config::raw::section::Section;
use crate::config::{Env, RedisTls, Sharing};
use crate::secret::Secret;

/// What keys begin with unless `cache_params.namespace` says.
const NAMESPACE: &str = "tollgate";
/// Redis's own.
const PORT: u64 = 6379;

pub(super) fn read(sections: &Sections<'_>, env: &dyn Env) -> Option<Sharing> {
    let cache = sections.litellm.with("cache_params", |cache| {
        let is_redis = cache.text("type").is_none_or(|kind| kind.starts_with("redis"));
        let url = address(cache, "", env).filter(|_| is_redis && cache.text("type").is_some());
        (url, cache.text("namespace"))
    });
    let (cache, namespace) = cache.unwrap_or_default();
    let router = sections.router;
    let is_said = ["redis_url", "redis_host"].iter().any(|key| router.get(key).is_some());
    let routers = is_said.then(|| address(router, "redis_", env)).flatten();
    let url = routers.or_else(|| sections.general.secret("redis_url")).or(cache)?;
    if !["redis://", "rediss://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
        sections.router.error("redis_url", "expected redis://HOST:PORT, or rediss://HOST:PORT for TLS");
        return None;
    }
    Some(Sharing {
        tls: sections
            .litellm
            .with("cache_params", |cache| tls(cache, env))
            .unwrap_or_else(|| tls(sections.top.over(&Map::new()), env)),
        url,
        namespace: namespace.filter(|name| !name.is_empty()).unwrap_or_else(|| NAMESPACE.to_owned()),
        rates_open: sections.top.with("tollgate", rates_open).unwrap_or(false),
        budgets_open: sections.general.flag("fail_closed_budget_enforcement") == Some(false),
    })
}

/// The URL, or one made of its parts.
fn address(section: Section<'_>, prefix: &str, env: &dyn Env) -> Option<Secret> {
    let of_env = |name: &str| env.get(&format!("REDIS_{name}")).filter(|value| !value.is_empty());
    let key = |name: &str| format!("{prefix}{name}");
    if let Some(url) = section.secret(&key("url")) {
        return Some(url);
    }
    let Some(host) = section.text(&key("host")).or_else(|| of_env("HOST")) else {
        return of_env("URL").map(Secret::new);
    };
    let port = section.count(&key("port")).or_else(|| of_env("PORT")?.parse().ok()).unwrap_or(PORT);
    let user = section.text(&key("username")).or_else(|| of_env("USERNAME")).unwrap_or_default();
    let password = section.secret(&key("password")).or_else(|| of_env("PASSWORD").map(Secret::new));
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let credentials = match password {
        Some(password) => format!("{}:{}@", escaped(&user), escaped(password.expose())),
        None => String::new(),
    };
    let is_tls = section.flag(&key("ssl")).or_else(|| flag(&of_env("SSL")?)).unwrap_or(false);
    let scheme = if is_tls { "rediss" } else { "redis" };
    let database = section.count(&key("db")).map(|number| format!("/{number}")).unwrap_or_default();
    Some(Secret::new(format!("{scheme}://{credentials}{host}:{port}{database}")))
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Files for TLS, of a cache's section, else of the environment.
fn tls(cache: Section<'_>, env: &dyn Env) -> RedisTls {
    let said = |name: &str| {
        let of_env = || env.get(&format!("REDIS_{}", name.to_ascii_uppercase())).filter(|value| !value.is_empty());
        cache.text(name).or_else(of_env)
    };
    let is_unchecked = said("ssl_cert_reqs").is_some_and(|said| said.eq_ignore_ascii_case("none"));
    if is_unchecked || said("ssl_check_hostname").and_then(|said| flag(&said)) == Some(false) {
        cache.warning("ssl_cert_reqs", "certificates and names are always checked; ssl_ca_certs says who signs them");
    }
    let own = match (said("ssl_certfile"), said("ssl_keyfile")) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => {
            cache.error("ssl_certfile", "needs ssl_keyfile, and that needs it");
            None
        }
    };
    RedisTls { authorities: said("ssl_ca_certs").map(Into::into), own }
}

fn rates_open(tollgate: Section<'_>) -> bool {
    match tollgate.text("rate_limits_without_redis").as_deref() {
        None | Some("divided") => false,
        Some("full") => true,
        Some(_) => {
            tollgate.error("rate_limits_without_redis", "expected divided or full");
            false
        }
    }
}
