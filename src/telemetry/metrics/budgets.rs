//! How keys, teams, users and organizations stand with their budgets and with their limits for models: LiteLLM's gauges,
//! made anew for each page from what is held in memory at that moment. Nothing of it costs a request anything.

use prometheus::Registry;
use prometheus::proto::MetricFamily;

use super::list::List;

/// Budgets of one sort of owner, and limits of keys for models, that a page shows; what is beyond it is counted in `tollgate_budgets_not_shown`.
pub const BUDGETS_SHOWN: usize = 2_000;

/// Who has a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Key,
    Team,
    User,
    Organization,
}

/// How one of them stands with its budget.
#[derive(Clone, Debug)]
pub struct BudgetLine {
    pub owner: Owner,
    /// Of a key its SHA-256 in hex.
    pub id: String,
    /// What people call it. Users have none here.
    pub alias: Option<String>,
    /// Dollars.
    pub max: f64,
    /// Dollars; below nothing where more was spent.
    pub remaining: f64,
    /// Until it begins anew.
    pub hours: Option<f64>,
}

/// What is left of a key's limits for one model.
#[derive(Clone, Debug)]
pub struct ModelLine {
    /// SHA-256 of the key in hex.
    pub key: String,
    pub alias: Option<String>,
    pub model: String,
    pub requests: Option<u64>,
    pub tokens: Option<u64>,
}

/// What a page shows of budgets and limits.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    pub budgets: Vec<BudgetLine>,
    pub models: Vec<ModelLine>,
    /// Left out, because there were too many.
    pub not_shown: usize,
}

impl Owner {
    /// How many sorts there are.
    pub const COUNT: usize = 4;
    const ALL: [Self; Self::COUNT] = [Self::Key, Self::Team, Self::User, Self::Organization];

    /// LiteLLM's word in the names of its gauges, and its labels for the id and the alias.
    fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Key => ("api_key", &["hashed_api_key", "api_key_alias"]),
            Self::Team => ("team", &["team", "team_alias"]),
            Self::User => ("user", &["user"]),
            Self::Organization => ("org", &["org_id", "org_alias"]),
        }
    }
}

/// The gauges of them all.
pub(super) fn families(holdings: &Holdings) -> prometheus::Result<Vec<MetricFamily>> {
    let registry = Registry::new();
    let list = List(&registry);
    let help = "Budgets and limits that are not on this page: there are too many.";
    list.gauge("tollgate_budgets_not_shown", help)?.set(i64::try_from(holdings.not_shown).unwrap_or(i64::MAX));
    Owner::ALL.into_iter().try_for_each(|owner| budgets(&list, owner, &holdings.budgets))?;
    models(&list, &holdings.models)?;
    Ok(registry.gather())
}

fn budgets(list: &List<'_>, owner: Owner, lines: &[BudgetLine]) -> prometheus::Result<()> {
    let (word, labels) = owner.words();
    let gauges = |name: &str, help| list.float_gauges(name, help, labels);
    let remaining = gauges(&format!("litellm_remaining_{word}_budget_metric"), "Dollars left of the budget.")?;
    let max = gauges(&format!("litellm_{word}_max_budget_metric"), "Dollars of the budget.")?;
    let hours = gauges(&format!("litellm_{word}_budget_remaining_hours_metric"), "Hours until it begins anew.")?;
    for line in lines.iter().filter(|line| line.owner == owner) {
        let both = [line.id.as_str(), line.alias.as_deref().unwrap_or("None")];
        let values = both.get(..labels.len()).unwrap_or_default();
        remaining.with_label_values(values).set(line.remaining);
        max.with_label_values(values).set(line.max);
        if let Some(left) = line.hours {
            hours.with_label_values(values).set(left);
        }
    }
    Ok(())
}

fn models(list: &List<'_>, lines: &[ModelLine]) -> prometheus::Result<()> {
    const LABELS: &[&str] = &["hashed_api_key", "api_key_alias", "model"];
    let gauges = |name, help| list.gauges(name, help, LABELS);
    let requests =
        gauges("litellm_remaining_api_key_requests_for_model", "Requests left to a key with limits for a model.")?;
    let tokens = gauges("litellm_remaining_api_key_tokens_for_model", "Tokens left to a key with limits for a model.")?;
    for line in lines {
        let values = [line.key.as_str(), line.alias.as_deref().unwrap_or("None"), &line.model];
        for (gauges, left) in [(&requests, line.requests), (&tokens, line.tokens)] {
            if let Some(left) = left {
                gauges.with_label_values(&values).set(i64::try_from(left).unwrap_or(i64::MAX));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder, TextEncoder};

    use super::*;

    #[test]
    fn they_have_litellms_names_and_labels() {
        let line = BudgetLine {
            owner: Owner::Team,
            id: "t".to_owned(),
            alias: Some("Red".to_owned()),
            max: 10.0,
            remaining: 10.0 - 0.000_25,
            hours: Some(1.5),
        };
        let user = BudgetLine { owner: Owner::User, id: "u".to_owned(), hours: None, ..line.clone() };
        let model =
            ModelLine { key: "88dc".to_owned(), alias: None, model: "gpt".to_owned(), requests: Some(3), tokens: None };
        let holdings = Holdings { budgets: vec![line, user], models: vec![model], not_shown: 7 };
        let mut text = Vec::new();
        TextEncoder::new().encode(&families(&holdings).unwrap(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                r#"litellm_remaining_api_key_requests_for_model{api_key_alias="None",hashed_api_key="88dc",model="gpt"} 3"#,
                r#"litellm_remaining_team_budget_metric{team="t",team_alias="Red"} 9.99975"#,
                r#"litellm_remaining_user_budget_metric{user="u"} 9.99975"#,
                r#"litellm_team_budget_remaining_hours_metric{team="t",team_alias="Red"} 1.5"#,
                r#"litellm_team_max_budget_metric{team="t",team_alias="Red"} 10"#,
                r#"litellm_user_max_budget_metric{user="u"} 10"#,
                "tollgate_budgets_not_shown 7",
            ]
        );
    }
}
