//! Edits of a body by byte range: what stays is a slice of the client's bytes, what changes stands between the slices.

use std::ops::Range;

use bytes::{BufMut, Bytes};
use serde_json::{Map, Value};

use super::escape;
use super::peek::{Member, Object, peek_answer};

/// The edits of one body, in any order.
#[derive(Clone, Debug)]
pub struct Splice {
    body: Bytes,
    edits: Vec<Edit>,
}

#[derive(Clone, Debug)]
struct Edit {
    range: Range<usize>,
    with: Bytes,
}

/// Two edits want the same bytes, or one reaches behind the end: a programming error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpliceError {
    /// Where the second of the two starts.
    pub offset: usize,
}

impl Splice {
    /// Nothing is changed yet.
    pub fn new(body: Bytes) -> Self {
        Self { body, edits: Vec::new() }
    }

    /// Puts `with` in the place of `range`; an empty range inserts.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<Bytes>) {
        self.edits.push(Edit { range, with: with.into() });
    }

    /// Takes one member out, its comma included. False: there is none of this name. An object whose members are
    /// removed or inserted more than once needs [`Splice::edit_members`]: the commas hang together.
    pub fn remove_member(&mut self, object: &Object<'_>, name: &str) -> bool {
        let named = |member: &Member| member.name(object.body()) == name.as_bytes();
        let found = object.members().iter().any(named);
        if found {
            self.edit_members(object, named, Vec::new());
        }
        found
    }

    /// Adds one member (`value` is JSON) behind the last.
    pub fn insert_member(&mut self, object: &Object<'_>, name: &str, value: &[u8]) {
        self.edit_members(object, |_| false, member_json(name, value));
    }

    /// Takes out the members that `remove` names and adds `insert` (members as JSON text, joined by commas) behind
    /// the last that stays.
    pub fn edit_members(&mut self, object: &Object<'_>, remove: impl Fn(&Member) -> bool, insert: Vec<u8>) {
        let mut last_kept: Option<usize> = None;
        let mut hole: Option<usize> = None;
        let mut end = object.open();
        for member in object.members() {
            if remove(member) {
                hole = hole.or(Some(member.key.start));
            } else {
                if let Some(start) = hole.take() {
                    self.replace(start..member.key.start, Bytes::new());
                }
                last_kept = Some(member.value.end);
            }
            end = member.value.end;
        }
        // What is left is the tail behind the last member that stays: cut off what went, put on what came.
        match last_kept {
            Some(kept) if insert.is_empty() && kept == end => {}
            Some(kept) if insert.is_empty() => self.replace(kept..end, Bytes::new()),
            Some(kept) => self.replace(kept..end, [b",", insert.as_slice()].concat()),
            None if insert.is_empty() && hole.is_none() => {}
            None => self.replace(object.open()..end, insert),
        }
    }

    /// Sorts and checks the edits.
    pub fn finish(mut self) -> Result<Spliced, SpliceError> {
        self.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut free = 0;
        let mut len = self.body.len();
        for edit in &self.edits {
            if edit.range.start < free || edit.range.end < edit.range.start || edit.range.end > self.body.len() {
                return Err(SpliceError { offset: edit.range.start });
            }
            free = edit.range.end;
            len = len - edit.range.len() + edit.with.len();
        }
        Ok(Spliced { body: self.body, edits: self.edits, len })
    }
}

/// A JSON object with `members` in it; they win over members of the same name. `None`: the body is no object.
pub fn merged(body: Bytes, members: &Map<String, Value>) -> Option<Bytes> {
    let object = peek_answer(&body).ok()?;
    let json: Vec<Vec<u8>> =
        members.iter().map(|(name, value)| member_json(name, value.to_string().as_bytes())).collect();
    let is_replaced =
        |member: &Member| std::str::from_utf8(member.name(&body)).is_ok_and(|name| members.contains_key(name));
    let mut splice = Splice::new(body.clone());
    splice.edit_members(&object, is_replaced, json.join(&b','));
    Some(splice.finish().ok()?.to_bytes())
}

/// One member as JSON text.
pub fn member_json(name: &str, value: &[u8]) -> Vec<u8> {
    [escape::quote(name).as_slice(), b":", value].concat()
}

/// A body with its edits in place, as slices: kept by whoever sends it, and may send it again.
#[derive(Clone, Debug)]
pub struct Spliced {
    body: Bytes,
    edits: Vec<Edit>,
    len: usize,
}

impl Spliced {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes in order, without a copy. No piece is empty.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut kept = 0;
        let last = Edit { range: self.body.len()..self.body.len(), with: Bytes::new() };
        self.edits
            .iter()
            .cloned()
            .chain(std::iter::once(last))
            .flat_map(move |edit| {
                let before = self.body.slice(kept..edit.range.start);
                kept = edit.range.end;
                [before, edit.with]
            })
            .filter(|piece| !piece.is_empty())
    }

    /// Appends all bytes to `out`.
    pub fn write_into(&self, out: &mut impl BufMut) {
        let mut kept = 0;
        for edit in &self.edits {
            out.put_slice(self.body.get(kept..edit.range.start).unwrap_or_default());
            out.put_slice(&edit.with);
            kept = edit.range.end;
        }
        out.put_slice(self.body.get(kept..).unwrap_or_default());
    }

    /// All bytes in one piece; the body itself when nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        if self.edits.is_empty() {
            return self.body.clone();
        }
        let mut all = Vec::with_capacity(self.len);
        self.write_into(&mut all);
        all.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::peek::peek;
    use super::*;

    fn edited(body: &'static str, remove: &[&str], insert: &[(&str, &str)]) -> String {
        let object = peek(body.as_bytes()).unwrap();
        let mut splice = Splice::new(Bytes::from_static(body.as_bytes()));
        let insert: Vec<Vec<u8>> = insert.iter().map(|(name, value)| member_json(name, value.as_bytes())).collect();
        let gone = |member: &Member| remove.iter().any(|name| name.as_bytes() == member.name(body.as_bytes()));
        splice.edit_members(&object, gone, insert.join(&b","[..]));
        let spliced = splice.finish().unwrap();
        let whole = spliced.to_bytes();
        assert_eq!(spliced.len(), whole.len());
        assert_eq!(spliced.pieces().collect::<Vec<_>>().concat(), whole);
        String::from_utf8(whole.to_vec()).unwrap()
    }

    #[test]
    fn commas_come_and_go_with_their_members() {
        let abc = r#"{"a":1, "b":2 ,"c":3 }"#;
        type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)], &'static str);
        let cases: [Case; 12] = [
            (abc, &[], &[], abc),
            (abc, &["a"], &[], r#"{"b":2 ,"c":3 }"#),
            (abc, &["b"], &[], r#"{"a":1, "c":3 }"#),
            (abc, &["c"], &[], r#"{"a":1, "b":2 }"#),
            (abc, &["a", "b"], &[], r#"{"c":3 }"#),
            (abc, &["b", "c"], &[], r#"{"a":1 }"#),
            (abc, &["a", "c"], &[], r#"{"b":2 }"#),
            (abc, &["a", "b", "c"], &[], "{ }"),
            (abc, &["a", "b", "c"], &[("d", "4")], r#"{"d":4 }"#),
            (abc, &["c"], &[("d", "4"), ("e", "5")], r#"{"a":1, "b":2,"d":4,"e":5 }"#),
            ("{}", &[], &[("d", "4")], r#"{"d":4}"#),
            ("{ }", &[], &[], "{ }"),
        ];
        for (body, remove, insert, expected) in cases {
            assert_eq!(edited(body, remove, insert), expected, "{body} - {remove:?} + {insert:?}");
        }
    }

    #[test]
    fn overlapping_edits_are_an_error() {
        let check = |ranges: &[Range<usize>]| {
            let mut splice = Splice::new(Bytes::from_static(b"0123456789"));
            for range in ranges {
                splice.replace(range.clone(), Bytes::from_static(b"x"));
            }
            splice.finish().map(|spliced| spliced.to_bytes())
        };
        assert_eq!(check(&[4..6, 0..2]).unwrap(), "x23x6789");
        assert_eq!(check(&[2..4, 4..4, 4..6]).unwrap(), "01xxx6789");
        assert_eq!(check(&[2..5, 4..6]).unwrap_err(), SpliceError { offset: 4 });
        assert_eq!(check(&[9..11, 0..1]).unwrap_err(), SpliceError { offset: 9 });
    }
}
