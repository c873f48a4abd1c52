//! The rules of docs/architecture.md that a compiler does not know, held over the text of `src/`.
//!
//! A rule is a function from one file to its offences. Each runs over the whole tree, and over a sample that breaks it,
//! so that a rule which stopped seeing anything is found too. Code of unit tests is not looked at.
#![cfg(test)]

mod rules;
mod source;

use rules::{RULES, Rule};
use source::Source;

/// All files of the crate.
fn tree() -> Vec<Source> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = source::rust_files(&root.join("src"));
    assert!(files.len() > 3, "no sources found under {}", root.display());
    files.iter().map(|file| Source::read(root, file)).collect()
}

fn offences(rule: Rule, tree: &[Source]) -> Vec<String> {
    tree.iter().flat_map(|file| rule(file).into_iter().map(move |what| format!("{}: {what}", file.path))).collect()
}

#[test]
fn the_tree_keeps_every_rule() {
    let tree = tree();
    let found: Vec<String> = RULES.iter().flat_map(|&(_, rule)| offences(rule, &tree)).collect();
    assert!(found.is_empty(), "{} offences against docs/architecture.md:\n{}", found.len(), found.join("\n"));
}

/// Rule, file, a text that breaks the rule, and a word that its message must hold. An empty word: the text is fine.
const SAMPLES: &[(&str, &str, &str, &str)] = &[
    ("layers", "src/router/plan.rs", "use crate::proxy::Context;", "proxy"),
    ("layers", "src/proxy/admit.rs", "use crate::{error::Error, admin};", "admin"),
    ("layers", "src/wire/sse.rs", "fn f() { crate::config::load() }", "config"),
    ("layers", "src/admin/keys/info.rs", "use crate::proxy::Snapshot;", "proxy"),
    ("layers", "src/admin/keys/info.rs", "use crate::{auth::Role, store::Store};", ""),
    ("layers", "src/telemetry/log.rs", "use crate::cache::Cache;", "cache"),
    ("layers", "src/soup.rs", "", "soup"),
    ("layers", "src/config/check.rs", "use crate::providers::KNOWN;", ""),
    ("layers", "src/proxy/admit.rs", "use crate::{\n    auth::{Caller, crate_key},\n    error::Error,\n};", ""),
    ("layers", "src/main.rs", "use tollgate::{app, config};", ""),
    ("layers", "src/auth.rs", "#[cfg(test)]\nmod tests { use crate::proxy::X; }", ""),
    ("foreign_crates", "src/config/raw.rs", "use pingora_core::upstreams::peer::HttpPeer;", "pingora_core"),
    ("foreign_crates", "src/app.rs", "let value: serde_yaml::Value = x;", "serde_yaml"),
    ("foreign_crates", "src/proxy/settle.rs", "prometheus::gather()", "prometheus"),
    ("foreign_crates", "src/auth.rs", "use sqlx::Row;", "sqlx"),
    ("foreign_crates", "src/proxy/mod.rs", "use pingora::proxy::Session;", ""),
    ("provider_names", "src/router/plan.rs", r#"if provider == "anthropic" {}"#, "anthropic"),
    ("provider_names", "src/config/check.rs", r##"let m = r#"groq/llama"#;"##, "groq"),
    ("provider_names", "src/providers/table.rs", r#"("groq", "https://api.groq.com/openai/v1")"#, ""),
    ("purity", "src/limiter/bucket.rs", "let now = Instant::now();", "Instant::now"),
    ("purity", "src/router.rs", "fastrand::u64(..)", "fastrand"),
    ("purity", "src/wire/peek.rs", "use tokio::io::AsyncRead;", "tokio"),
    ("purity", "src/pricing.rs", "std::fs::read(path)", "std::fs"),
    ("purity", "src/proxy/settle.rs", "let now = Instant::now();", ""),
    ("status_codes", "src/proxy/refuse.rs", "StatusCode::NOT_FOUND", "NOT_FOUND"),
    ("status_codes", "src/proxy/local.rs", "ResponseHeader::build(404, None)", "404"),
    ("status_codes", "src/proxy/local.rs", "const GONE: u16 = 499;", "499"),
    ("status_codes", "src/proxy/local.rs", "ResponseHeader::build(200, None)", ""),
    ("status_codes", "src/proxy/open.rs", "const PAUSE: Duration = Duration::from_millis(500);", ""),
    ("status_codes", "src/router/retry.rs", "const FEWEST: usize = 500;", ""),
    ("status_codes", "src/error.rs", "StatusCode::NOT_FOUND", ""),
    ("no_unsafe", "src/cache/mod.rs", "unsafe { *pointer }", "unsafe"),
    ("no_unsafe", "src/cache/mod.rs", "// unsafe\nlet unsafely = \"unsafe\";", ""),
    ("file_names", "src/proxy/helpers.rs", "", "helpers"),
    ("file_names", "src/key_manager.rs", "", "manager"),
    ("file_names", "src/proxy/admit.rs", "", ""),
    ("machine_paths", "src/app.rs", concat!("let x = \"/ro", "ot/data\";"), "machine"),
];

#[test]
fn every_rule_sees_its_bad_sample() {
    for &(name, path, text, word) in SAMPLES {
        let (_, rule) = RULES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no rule {name}"));
        let found = rule(&Source::new(path, text));
        match word {
            "" => assert!(found.is_empty(), "{name} objects to {text:?} in {path}: {found:?}"),
            word => {
                assert!(found.iter().any(|what| what.contains(word)), "{name} lets {text:?} pass in {path}: {found:?}")
            }
        }
    }
    let long = Source::new("src/app.rs", &"\n".repeat(rules::LONGEST_FILE + 1));
    assert_eq!(rules::file_length(&long).len(), 1);
    for (name, _) in RULES.iter().filter(|(name, _)| *name != "file_length") {
        let seen = SAMPLES.iter().any(|(sample, _, _, word)| sample == name && !word.is_empty());
        assert!(seen, "the rule {name} has no sample that breaks it");
    }
}

#[test]
fn every_dependency_has_its_line() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let page = read("docs/dependencies.md");
    let words: Vec<&str> = page.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).collect();
    for manifest in ["Cargo.toml", "loadtest/Cargo.toml"] {
        let manifest = read(manifest);
        let sections = manifest.split("\n[").filter(|section| section.contains("dependencies]\n"));
        let lines = sections
            .flat_map(|section| section.lines().skip(1))
            .filter(|line| !line.starts_with('#') && line.contains('='));
        let names = lines.filter_map(|line| line.split(['=', '.', ' ']).next());
        for name in names.filter(|name| !name.is_empty() && *name != "tollgate") {
            assert!(words.contains(&name), "docs/dependencies.md does not say what {name} is for");
        }
    }
}
