//! What the command line says about targets.

use std::path::PathBuf;
use std::str::FromStr;

/// A target that this program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// The mock without anything before it: the ceiling of generator and mock.
    Direct,
    BarePingora,
    /// The binary to start, and the dialect in which it calls the mock.
    Tollgate {
        binary: PathBuf,
        upstream: Upstream,
    },
}

/// What a Tollgate's deployment is, and with which key it is called. The client speaks OpenAI's dialect, so any other
/// must be translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    OpenAi,
    Anthropic,
    /// OpenAI's, called with a virtual key: requests and tokens a minute, a budget of the key and of its team, a price.
    Governed,
    /// OpenAI's, called with the master key, and nothing written down of what is spent.
    Ungoverned,
}

impl Upstream {
    /// What a target that calls it is named in the report.
    pub fn target_name(self) -> &'static str {
        match self {
            Self::OpenAi => "tollgate",
            Self::Anthropic => "to-anthropic",
            Self::Governed => "governed",
            Self::Ungoverned => "ungoverned",
        }
    }
}

impl FromStr for Builtin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "direct" => Ok(Self::Direct),
            None if text == "bare-pingora" => Ok(Self::BarePingora),
            Some(("tollgate", path)) if !path.is_empty() => {
                Ok(Self::Tollgate { binary: path.into(), upstream: Upstream::OpenAi })
            }
            Some(("to-anthropic", path)) if !path.is_empty() => {
                Ok(Self::Tollgate { binary: path.into(), upstream: Upstream::Anthropic })
            }
            Some(("governed", path)) if !path.is_empty() => {
                Ok(Self::Tollgate { binary: path.into(), upstream: Upstream::Governed })
            }
            Some(("ungoverned", path)) if !path.is_empty() => {
                Ok(Self::Tollgate { binary: path.into(), upstream: Upstream::Ungoverned })
            }
            _ => Err("not direct, bare-pingora, tollgate=PATH, governed=PATH, ungoverned=PATH or to-anthropic=PATH"
                .to_owned()),
        }
    }
}

/// A target that runs already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    pub name: String,
    pub url: String,
    /// For its CPU time and memory.
    pub pid: Option<u32>,
    pub key: Option<String>,
    pub model: Option<String>,
}

impl FromStr for TargetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let (name, url) = parts.next().and_then(|part| part.split_once('=')).ok_or("not name=URL[,…]")?;
        let mut spec = Self { name: name.to_owned(), url: url.to_owned(), pid: None, key: None, model: None };
        for part in parts {
            match part.split_once('=') {
                Some(("pid", pid)) => spec.pid = Some(pid.parse().map_err(|_| format!("{pid}: not a process id"))?),
                Some(("key", key)) => spec.key = Some(key.to_owned()),
                Some(("model", model)) => spec.model = Some(model.to_owned()),
                _ => return Err(format!("{part}: not pid=, key= or model=")),
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_with_and_without_parts() {
        let spec: TargetSpec = "a=http://127.0.0.1:1,pid=7,model=m;tokens=5,key=sk-1".parse().unwrap();
        assert_eq!((spec.name.as_str(), spec.url.as_str(), spec.pid), ("a", "http://127.0.0.1:1", Some(7)));
        assert_eq!((spec.key.as_deref(), spec.model.as_deref()), (Some("sk-1"), Some("m;tokens=5")));
        for wrong in ["a", "a=u,pid=x", "a=u,color=red"] {
            assert!(wrong.parse::<TargetSpec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn builtins() {
        let all = [
            ("tollgate", Upstream::OpenAi),
            ("to-anthropic", Upstream::Anthropic),
            ("governed", Upstream::Governed),
            ("ungoverned", Upstream::Ungoverned),
        ];
        for (name, upstream) in all {
            let expected = Builtin::Tollgate { binary: "target/x".into(), upstream };
            assert_eq!(format!("{name}=target/x").parse(), Ok(expected));
            assert_eq!(upstream.target_name(), name);
        }
        for wrong in ["tollgate", "tollgate=", "to-anthropic", "direct=1", "nginx"] {
            assert!(wrong.parse::<Builtin>().is_err(), "{wrong}");
        }
    }
}
