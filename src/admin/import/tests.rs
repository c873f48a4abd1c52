//! Rows of many releases, read.

use serde_json::{Value, json};

use super::related::Related;
use super::report::Report;
use super::{Found, Row, keys, people};
use crate::auth::KeyDigest;
use crate::governance::rows;

fn row(value: Value) -> Row {
    value.as_object().unwrap().clone()
}

fn key(more: Value) -> Result<Found, String> {
    let mut row = row(more);
    row.insert("token".to_owned(), json!(KeyDigest::of("sk-1").to_string()));
    keys::key(&row, &Related::default()).map(|mut found| found.pop().unwrap())
}

#[test]
fn a_key_of_an_old_release_is_a_key() {
    let found = key(json!({
        "key_name": "sk-...1", "models": ["gpt"], "aliases": "{\"a\": \"gpt\"}", "metadata": "{}", "config": [],
        "team_id": "", "expires": "2027-01-02T03:04:05", "permissions": null, "zzz": 1, "key_type": "of tomorrow",
        "model_max_budget": {"gpt": "0.5", "dear": 2, "x": {"budget_limit": "1.5", "time_period": "1d", "tpm_limit": null}},
        "budget_limits": {},
    }))
    .unwrap();
    let doc = Value::Object(found.object.doc.clone());
    assert_eq!((&doc["aliases"], &doc["metadata"]), (&json!({"a": "gpt"}), &json!({})));
    assert_eq!(doc["expires"], "2027-01-02T03:04:05Z");
    assert_eq!(doc["model_max_budget"]["x"], json!({"budget_limit": 1.5, "time_period": "1d"}));
    assert_eq!(doc["model_max_budget"]["dear"], json!({"max_budget": 2.0}));
    for name in ["team_id", "permissions", "zzz", "budget_limits", "config"] {
        assert_eq!(doc.get(name), None, "{name}");
    }
    assert_eq!((found.object.team_id.as_deref(), found.counters.len()), (None, 0));
    assert!(rows::Row::of(&found.object).is_some_and(|row| row.model_max_budget["x"].max_budget == Some(1.5)));
}

#[test]
fn what_protects_is_read_or_nothing_is() {
    for (more, word) in [
        (json!({"expires": "infinity"}), "expires"),
        (json!({"max_budget": "NaN"}), "max_budget"),
        (json!({"models": "gpt"}), "models"),
        (json!({"metadata": "no json", "rpm_limit": 1.5}), "rpm_limit, metadata"),
    ] {
        let why = key(more.clone()).unwrap_err();
        assert!(why.contains(word), "{more}: {why}");
    }
    let plain = row(json!({"token": "sk-canary"}));
    assert!(!keys::name(&plain).contains("canary") && keys::key(&plain, &Related::default()).is_err());
}

#[test]
fn what_was_spent_is_of_its_window() {
    let of = |more: Value, scope: &str| {
        let counters = key(more).unwrap().counters;
        let found = counters.iter().find(|counter| counter.scope == scope);
        found.map(|counter| (counter.spent, counter.resets_at))
    };
    let counted = |more: Value| of(more, "key");
    let ends = "2026-12-01T00:00:00";
    assert_eq!(counted(json!({"spend": 0.0, "budget_duration": "30d"})), None);
    assert_eq!(counted(json!({"spend": 1.5})), Some((1_500_000_000_000, 0)));
    let windowed = json!({"spend": 1e-6, "budget_duration": "30d", "budget_reset_at": ends});
    assert_eq!(counted(windowed), Some((1_000_000, 1_796_083_200)));
    assert_eq!(counted(json!({"spend": 1, "budget_reset_at": ends})), Some((1_000_000_000_000, 0)), "without a window");
    let never = json!({"spend": 1, "budget_duration": "for ever", "budget_reset_at": ends});
    assert_eq!(counted(never), Some((1_000_000_000_000, 0)));
    let total = |more: Value| of(more, "key_total");
    assert_eq!(total(json!({"spend": 0.0})), None);
    assert_eq!(
        total(json!({"spend": 1.5, "budget_duration": "30d", "budget_reset_at": ends})),
        Some((1_500_000_000_000, 0))
    );
    assert_eq!(total(json!({"spend": 1.5, "total_spend": 0.0})), Some((1_500_000_000_000, 0)), "a column that is new");
    assert_eq!(total(json!({"spend": 0.0, "total_spend": 2})), Some((2_000_000_000_000, 0)));
}

#[test]
fn the_budget_user_of_the_proxy_has_what_everybody_spent() {
    let of = |id: &str| {
        let row = row(json!({"user_id": id, "spend": 2, "user_role": "admin", "password": "canary"}));
        people::user(&row, &Related::default()).unwrap().pop().unwrap()
    };
    let global = of("litellm-proxy-budget").counters.remove(0);
    assert_eq!((global.scope.as_str(), global.id.as_str()), ("global", ""));
    let user = of("ann");
    assert_eq!(user.counters.first().unwrap().scope, "user");
    assert_eq!((&user.object.doc["user_role"], user.object.doc.get("password")), (&json!("proxy_admin"), None));
}

#[test]
fn a_report_tells_some_ids_and_counts_the_others() {
    let mut report = Report::new(false);
    report.begin("keys");
    for number in 0..25 {
        report.pass_over(format!("k{number}"), "has no token".to_owned());
    }
    report.end();
    let text = report.to_string();
    assert!(text.contains("to import") && text.contains("nothing was written"), "{text}");
    assert!(text.contains("passed over, keys, has no token: k0, k1") && text.contains("k19 and 5 more"), "{text}");
    assert!(!text.contains("k20"), "{text}");
}
