//! `<think>…</think>` at the beginning of a text: how older versions of Ollama, and models that it does not know to think,
//! show their thoughts. LiteLLM tells them from the answer, so we do.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A piece of an answer's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Thought(String),
    Said(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nothing has come yet but white space and maybe the beginning of the tag.
    #[default]
    Before,
    Inside,
    Behind,
}

/// Tells thoughts from answers in a text that comes in pieces. Any cutting gives the same text.
#[derive(Debug, Default)]
pub(super) struct Tags {
    place: Place,
    /// What may be the beginning of a tag.
    held: String,
}

impl Tags {
    /// Takes the next words; what may be a tag is held until it is known.
    pub fn take(&mut self, words: String, pieces: &mut Vec<Piece>) {
        if self.place == Place::Behind {
            pieces.push(Piece::Said(words));
            return;
        }
        self.held.push_str(&words);
        if self.place == Place::Before {
            let begun = self.held.trim_start();
            match begun.strip_prefix(OPEN) {
                Some(behind) => {
                    self.held = behind.to_owned();
                    self.place = Place::Inside;
                }
                None if OPEN.starts_with(begun) => return,
                None => self.place = Place::Behind,
            }
        }
        if self.place == Place::Inside {
            self.inside(pieces);
        }
        if self.place == Place::Behind {
            self.rest(pieces);
        }
    }

    fn inside(&mut self, pieces: &mut Vec<Piece>) {
        let (thought, behind) = match self.held.split_once(CLOSE) {
            Some((thought, behind)) => {
                self.place = Place::Behind;
                (thought, behind)
            }
            None => {
                let cut = |length: &usize| CLOSE.get(..*length).is_some_and(|begun| self.held.ends_with(begun));
                let held = (1..CLOSE.len()).rev().find(cut).unwrap_or_default();
                self.held.split_at_checked(self.held.len() - held).unwrap_or((&self.held, ""))
            }
        };
        let behind = behind.to_owned();
        if !thought.is_empty() {
            pieces.push(Piece::Thought(thought.to_owned()));
        }
        self.held = behind;
    }

    /// What was held, now that no tag can follow.
    pub fn rest(&mut self, pieces: &mut Vec<Piece>) {
        let rest = std::mem::take(&mut self.held);
        if !rest.is_empty() {
            pieces.push(if self.place == Place::Inside { Piece::Thought(rest) } else { Piece::Said(rest) });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Thoughts and answer, each joined.
    fn told(pieces: &[&str]) -> (String, String) {
        let mut tags = Tags::default();
        let mut all = Vec::new();
        pieces.iter().for_each(|piece| tags.take((*piece).to_owned(), &mut all));
        tags.rest(&mut all);
        let (mut thought, mut said) = (String::new(), String::new());
        for piece in all {
            match piece {
                Piece::Thought(text) => thought.push_str(&text),
                Piece::Said(text) => said.push_str(&text),
            }
        }
        (thought, said)
    }

    #[test]
    fn thoughts_stand_before_the_answer() {
        let check = |text: &str, thought: &str, said: &str| {
            assert_eq!(told(&[text]), (thought.to_owned(), said.to_owned()), "{text}");
        };
        check("<think>hm</think>so", "hm", "so");
        check("\n<think>\nhm\n</think>\n\nso", "\nhm\n", "\n\nso");
        check("<think>hm", "hm", "");
        check("<thin", "", "<thin");
        check("so <think>hm</think>", "", "so <think>hm</think>");
        check("", "", "");
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_text(text in "( |\n|<think>|</think>|<th|</thi|a|é){0,12}", at in 0_usize..40) {
            let (first, second) = match text.char_indices().nth(at) {
                Some((at, _)) => text.split_at(at),
                None => (text.as_str(), ""),
            };
            prop_assert_eq!(told(&[&text]), told(&[first, second]));
            let characters: Vec<String> = text.chars().map(String::from).collect();
            let characters: Vec<&str> = characters.iter().map(String::as_str).collect();
            prop_assert_eq!(told(&[&text]), told(&characters));
        }
    }
}
