//! What a conversation says, in no dialect at all.

use serde_json::Value;

/// One thing that is said, done or known. A conversation is a list of them; how they are grouped into messages is the
/// dialects' affair.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    System(String),
    User(String),
    Assistant(String),
    /// Base64.
    Image(String),
    Call {
        id: String,
        name: String,
        arguments: Value,
    },
    Result {
        id: String,
        text: String,
    },
    Thought {
        text: String,
        seal: String,
    },
    /// The prompt cache may end behind the fact before.
    Cache,
}

impl Fact {
    pub fn call(id: &str, name: &str, arguments: Value) -> Self {
        Fact::Call { id: id.into(), name: name.into(), arguments }
    }

    pub fn result(id: &str, text: &str) -> Self {
        Fact::Result { id: id.into(), text: text.into() }
    }
}

/// Texts of one speaker that follow each other are one text: dialects join and split them.
pub fn joined(facts: Vec<Fact>) -> Vec<Fact> {
    let mut out: Vec<Fact> = Vec::new();
    for fact in facts {
        match (out.last_mut(), fact) {
            (Some(Fact::User(text)), Fact::User(more)) | (Some(Fact::Assistant(text)), Fact::Assistant(more)) => {
                text.push_str(&more);
            }
            (_, fact) => out.push(fact),
        }
    }
    out
}

/// Ids by their order of appearance, for dialects that have none.
pub fn numbered(mut facts: Vec<Fact>) -> Vec<Fact> {
    let (mut calls, mut results) = (0, 0);
    for fact in &mut facts {
        match fact {
            Fact::Call { id, .. } => {
                calls += 1;
                *id = calls.to_string();
            }
            Fact::Result { id, .. } => {
                results += 1;
                *id = results.to_string();
            }
            _ => {}
        }
    }
    facts
}
