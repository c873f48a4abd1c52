//! The rules themselves. docs/architecture.md and CONTRIBUTING.md say why they are as they are.

use crate::source::{Source, words};

/// What a file does wrong, one text per offence.
pub type Rule = fn(&Source) -> Vec<String>;

/// All rules, by name.
pub const RULES: &[(&str, Rule)] = &[
    ("layers", layers),
    ("foreign_crates", foreign_crates),
    ("provider_names", provider_names),
    ("purity", purity),
    ("status_codes", status_codes),
    ("no_unsafe", no_unsafe),
    ("file_length", file_length),
    ("file_names", file_names),
    ("machine_paths", machine_paths),
];

/// From the program's entry to what everything stands on. A module may import from later rows only.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["lib"],
    &["app"],
    &["proxy", "admin"],
    &["governance"],
    &["providers", "store", "config", "cache", "telemetry"],
    &["auth", "router", "limiter", "wire", "pricing"],
    &["error", "secret", "clock", "decimal", "drawing", "allowance"],
];

/// Importer and imported, beyond the rows: the configuration infers providers from model names, and a cost is counted
/// from the usage that the wire reads.
const EXTRA_IMPORTS: &[(&str, &str)] = &[("config", "providers"), ("pricing", "wire")];

/// Crates, by the beginning of their name, and the modules that may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("pingora", &["proxy", "app", "main"]),
    ("serde_yaml", &["config"]),
    ("prometheus", &["telemetry"]),
    ("redis", &["store"]),
    ("sqlx", &["store"]),
];

const PURE: &[&str] = &["auth", "router", "limiter", "wire", "pricing"];

/// Time, randomness, files and sockets: a pure module gets what it needs of them as arguments.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "TcpStream",
    "UdpSocket",
    "fastrand",
    "rand",
    "std::env",
    "std::fs",
    "std::thread",
    "tokio",
];

const PROVIDERS: &[&str] = &[
    "anthropic",
    "azure",
    "azure_ai",
    "bedrock",
    "cerebras",
    "cohere",
    "dashscope",
    "databricks",
    "deepinfra",
    "deepseek",
    "fireworks_ai",
    "gemini",
    "groq",
    "hosted_vllm",
    "hyperbolic",
    "lm_studio",
    "meta_llama",
    "mistral",
    "moonshot",
    "nvidia_nim",
    "ollama",
    "ollama_chat",
    "openai",
    "openrouter",
    "perplexity",
    "replicate",
    "sambanova",
    "together_ai",
    "vertex_ai",
    "vllm",
    "volcengine",
    "xai",
];

/// Lines in a file, and the few files that may be longer, each with its reason.
pub const LONGEST_FILE: usize = 400;
const LONG_FILES: &[(&str, &str)] = &[];

const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc"];

fn layers(file: &Source) -> Vec<String> {
    let row = |module: &str| LAYERS.iter().position(|row| row.contains(&module));
    let from = file.module();
    let Some(own_row) = row(from) else {
        return vec![format!("the module {from} has no place in LAYERS")];
    };
    let root = if from == "main" { "tollgate" } else { "crate" };
    let allowed = |to: &str| {
        to == from || from == "lib" || EXTRA_IMPORTS.contains(&(from, to)) || row(to).is_none_or(|row| row > own_row)
    };
    file.imports(root).into_iter().filter(|to| !allowed(to)).map(|to| format!("{from} imports {to}")).collect()
}

fn foreign_crates(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for word in file.words() {
        let first = word.split("::").next().unwrap_or_default();
        for (name, homes) in HOMES {
            let is_it = first == *name || (*name == "pingora" && first.starts_with("pingora_"));
            if is_it && !homes.contains(&file.module()) {
                found.push(format!("{first} belongs into {} only", homes.join(", ")));
            }
        }
    }
    found
}

fn provider_names(file: &Source) -> Vec<String> {
    if ["providers", "wire"].contains(&file.module()) {
        return Vec::new();
    }
    let names = |text: &str| PROVIDERS.contains(&text.split('/').next().unwrap_or_default());
    file.strings.iter().filter(|text| names(text)).map(|text| format!("names a provider: {text:?}")).collect()
}

fn purity(file: &Source) -> Vec<String> {
    if !PURE.contains(&file.module()) {
        return Vec::new();
    }
    let impure = |word: &str| IMPURE.iter().find(|banned| format!("::{word}::").contains(&format!("::{banned}::")));
    file.words().filter_map(|word| impure(word).map(|banned| format!("{banned} in a pure module ({word})"))).collect()
}

/// A status of failure: a named constant anywhere, and in the modules that answer clients a number that looks like one.
fn status_codes(file: &Source) -> Vec<String> {
    if file.module() == "error" {
        return Vec::new();
    }
    let constants = file.words().filter_map(|word| word.split("StatusCode::").nth(1));
    let is_success = |name: &&str| ["OK", "CREATED", "NO_CONTENT"].contains(name);
    let named = constants.filter(|name| name.starts_with(|c: char| c.is_uppercase()) && !is_success(name));
    let answers_clients = ["proxy", "admin"].contains(&file.module());
    // Half a second is no status.
    let code = file.code.replace("from_millis(500)", "");
    let numbers = words(&code).filter(|word| answers_clients && is_failure(word));
    named.chain(numbers).map(|what| format!("the status {what} belongs into error.rs")).collect()
}

/// Whether a number is a registered status of failure, or nginx's 499.
fn is_failure(word: &str) -> bool {
    let number =
        word.split('_').next().filter(|digits| digits.len() == 3).and_then(|digits| digits.parse::<u16>().ok());
    number.is_some_and(|number| matches!(number, 400..=431 | 451 | 499 | 500..=511))
}

fn no_unsafe(file: &Source) -> Vec<String> {
    file.words().filter(|word| *word == "unsafe").map(|_| "unsafe".to_owned()).collect()
}

/// Public for its own sample, which is long.
pub fn file_length(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _)| *path == file.path);
    if lines > LONGEST_FILE && !excused { vec![format!("{lines} lines, {LONGEST_FILE} at most")] } else { Vec::new() }
}

fn file_names(file: &Source) -> Vec<String> {
    let parts = file.path.trim_end_matches(".rs").split(['/', '_']);
    parts.filter(|part| EMPTY_NAMES.contains(part)).map(|part| format!("{part} says nothing as a name")).collect()
}

fn machine_paths(file: &Source) -> Vec<String> {
    let homes = ["root", "work", "home"].map(|folder| format!("\"/{folder}/"));
    let is_one = |line: &&str| homes.iter().any(|home| line.contains(home.as_str()));
    file.text.lines().filter(is_one).map(|line| format!("a path of one machine: {}", line.trim())).collect()
}
