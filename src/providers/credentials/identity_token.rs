//! A token by which someone else vouches for this process: what web identity, workload federation and `oidc/…`
//! references are exchanged for credentials with.
//!
//! The references are LiteLLM's: `oidc/file/PATH`, `oidc/env/NAME`, `oidc/env_path/NAME` (a variable that holds a
//! path), `oidc/circleci/`, `oidc/azure/` (the file that Azure's workload identity mounts), `oidc/google/AUDIENCE` (the
//! metadata server).

use std::path::PathBuf;

use super::http::{encode, get};
use super::{Lookup, google};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// Where the token is.
pub enum IdentityToken {
    /// As it stands in the configuration.
    Literal(Secret),
    /// Read anew each time: whoever mounts such a file replaces it before the token runs out.
    File(PathBuf),
    /// Asked of Google's metadata server.
    Google { url: String },
}

impl IdentityToken {
    /// From a setting: a reference, else a token, else a path. Errors name the reference's kind, never its value.
    pub fn parse(text: &Secret, env: Lookup<'_>) -> Result<Self, String> {
        let text = text.expose();
        let Some(reference) = text.strip_prefix("oidc/") else {
            // A JWT has three parts between two dots and no slash; a path to a mounted token has a slash.
            let is_token = text.matches('.').count() == 2 && !text.contains('/');
            return Ok(if is_token { Self::Literal(Secret::new(text)) } else { Self::File(PathBuf::from(text)) });
        };
        let variable = |name: &str| env(name).ok_or_else(|| format!("the variable {name} is not set"));
        let (kind, rest) = reference.split_once('/').unwrap_or((reference, ""));
        match kind {
            "file" => Ok(Self::File(PathBuf::from(rest))),
            "env" => Ok(Self::Literal(Secret::new(variable(rest)?))),
            "env_path" => Ok(Self::File(PathBuf::from(variable(rest)?))),
            "circleci" => Ok(Self::Literal(Secret::new(variable("CIRCLE_OIDC_TOKEN")?))),
            "circleci_v2" => Ok(Self::Literal(Secret::new(variable("CIRCLE_OIDC_TOKEN_V2")?))),
            "azure" => Ok(Self::File(PathBuf::from(variable("AZURE_FEDERATED_TOKEN_FILE")?))),
            "google" => Ok(Self::Google { url: google_url(rest, env) }),
            _ => Err("only file, env, env_path, circleci, azure and google may stand behind oidc/".to_owned()),
        }
    }

    /// The token now.
    pub async fn read(&self) -> Result<Secret, Error> {
        match self {
            Self::Literal(token) => Ok(token.clone()),
            // A file of some hundred bytes on a mounted volume, once an hour: not worth a thread.
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Secret::new(text.trim())),
                Err(error) => Err(Error::new(Kind::Authentication, "the identity token's file cannot be read")
                    .detail(format!("{}: {error}", path.display()))),
            },
            Self::Google { url } => {
                let reply = get(google::METADATA_SERVER, url, &[google::METADATA_FLAVOR]).await?;
                if !reply.is_success() {
                    return Err(reply.refusal(google::METADATA_SERVER, None, None));
                }
                Ok(Secret::new(String::from_utf8_lossy(&reply.body).trim()))
            }
        }
    }
}

fn google_url(audience: &str, env: Lookup<'_>) -> String {
    let path = "instance/service-accounts/default/identity";
    format!("{}/{path}?audience={}", google::metadata_base(env), encode(audience))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let env = |name: &str| (name == "TOKEN").then(|| "from-env".to_owned());
        let found = match IdentityToken::parse(&Secret::new(text), &env) {
            Ok(IdentityToken::Literal(token)) => format!("literal {}", token.expose()),
            Ok(IdentityToken::File(path)) => format!("file {}", path.display()),
            Ok(IdentityToken::Google { url }) => url,
            Err(error) => error,
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn settings_are_references_tokens_or_paths() {
        check("eyJh.eyJz.c2ln", "literal eyJh.eyJz.c2ln");
        check("/var/run/token", "file /var/run/token");
        check("./a.b.c/token", "file ./a.b.c/token");
        check("oidc/file//var/run/token", "file /var/run/token");
        check("oidc/env/TOKEN", "literal from-env");
        check("oidc/env_path/TOKEN", "file from-env");
        check("oidc/env/OTHER", "the variable OTHER is not set");
        check(
            "oidc/google/https://x.test",
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity\
             ?audience=https%3A%2F%2Fx.test",
        );
        check("oidc/github/x", "only file, env, env_path, circleci, azure and google may stand behind oidc/");
    }
}
