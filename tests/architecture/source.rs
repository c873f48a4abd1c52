//! One Rust file as the rules see it: its code without comments, strings and unit tests, and its strings on their own.

use std::path::{Path, PathBuf};

/// A file of the crate.
pub struct Source {
    /// Relative to the repository, with `/`: `src/proxy/admit.rs`.
    pub path: String,
    /// The text as it is.
    pub text: String,
    /// The code: comments gone, each string literal an empty one, nothing from the unit tests on.
    pub code: String,
    /// What stood in the string literals of that code.
    pub strings: Vec<String>,
}

impl Source {
    /// Reads `file`, which lies under `root`.
    pub fn read(root: &Path, file: &Path) -> Self {
        let path = file.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        Self::new(&path, &std::fs::read_to_string(file).unwrap())
    }

    /// A file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        let is_test_file = path.ends_with("/tests.rs") || path.contains("/tests/");
        let tested = if is_test_file { "" } else { text.split("#[cfg(test)]").next().unwrap_or_default() };
        let (code, strings) = strip(tested);
        Self { path: path.into(), text: text.into(), code, strings }
    }

    /// The part of the crate it belongs to: `proxy` for `src/proxy/admit.rs`, `error` for `src/error.rs`.
    pub fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The words of the code.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        words(&self.code)
    }

    /// The first segments of all paths below `root` (`crate`, or the crate's name), groups in braces included.
    pub fn imports(&self, root: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices(&format!("{root}::")) {
            let starts_word = !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if starts_word {
                first_segments(&self.code[at + root.len() + 2..], &mut found);
            }
        }
        found
    }
}

/// The identifiers, numbers and paths of a text: maximal runs of letters, digits, `_` and `:`.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).filter(|word| !word.is_empty())
}

/// Collects `a` of `a::b`, and `a`, `b` of `{a::{c, d}, b}`.
fn first_segments(rest: &str, found: &mut Vec<String>) {
    let Some(group) = rest.trim_start().strip_prefix('{') else {
        found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        return;
    };
    let mut depth = 0;
    let mut at_start = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if c.is_whitespace() => {}
            _ if at_start => {
                at_start = false;
                found.push(group[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
            _ => {}
        }
    }
}

/// Parts code from comments and strings. Knows line and (nested) block comments, strings, raw strings, bytes, characters.
fn strip(text: &str) -> (String, Vec<String>) {
    let (mut code, mut strings, mut rest) = (String::new(), Vec::new(), text);
    while let Some(c) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            literal(rest, 1, "\"", true, &mut strings)
        } else if c == 'r' && !after_word && rest[1..].trim_start_matches('#').starts_with('"') {
            let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
            literal(rest, hashes + 2, &format!("\"{}", "#".repeat(hashes)), false, &mut strings)
        } else if c == '\'' {
            character(rest)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    (code, strings)
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string literal whose content starts at `open` and ends before `close`; keeps the content.
fn literal(text: &str, open: usize, close: &str, escapes: bool, strings: &mut Vec<String>) -> usize {
    let mut at = open;
    while at < text.len() && !text[at..].starts_with(close) {
        let step = if escapes && text[at..].starts_with('\\') { 1 } else { 0 };
        at += step;
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    let end = at.min(text.len());
    strings.push(text[open..end].to_owned());
    (end + close.len()).min(text.len())
}

/// The length of a character literal, or 1 for the tick of a lifetime.
fn character(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), _) => text[3..].find('\'').map_or(1, |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 2,
        _ => 1,
    }
}

/// All `.rs` files below `folder`, in a stable order.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
