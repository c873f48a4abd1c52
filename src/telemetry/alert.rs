//! What the operator is told of budgets, in LiteLLM's words: the body of its webhook, and its message to Slack.

use serde::Serialize;
use serde_json::{Value, json};

/// LiteLLM's `WebhookEvent`. Money in dollars.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Alert {
    pub spend: f64,
    pub max_budget: Option<f64>,
    pub soft_budget: Option<f64>,
    /// A key's digest.
    pub token: Option<String>,
    pub customer_id: Option<String>,
    pub user_id: Option<String>,
    pub team_id: Option<String>,
    pub team_alias: Option<String>,
    pub organization_id: Option<String>,
    pub user_email: Option<String>,
    pub key_alias: Option<String>,
    /// Not estimated here.
    pub projected_exceeded_date: Option<String>,
    /// Not estimated here.
    pub projected_spend: Option<f64>,
    /// Whose budget: `key`, `user`, `team` …
    pub event_group: &'static str,
    /// `budget_crossed`, `threshold_crossed`, `soft_budget_crossed`.
    pub event: &'static str,
    /// For people.
    pub event_message: String,
}

impl Alert {
    /// The body for a webhook.
    pub fn webhook(&self) -> Value {
        json!(self)
    }

    /// The body for Slack: `time` is `HH:MM:SS`, `address` where people find the gateway.
    pub fn slack(&self, time: &str, address: Option<&str>) -> Value {
        let known = self.webhook();
        let members = known.as_object().into_iter().flatten();
        let facts = members.filter(|(name, value)| !value.is_null() && !name.starts_with("event"));
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let facts: String = facts.map(|(name, value)| format!("\n{name}: {}\n", plain(value))).collect();
        let mut text = format!("Level: `High`\nTimestamp: `{time}`\n\nMessage: {}\n\n{facts}", self.event_message);
        if let Some(address) = address {
            text.push_str(&format!("\n\nProxy URL: `{address}`"));
        }
        json!({ "text": text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_what_is_known() {
        let alert = Alert {
            spend: 0.9,
            max_budget: Some(1.0),
            token: Some("07ab".to_owned()),
            event: "threshold_crossed",
            event_group: "key",
            event_message: "Key Budget: 15% Threshold Crossed".to_owned(),
            ..Alert::default()
        };
        let body = alert.webhook();
        assert_eq!(
            (&body["spend"], &body["user_id"], &body["event_group"]),
            (&json!(0.9), &Value::Null, &json!("key"))
        );
        let text = alert.slack("10:11:12", Some("https://llm.example.com"))["text"].as_str().unwrap().to_owned();
        let expected = "Level: `High`\nTimestamp: `10:11:12`\n\nMessage: Key Budget: 15% Threshold Crossed\n\n\
                        \nspend: 0.9\n\nmax_budget: 1.0\n\ntoken: 07ab\n\n\nProxy URL: `https://llm.example.com`";
        assert_eq!(text, expected);
    }
}
