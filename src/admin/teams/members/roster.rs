//! `members_with_roles` in a team's document. Pure.

use serde_json::{Map, Value, json};

use crate::admin::fields::{Field, Fields, Shape, field, needed};
use crate::error::Error;

const LIST: &str = "members_with_roles";

/// One member of a request.
pub const MEMBER: &[Field] = &[
    needed("role", Shape::OneOf(&["admin", "user"])),
    field("user_id", Shape::Text),
    field("user_email", Shape::Text),
];

/// Somebody who is to be a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub user_id: Option<String>,
    pub user_email: Option<String>,
    pub role: String,
}

/// Reads one member, or a list of them.
///
/// # Errors
/// FastAPI's 422.
pub fn read(value: &Value) -> Result<Vec<Wanted>, Error> {
    let one = std::slice::from_ref(value);
    let all = value.as_array().map_or(one, Vec::as_slice);
    all.iter().map(read_one).collect()
}

fn read_one(value: &Value) -> Result<Wanted, Error> {
    use crate::admin::fields::{Place, fault, invalid};
    let empty = Map::new();
    let fields = Fields::of_map(value.as_object().unwrap_or(&empty), MEMBER, Place::Body)?;
    let text = |name: &str| fields.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let wanted =
        Wanted { user_id: text("user_id"), user_email: text("user_email"), role: text("role").unwrap_or_default() };
    if wanted.user_id.is_none() && wanted.user_email.is_none() {
        let text = "Value error, Either user id or user email must be provided";
        return Err(invalid(vec![fault("value_error", &[json!("body"), json!("member")], text, Value::Null)]));
    }
    Ok(wanted)
}

/// All members.
pub fn all(team: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    team.get(LIST).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The ids of all members.
pub fn user_ids(team: &Map<String, Value>) -> Vec<String> {
    all(team).filter_map(|member| member.get("user_id")?.as_str().map(str::to_owned)).collect()
}

/// The member of this id, else of this address.
pub fn find<'a>(
    team: &'a Map<String, Value>,
    user_id: Option<&str>,
    user_email: Option<&str>,
) -> Option<&'a Map<String, Value>> {
    let is = |member: &Map<String, Value>, name: &str, wanted: Option<&str>| {
        wanted.is_some() && member.get(name).and_then(Value::as_str) == wanted
    };
    let by_id = all(team).find(|member| is(member, "user_id", user_id));
    by_id.or_else(|| all(team).find(|member| is(member, "user_email", user_email)))
}

/// Adds a member.
pub fn add(team: &mut Map<String, Value>, user_id: &str, user_email: Option<&str>, role: &str) {
    let member = json!({"user_id": user_id, "user_email": user_email, "role": role});
    match team.entry(LIST).or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(member),
        other => *other = json!([member]),
    }
}

/// Takes a member out.
pub fn remove(team: &mut Map<String, Value>, user_id: &str) {
    if let Some(Value::Array(list)) = team.get_mut(LIST) {
        list.retain(|member| member.get("user_id").and_then(Value::as_str) != Some(user_id));
    }
}

/// Gives a member another role.
pub fn set_role(team: &mut Map<String, Value>, user_id: &str, role: &str) {
    let list = team.get_mut(LIST).and_then(Value::as_array_mut);
    for member in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        if member.get("user_id").and_then(Value::as_str) == Some(user_id) {
            member.insert("role".to_owned(), json!(role));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_go_and_change() {
        let mut team = Map::new();
        add(&mut team, "a", Some("a@x"), "admin");
        add(&mut team, "b", None, "user");
        assert_eq!(user_ids(&team), ["a", "b"]);
        assert_eq!(find(&team, None, Some("a@x")), find(&team, Some("a"), None));
        assert_eq!(find(&team, None, None), None);
        assert_eq!(find(&team, Some("c"), Some("c@x")), None);
        set_role(&mut team, "b", "admin");
        assert_eq!(find(&team, Some("b"), None).unwrap()["role"], "admin");
        remove(&mut team, "a");
        assert_eq!(user_ids(&team), ["b"]);
    }

    #[test]
    fn a_member_needs_a_role_and_a_name() {
        let one = json!({"role": "user", "user_id": "a"});
        assert_eq!(read(&one).unwrap(), read(&json!([one])).unwrap());
        for wrong in [
            json!({"role": "user"}),
            json!({"user_id": "a"}),
            json!({"role": "owner", "user_id": "a"}),
            json!({"role": "user", "user_id": ""}),
            json!("a"),
            json!([{"role": "user", "user_id": "a"}, null]),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
