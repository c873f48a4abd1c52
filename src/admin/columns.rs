//! What is stored, as a LiteLLM release shows it: which members, in which order, and what stands there when nothing is
//! known.

use serde_json::{Map, Value, json};

use super::times::with_offset;
use crate::error::Compat;

/// What a member is when the object says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Null,
    False,
    Zero,
    /// `0.0`: money.
    NoMoney,
    List,
    Object,
}

/// Which releases show a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ever,
    /// From 1.106 on.
    New,
    /// Only in 1.80.
    Old,
}

/// One member of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    absent: Absent,
    since: Since,
    is_time: bool,
    /// Ours: LiteLLM's answers do not have it.
    is_ours: bool,
}

/// A member that is `null` when nothing is known.
pub const fn column(name: &'static str) -> Column {
    Column { name, absent: Absent::Null, since: Since::Ever, is_time: false, is_ours: false }
}

impl Column {
    /// With something else than `null`.
    pub const fn or(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }

    /// From 1.106 on.
    pub const fn new(self) -> Self {
        Self { since: Since::New, ..self }
    }

    /// Only in 1.80.
    pub const fn old(self) -> Self {
        Self { since: Since::Old, ..self }
    }

    /// A time, which is told in two ways.
    pub const fn time(self) -> Self {
        Self { is_time: true, ..self }
    }

    /// Only where something is known: LiteLLM has no such member.
    pub const fn ours(self) -> Self {
        Self { is_ours: true, ..self }
    }

    /// Whether it is of this name.
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn is_shown(&self, compat: Compat) -> bool {
        match self.since {
            Since::Ever => true,
            Since::New => compat == Compat::V1_106,
            Since::Old => compat == Compat::V1_80,
        }
    }
}

impl Absent {
    fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::False => json!(false),
            Self::Zero => json!(0),
            Self::NoMoney => json!(0.0),
            Self::List => json!([]),
            Self::Object => json!({}),
        }
    }
}

/// How an answer tells times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clockface {
    /// `...Z`, where LiteLLM answers with a Pydantic model.
    Zulu,
    /// `...+00:00`, where it answers with a dictionary.
    Offset,
}

/// The members of a row.
pub fn row(columns: &[Column], known: &Map<String, Value>, compat: Compat, clock: Clockface) -> Map<String, Value> {
    let is_known = |column: &&Column| known.get(column.name).is_some_and(|value| !value.is_null());
    let shown = columns.iter().filter(|column| column.is_shown(compat));
    let shown = shown.filter(|column| !column.is_ours || is_known(column));
    let cells = shown.map(|column| {
        let value = match known.get(column.name) {
            Some(Value::String(time)) if column.is_time && clock == Clockface::Offset => json!(with_offset(time)),
            Some(value) => value.clone(),
            None => column.absent.value(),
        };
        (column.name.to_owned(), value)
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_columns_of_its_release() {
        const COLUMNS: &[Column] = &[
            column("a"),
            column("b").or(Absent::List).new(),
            column("c").old(),
            column("at").time(),
            column("spend").or(Absent::NoMoney),
            column("ours").ours(),
        ];
        let known = json!({"at": "2026-12-01T00:00:00Z", "a": 1, "secret": 2});
        let shown = |compat, clock| Value::from(row(COLUMNS, known.as_object().unwrap(), compat, clock)).to_string();
        let new = r#"{"a":1,"b":[],"at":"2026-12-01T00:00:00Z","spend":0.0}"#;
        assert_eq!(shown(Compat::V1_106, Clockface::Zulu), new);
        let old = r#"{"a":1,"c":null,"at":"2026-12-01T00:00:00+00:00","spend":0.0}"#;
        assert_eq!(shown(Compat::V1_80, Clockface::Offset), old);
        let known = json!({"ours": [], "a": null});
        let shown = row(COLUMNS, known.as_object().unwrap(), Compat::V1_80, Clockface::Zulu);
        assert_eq!(shown.get("ours"), Some(&json!([])), "where something is known");
    }
}
