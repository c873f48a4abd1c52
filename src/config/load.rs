//! Reading a file: text → documents → one mapping → references resolved → checked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::raw::documents;
use super::raw::problems::Problems;
use super::raw::references::{Overlay, resolve};
use super::{Config, Env, Problem, Severity, check};

/// Files that may be included, nested ones too: more is a loop or a slip.
const MOST_INCLUDED_FILES: usize = 100;

/// What came of reading a configuration.
#[derive(Clone, Debug)]
pub struct Report {
    /// What could be understood, for `tollgate check`; `None` when the file could not be read. To start with it, take
    /// [`Report::usable`].
    pub config: Option<Config>,
    /// Everything that is wrong, in the order in which the sections are read.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether the start is refused.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The configuration to start with.
    ///
    /// # Errors
    /// All problems, warnings too, when there is an error among them.
    pub fn usable(self) -> Result<Config, Vec<Problem>> {
        let refused = self.has_errors();
        self.config.filter(|_| !refused).ok_or(self.problems)
    }
}

/// Reads a text; variables come from `env`. `include` needs a file to be relative to, see [`load_file`].
pub fn load(text: &str, env: &dyn Env) -> Report {
    let problems = Problems::default();
    let mut root = documents::read(text, "", &problems);
    if root.remove("include").is_some() {
        problems.warning("include", "not followed: this text is no file");
    }
    finish(root, env, problems)
}

/// Reads a file and what it includes.
pub fn load_file(path: &Path, env: &dyn Env) -> Report {
    let problems = Problems::default();
    let root = match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut read = HashSet::from([canonical(path)]);
            with_includes(&text, path, "", &mut read, &problems)
        }
        Err(error) => {
            problems.error("", format!("{}: {error}", path.display()));
            return Report { config: None, problems: problems.into_list() };
        }
    };
    finish(root, env, problems)
}

impl Config {
    /// One model without a file, as `--model gpt-4o [--api-base URL]` asks for.
    pub fn for_model(model: &str, api_base: Option<&str>, env: &dyn Env) -> Report {
        let params = json!({"model": model, "api_base": api_base});
        let mut root = Map::new();
        root.insert("model_list".to_owned(), json!([{"model_name": model, "litellm_params": params}]));
        finish(root, env, Problems::default())
    }
}

fn finish(root: Map<String, Value>, env: &dyn Env, problems: Problems) -> Report {
    let overlay = Overlay::new(env).read(&root, &problems);
    let mut root = root;
    for (key, value) in &mut root {
        // Read already, each by its own rules.
        if key != "environment_variables" && key != "env" {
            resolve(value, key, &overlay, &problems);
        }
    }
    let config = check::check(&root, &overlay, &problems);
    Report { config: Some(config), problems: problems.into_list() }
}

/// Joins what a file includes, as LiteLLM does: names are relative to the file that holds them, and no file is read
/// twice.
fn with_includes(
    text: &str,
    path: &Path,
    place: &str,
    read: &mut HashSet<PathBuf>,
    problems: &Problems,
) -> Map<String, Value> {
    let mut root = documents::read(text, place, problems);
    let names = match root.remove("include") {
        Some(Value::Array(names)) => names,
        Some(Value::String(name)) => vec![Value::String(name)],
        Some(Value::Null) | None => Vec::new(),
        Some(_) => {
            problems.error(&format!("{place}include"), "expected a list of file names");
            Vec::new()
        }
    };
    for (index, name) in names.iter().enumerate() {
        let at = format!("{place}include[{index}]");
        let Some(name) = name.as_str() else {
            problems.error(&at, "expected a file name");
            continue;
        };
        let included = path.parent().unwrap_or(Path::new("")).join(name);
        if !read.insert(canonical(&included)) {
            continue;
        }
        if read.len() > MOST_INCLUDED_FILES {
            problems.error(&at, format!("more than {MOST_INCLUDED_FILES} files"));
            break;
        }
        match std::fs::read_to_string(&included) {
            Ok(text) => {
                let place = format!("{name}: ");
                let further = with_includes(&text, &included, &place, read, problems);
                documents::absorb(&mut root, further, &place, problems);
            }
            Err(error) => problems.error(&at, format!("{name}: {error}")),
        }
    }
    root
}

/// The same file under any name.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
