//! Who is told of budgets: `general_settings.alerting` names the ways, variables of the environment where they lead.

use serde_json::Value;

use crate::config::raw::section::Section;
use crate::config::{Alerting, Env};
use crate::secret::Secret;

/// The one sort of alerts that there is, of LiteLLM's `alert_types`.
const BUDGETS: &str = "budget_alerts";

pub(super) fn read(general: Section<'_>, env: &dyn Env) -> Option<Alerting> {
    let ways = general.texts("alerting");
    let sorts = general.texts("alert_types");
    for way in ways.iter().filter(|way| !["slack", "webhook"].contains(&way.as_str())) {
        general.warning("alerting", format!("{way:?} is not built in: slack and webhook are"));
    }
    if ways.is_empty() || !(sorts.is_empty() || sorts.iter().any(|sort| sort == BUDGETS)) {
        return None;
    }
    let goes = |way: &str| ways.iter().any(|known| known == way);
    let of_env = |name: &str| url(general, name, env.get(name).filter(|text| !text.is_empty())?);
    let slack = if goes("slack") {
        for_budgets(general).unwrap_or_else(|| of_env("SLACK_WEBHOOK_URL").into_iter().collect())
    } else {
        Vec::new()
    };
    let webhook = of_env("WEBHOOK_URL").filter(|_| goes("webhook"));
    for (way, variable, is_missing) in
        [("slack", "SLACK_WEBHOOK_URL", slack.is_empty()), ("webhook", "WEBHOOK_URL", webhook.is_none())]
    {
        if goes(way) && is_missing {
            general.warning("alerting", format!("{way} leads nowhere: {variable} is not set"));
        }
    }
    let address = env.get("PROXY_BASE_URL").filter(|text| !text.is_empty());
    (!slack.is_empty() || webhook.is_some()).then_some(Alerting { slack, webhook, address })
}

/// `alert_to_webhook_url.budget_alerts`: one address or several, instead of `SLACK_WEBHOOK_URL`.
fn for_budgets(general: Section<'_>) -> Option<Vec<Secret>> {
    let said = general.mapping("alert_to_webhook_url")?.get(BUDGETS)?;
    let texts = match said {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        text => Vec::from_iter(text.as_str()),
    };
    let urls: Vec<Secret> =
        texts.into_iter().filter_map(|text| url(general, "alert_to_webhook_url", text.to_owned())).collect();
    (!urls.is_empty()).then_some(urls)
}

/// An address, which is not repeated: who has it can write there.
fn url(general: Section<'_>, name: &str, text: String) -> Option<Secret> {
    if ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) && text.parse::<http::Uri>().is_ok() {
        return Some(Secret::new(text));
    }
    general.problems().error(name, "expected an address, http:// or https://");
    None
}
