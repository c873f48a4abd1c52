//! The lines of an answer's header, on their way into the map that Pingora sends.
//!
//! Most answers of a deployment have the same lines as one before, with other values, and to find a name its place in a map
//! costs more than all else that is done with it. So an answer begins with a copy of that one's map, and as long as its lines
//! come in the map's order, each value only replaces the one that stands there. Behind them it has the lines that Pingora
//! sets in every header, so that the map need not grow for them.

use std::cell::RefCell;

use http::header::{CONNECTION, DATE, HeaderMap, HeaderName, HeaderValue, IterMut};

/// Maps that a worker remembers, each in the place that its number falls on.
const PLACES: usize = 64;

/// What Pingora sets, whatever stands there.
const PINGORAS: [HeaderName; 2] = [DATE, CONNECTION];

thread_local! {
    static KNOWN: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// The map of an answer like this one, whose values are to be replaced.
pub struct Guess {
    place: usize,
    map: HeaderMap,
}

/// Lines, written over a guess as far as it is right.
pub struct Sheet<'a> {
    ahead: IterMut<'a, HeaderValue>,
    /// So many lines were as the guess has them.
    right: usize,
    /// The others, from the first that was not.
    others: Vec<Line>,
}

struct Line {
    name: HeaderName,
    value: HeaderValue,
    /// Beside others of its name, and not in their place.
    is_added: bool,
}

/// What a sheet found out about its guess.
pub struct Written {
    right: usize,
    others: Vec<Line>,
}

impl Guess {
    /// What the last answer of this number had; answers of one number should be alike.
    pub fn of(number: usize) -> Self {
        let place = number % PLACES;
        let map = KNOWN.with_borrow(|known| known.get(place).cloned().unwrap_or_default());
        Self { place, map }
    }

    /// To be written over.
    pub fn sheet(&mut self) -> Sheet<'_> {
        Sheet { ahead: self.map.iter_mut(), right: 0, others: Vec::new() }
    }

    /// The map of the lines that were written, and perhaps of those that Pingora sets.
    pub fn into_map(self, written: Written) -> HeaderMap {
        let Self { place, map: guess } = self;
        if written.others.is_empty() && written.right + PINGORAS.len() == guess.len() {
            return guess;
        }
        let mut map = HeaderMap::with_capacity(written.right + written.others.len());
        for (name, value) in guess.into_iter().take(written.right) {
            // What is remembered has each name once.
            if let Some(name) = name {
                map.insert(name, value);
            }
        }
        for Line { name, value, is_added } in written.others {
            if is_added {
                map.append(name, value);
            } else {
                map.insert(name, value);
            }
        }
        if map.len() == map.keys_len() {
            remember(place, &map);
        }
        map
    }
}

fn remember(place: usize, map: &HeaderMap) {
    let mut names = map.clone();
    names.values_mut().for_each(|value| *value = HeaderValue::from_static(""));
    for name in PINGORAS {
        names.insert(name, HeaderValue::from_static(""));
    }
    KNOWN.with_borrow_mut(|known| {
        known.resize_with(PLACES, HeaderMap::new);
        if let Some(place) = known.get_mut(place) {
            *place = names;
        }
    });
}

impl Sheet<'_> {
    /// A line in the place of those of its name.
    #[inline]
    pub fn set(&mut self, name: &HeaderName, value: HeaderValue) {
        self.write(name, value, false);
    }

    /// A line beside those of its name.
    #[inline]
    pub fn add(&mut self, name: &HeaderName, value: HeaderValue) {
        self.write(name, value, true);
    }

    /// No more lines.
    pub fn written(self) -> Written {
        Written { right: self.right, others: self.others }
    }

    #[inline]
    fn write(&mut self, name: &HeaderName, value: HeaderValue, is_added: bool) {
        if self.others.is_empty()
            && let Some((guessed, place)) = self.ahead.next()
            && is_same(guessed, name)
        {
            // What is remembered is empty and owns nothing, and to drop it costs a call.
            std::mem::forget(std::mem::replace(place, value));
            self.right += 1;
        } else {
            self.others.push(Line { name: name.clone(), value, is_added });
        }
    }
}

/// Nearly always they are one text.
fn is_same(one: &HeaderName, other: &HeaderName) -> bool {
    let (one, other) = (one.as_str(), other.as_str());
    std::ptr::eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    static A: HeaderName = HeaderName::from_static("x-a");
    static B: HeaderName = HeaderName::from_static("x-b");
    static C: HeaderName = HeaderName::from_static("x-c");

    fn said(map: &HeaderMap) -> String {
        map.iter().map(|(name, value)| format!("{name}={} ", value.to_str().unwrap())).collect()
    }

    fn answer(
        number: usize,
        lines: &[(&HeaderName, &'static str)],
        added: Option<(&HeaderName, &'static str)>,
    ) -> HeaderMap {
        let mut guess = Guess::of(number);
        let mut sheet = guess.sheet();
        lines.iter().for_each(|(name, value)| sheet.set(name, HeaderValue::from_static(value)));
        added.iter().for_each(|(name, value)| sheet.add(name, HeaderValue::from_static(value)));
        let written = sheet.written();
        as_pingora_sends(guess.into_map(written))
    }

    fn as_pingora_sends(mut map: HeaderMap) -> HeaderMap {
        map.insert(DATE, HeaderValue::from_static("today"));
        map.insert(CONNECTION, HeaderValue::from_static("close"));
        map
    }

    const REST: &str = "date=today connection=close ";

    #[test]
    fn the_same_names_again_have_their_own_values() {
        for values in [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]] {
            let map = answer(1, &[(&A, values[0]), (&C, values[1]), (&B, values[2])], None);
            assert_eq!(said(&map), format!("x-a={} x-c={} x-b={} {REST}", values[0], values[1], values[2]));
            assert_eq!(map.get(&C).unwrap(), values[1]);
            assert_eq!(map.get(http::header::EXPIRES), None);
        }
    }

    #[test]
    fn other_lines_than_were_guessed_are_as_they_were_written() {
        let all = [(&A, "1"), (&B, "2"), (&C, "3")];
        let ways: [&[(&HeaderName, &'static str)]; 7] = [
            &all,
            &all[..2],
            &[(&B, "2"), (&A, "1")],
            &[(&A, "1"), (&C, "3")],
            &[],
            &[(&C, "3")],
            &[(&A, "1"), (&B, "2"), (&A, "4")],
        ];
        for first in ways {
            for then in ways {
                answer(2, first, None);
                let mut plain = HeaderMap::new();
                then.iter().for_each(|(name, value)| drop(plain.insert(*name, HeaderValue::from_static(value))));
                assert_eq!(answer(2, then, None), as_pingora_sends(plain), "{then:?} after {first:?}");
            }
        }
    }

    #[test]
    fn a_line_stands_beside_another() {
        for _ in 0..3 {
            let both = answer(3, &[(&A, "1"), (&B, "2")], Some((&A, "3")));
            assert_eq!(said(&both), format!("x-a=1 x-a=3 x-b=2 {REST}"));
        }
        assert_eq!(said(&answer(3, &[(&A, "1"), (&B, "2")], None)), format!("x-a=1 x-b=2 {REST}"));
    }
}
