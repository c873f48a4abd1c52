//! Named profiles of the files that AWS's own tools share: what a profile says, before anyone acts on it.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::Lookup;

/// Settings by name.
pub type Profile = BTreeMap<String, String>;

/// Where the two files are.
#[derive(Clone)]
pub struct Files {
    config: PathBuf,
    credentials: PathBuf,
}

impl Files {
    /// From `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, else in `~/.aws`.
    pub fn from_env(env: Lookup<'_>) -> Self {
        let home = PathBuf::from(env("HOME").unwrap_or_default());
        let place = |variable: &str, name: &str| match env(variable) {
            Some(path) => path.strip_prefix("~/").map_or_else(|| PathBuf::from(&path), |rest| home.join(rest)),
            None => home.join(".aws").join(name),
        };
        Self {
            config: place("AWS_CONFIG_FILE", "config"),
            credentials: place("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// A profile as both files have it; the credentials file wins. `None`: neither file knows it.
    ///
    /// Reads the files anew, because others rewrite them: a few kilobytes, at most once in some minutes.
    pub fn profile(&self, name: &str) -> Option<Profile> {
        let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let mut found = section(&read(&self.config), &in_config);
        if let Some(more) = section(&read(&self.credentials), name) {
            found.get_or_insert_default().extend(more);
        }
        found
    }
}

/// A file that is not there says nothing.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The settings of one section. Indented lines belong to a nested setting of a service and are left out.
fn section(text: &str, name: &str) -> Option<Profile> {
    let mut found: Option<Profile> = None;
    let mut is_inside = false;
    for line in text.lines() {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((title, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            is_inside = title.split_whitespace().eq(name.split_whitespace());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value))) = (is_inside && !line.starts_with([' ', '\t']), line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            found.get_or_insert_default().insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_make_a_profile() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        let config = "# a comment\n[default]\nregion = eu-west-1 # here\n[profile  work]\nrole_arn = arn:x\n\
                      source_profile=default\ns3 =\n  region = nested\n[other]\nregion = no\n";
        std::fs::write(folder.path().join(".aws/config"), config).unwrap();
        std::fs::write(folder.path().join("keys"), "[default]\nAWS_ACCESS_KEY_ID=A\naws_secret_access_key = S=/+\n")
            .unwrap();
        let files = Files::from_env(&|name| match name {
            "HOME" => Some(home.clone()),
            "AWS_SHARED_CREDENTIALS_FILE" => Some("~/keys".to_owned()),
            _ => None,
        });
        let check = |name: &str, expected: Option<&[(&str, &str)]>| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            assert_eq!(files.profile(name), expected.map(|pairs| pairs.iter().map(owned).collect()), "{name}");
        };
        let default = [("region", "eu-west-1"), ("aws_access_key_id", "A"), ("aws_secret_access_key", "S=/+")];
        check("default", Some(&default));
        check("work", Some(&[("role_arn", "arn:x"), ("source_profile", "default"), ("s3", "")]));
        check("other", None);
    }
}
