//! `POST /global/spend/reset`

use serde_json::json;
use uuid::Uuid;

use crate::admin::call::Call;
use crate::admin::control::Control;
use crate::admin::reply::Reply;
use crate::error::Error;
use crate::limiter;
use crate::store::{Audit, Change};

/// Whose spend starts anew, with LiteLLM's name of their table.
const SCOPES: [(limiter::Kind, &str); 2] =
    [(limiter::Kind::Key, "LiteLLM_VerificationToken"), (limiter::Kind::Team, "LiteLLM_TeamTable")];

/// For the master key alone. Nobody's key and no team has spent anything from now on. What was spent stays in the reports.
pub async fn answer(control: &Control, call: Call) -> Result<Reply, Error> {
    let line = |table: &str| {
        Change::Audit(Audit {
            id: Uuid::new_v4().to_string(),
            changed_by: call.changed_by().to_owned(),
            api_key: call.requester.key.clone().unwrap_or_default(),
            action: "reset_spend".to_owned(),
            table_name: table.to_owned(),
            object_id: String::new(),
            before: None,
            after: None,
        })
    };
    control.change(|| async { Ok((SCOPES.iter().map(|(_, table)| line(table)).collect(), ())) }).await?;
    for (scope, _) in SCOPES {
        control.desk.reset_spent(scope).await?;
    }
    let message = "Spend for all API Keys and Teams reset successfully";
    Ok(Reply::json(json!({"message": message, "status": "success"})))
}
