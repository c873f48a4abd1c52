//! Keys that somebody got for somebody else: an admin of a team or an organization for one of its people.
//!
//! Who has a key in plain text acts as its user. So that nobody becomes another by getting a key of theirs, such a key says
//! so (`lent`, which no answer shows and no request sets), and is its user's only in the team or the organization that it
//! is in, as an internal user at most: what its user has elsewhere (keys of their own, teams that they lead) it neither
//! changes nor hands out, and whatever key it makes is lent too. What a proxy admin hands out, or the user by a key that is
//! not lent, is not.

use serde_json::{Map, Value, json};

use crate::admin::requester::Requester;

/// Where a key says it.
const LENT: &str = "lent";

/// Says of a key whether it is lent, when its plain text is handed to the caller.
pub fn mark(requester: &Requester, doc: &mut Map<String, Value>) {
    let is_own = !requester.is_lent && requester.is_user(doc.get("user_id").and_then(Value::as_str));
    if requester.is_admin() || is_own {
        doc.shift_remove(LENT);
    } else {
        // One that no user has yet too: who gives it one later does not know who has it.
        doc.insert(LENT.to_owned(), json!(true));
    }
}
