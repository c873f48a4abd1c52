//! Microsoft Entra ID (Azure AD): requests to Azure OpenAI show an access token for Cognitive Services.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>,
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use super::cached::{Cached, Fresh, Source};
use super::http::{encode, garbled, get, post_form};
use super::identity_token::IdentityToken;
use super::{Lookup, oauth};
use crate::error::Error;
use crate::secret::Secret;

const AUTHORITY: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// For messages.
const TOKEN_ENDPOINT: &str = "Microsoft Entra ID";
const MANAGED_IDENTITY: &str = "Azure's managed identity endpoint";

/// How a deployment on Azure proves who it is.
pub struct Entra(Proof);

enum Proof {
    /// A token as it stands in the configuration; whoever wrote it there renews it.
    Token(HeaderValue),
    Fetched(Cached<Grant>),
}

/// One way to a token.
enum Grant {
    /// At the tenant's token endpoint.
    Tenant { url: String, client_id: String, scope: String, by: By },
    /// At the machine's own endpoint.
    Managed { url: String, header: (&'static str, Secret) },
}

/// What the client shows.
enum By {
    Secret(Secret),
    Assertion(IdentityToken),
    Password { username: String, password: Secret },
}

impl Entra {
    /// A token, a client secret, a user's password, and where `ambient` says so what the machine has: workload
    /// identity, managed identity. Parameters go before variables. `None`: there is nothing of it.
    pub fn from_params(
        params: &BTreeMap<String, Secret>,
        ambient: bool,
        env: Lookup<'_>,
    ) -> Result<Option<Self>, String> {
        let settings = Settings { params, env };
        let param = |name: &str| params.get(name).filter(|value| !value.is_empty()).cloned();
        let token = param("azure_ad_token");
        let fetched = |grant: Grant| Self(Proof::Fetched(Cached::new(grant)));
        if let Some(token) = &token {
            return settings.token(token).map(Some);
        }
        if let Some(grant) = settings.client_secret()?.or_else(|| settings.password()) {
            return Ok(Some(fetched(grant)));
        }
        if let Some(token) = env("AZURE_AD_TOKEN").map(Secret::new) {
            return settings.token(&token).map(Some);
        }
        Ok(ambient.then(|| fetched(settings.workload().unwrap_or_else(|| settings.managed()))))
    }

    /// The header line that proves it.
    pub async fn authorize(&self, now: SystemTime) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let value = match &self.0 {
            Proof::Token(value) => value.clone(),
            Proof::Fetched(cached) => cached.get(now).await?.value.clone(),
        };
        Ok(vec![(AUTHORIZATION, value)])
    }
}

struct Settings<'a> {
    params: &'a BTreeMap<String, Secret>,
    env: Lookup<'a>,
}

impl Settings<'_> {
    fn get(&self, param: &str, variable: &str) -> Option<Secret> {
        let said = self.params.get(param).filter(|value| !value.is_empty()).cloned();
        said.or_else(|| (self.env)(variable).map(Secret::new))
    }

    fn text(&self, param: &str, variable: &str) -> Option<String> {
        self.get(param, variable).map(|value| value.expose().to_owned())
    }

    fn tenant(&self, tenant: &str, client_id: String, by: By) -> Grant {
        let authority = (self.env)("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
        // The SDKs take the host alone too.
        let scheme = if authority.contains("://") { "" } else { "https://" };
        let url = format!("{scheme}{}/{}/oauth2/v2.0/token", authority.trim_end_matches('/'), encode(tenant));
        Grant::Tenant { url, client_id, scope: self.scope(), by }
    }

    fn scope(&self) -> String {
        self.text("azure_scope", "AZURE_SCOPE").unwrap_or_else(|| SCOPE.to_owned())
    }

    /// A token, or a reference to an identity token that is exchanged for one.
    fn token(&self, token: &Secret) -> Result<Entra, String> {
        if !token.expose().starts_with("oidc/") {
            let value = oauth::bearer(token.expose()).ok_or("azure_ad_token holds what no header may hold")?;
            return Ok(Entra(Proof::Token(value)));
        }
        let token = IdentityToken::parse(token, self.env).map_err(|reason| format!("azure_ad_token: {reason}"))?;
        let client_id = self.text("client_id", "AZURE_CLIENT_ID");
        let tenant = self.text("tenant_id", "AZURE_TENANT_ID");
        let (Some(client_id), Some(tenant)) = (client_id, tenant) else {
            return Err("azure_ad_token: oidc/ needs client_id and tenant_id (AZURE_CLIENT_ID, AZURE_TENANT_ID)".into());
        };
        Ok(Entra(Proof::Fetched(Cached::new(self.tenant(&tenant, client_id, By::Assertion(token))))))
    }

    fn client_secret(&self) -> Result<Option<Grant>, String> {
        let Some(secret) = self.get("client_secret", "AZURE_CLIENT_SECRET") else { return Ok(None) };
        match (self.text("tenant_id", "AZURE_TENANT_ID"), self.text("client_id", "AZURE_CLIENT_ID")) {
            (Some(tenant), Some(client_id)) => Ok(Some(self.tenant(&tenant, client_id, By::Secret(secret)))),
            // Variables that are there for something else are no mistake of this deployment.
            _ if !self.params.contains_key("client_secret") => Ok(None),
            _ => Err("client_secret needs tenant_id and client_id".to_owned()),
        }
    }

    fn password(&self) -> Option<Grant> {
        let username = self.text("azure_username", "AZURE_USERNAME")?;
        let password = self.get("azure_password", "AZURE_PASSWORD")?;
        let client_id = self.text("client_id", "AZURE_CLIENT_ID")?;
        let tenant = self.text("tenant_id", "AZURE_TENANT_ID").unwrap_or_else(|| "organizations".to_owned());
        Some(self.tenant(&tenant, client_id, By::Password { username, password }))
    }

    /// What Azure's webhook sets for a Kubernetes service account.
    fn workload(&self) -> Option<Grant> {
        let file = (self.env)("AZURE_FEDERATED_TOKEN_FILE")?;
        let client_id = self.text("client_id", "AZURE_CLIENT_ID")?;
        let tenant = self.text("tenant_id", "AZURE_TENANT_ID")?;
        Some(self.tenant(&tenant, client_id, By::Assertion(IdentityToken::File(file.into()))))
    }

    /// The endpoint of App Service and Container Apps, else of a virtual machine.
    fn managed(&self) -> Grant {
        let scope = self.scope();
        let resource = encode(scope.trim_end_matches("/.default")).to_string();
        let client = self.text("client_id", "AZURE_CLIENT_ID");
        let client = client.map(|id| format!("&client_id={}", encode(&id))).unwrap_or_default();
        let query = |version: &str| format!("api-version={version}&resource={resource}{client}");
        if let (Some(endpoint), Some(header)) = ((self.env)("IDENTITY_ENDPOINT"), (self.env)("IDENTITY_HEADER")) {
            let url = format!("{endpoint}?{}", query("2019-08-01"));
            return Grant::Managed { url, header: ("x-identity-header", Secret::new(header)) };
        }
        let host = (self.env)("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| METADATA.to_owned());
        let url = format!("{}/metadata/identity/oauth2/token?{}", host.trim_end_matches('/'), query("2018-02-01"));
        Grant::Managed { url, header: ("metadata", Secret::new("true")) }
    }
}

impl Source for Grant {
    type Value = HeaderValue;

    fn name(&self) -> &'static str {
        match self {
            Self::Tenant { .. } => TOKEN_ENDPOINT,
            Self::Managed { .. } => MANAGED_IDENTITY,
        }
    }

    async fn fetch(&self, now: SystemTime) -> Result<Fresh<HeaderValue>, Error> {
        let reply = match self {
            Self::Managed { url, header: (name, value) } => {
                get(MANAGED_IDENTITY, url, &[(name, value.expose())]).await?
            }
            Self::Tenant { url, client_id, scope, by } => {
                let mut fields = vec![("client_id", client_id.as_str()), ("scope", scope.as_str())];
                let assertion;
                match by {
                    By::Secret(secret) => {
                        fields.extend([("grant_type", "client_credentials"), ("client_secret", secret.expose())]);
                    }
                    By::Assertion(token) => {
                        assertion = token.read().await?;
                        fields.extend([
                            ("grant_type", "client_credentials"),
                            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                            ("client_assertion", assertion.expose()),
                        ]);
                    }
                    By::Password { username, password } => fields.extend([
                        ("grant_type", "password"),
                        ("username", username.as_str()),
                        ("password", password.expose()),
                    ]),
                }
                post_form(TOKEN_ENDPOINT, url, &fields).await?
            }
        };
        let token = oauth::token(self.name(), &reply, now)?;
        let value = oauth::bearer(token.value.expose()).ok_or_else(|| garbled(self.name()))?;
        Ok(Fresh { value, expires: token.expires })
    }
}
