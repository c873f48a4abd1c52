//! What was said, where it is as simple as most answers: thoughts, then words.

use super::{Said, TEXT, THOUGHT, Voice};

/// What was said, where it was nothing but thoughts and then words of one choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain {
    /// The thoughts, where there were any.
    pub thought: Option<String>,
    /// The words.
    pub text: String,
}

impl Said {
    /// Everything, if it is plain and was kept. A block that is neither thought nor words shows in the place of the words
    /// behind it, where the dialect numbers its blocks.
    pub fn plain(&self) -> Option<Plain> {
        let voices: Vec<Voice> = self.turns.iter().map(|turn| turn.voice).collect();
        let is_thought = |voice: &Voice| voice.0 >> 56 == THOUGHT;
        let is_text = |voice: &Voice| voice.0 >> 56 == TEXT;
        let places = |of: Voice| of.0 >> 28 & 0xFFF_FFFF;
        let is_plain = match voices.as_slice() {
            [] => true,
            [text] => is_text(text) && places(*text) == 0,
            [thought, text] => is_thought(thought) && is_text(text) && places(*thought) == 0 && places(*text) <= 1,
            _ => false,
        };
        if !is_plain || self.beyond > 0 {
            return None;
        }
        let mut spoken = self.turns.iter().map(|turn| turn.at).chain([self.kept.len()]);
        let mut from = spoken.next()?;
        let mut plain = Plain::default();
        for (voice, end) in voices.iter().zip(spoken) {
            let said = self.text(&[(*voice, self.kept.get(from..end)?)]);
            if is_thought(voice) {
                plain.thought = Some(said)
            } else {
                plain.text = said
            }
            from = end;
        }
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_and_words_are_plain_and_nothing_else() {
        let plain = |pieces: &[(Voice, &str)]| {
            let mut said = Said::escaped();
            pieces.iter().for_each(|(voice, piece)| said.say(*voice, piece.as_bytes()));
            said.plain().map(|plain| (plain.thought, plain.text))
        };
        let (text, thought) = (Voice::text, Voice::thought);
        let owned = |text: &str| text.to_owned();
        assert_eq!(plain(&[]), Some((None, String::new())));
        assert_eq!(plain(&[(text(0), "a"), (text(0), "\\n")]), Some((None, owned("a\n"))));
        assert_eq!(plain(&[(thought(0), "hm"), (text(1), "a")]), Some((Some(owned("hm")), owned("a"))));
        assert_eq!(plain(&[(thought(0), "hm"), (text(0), "a")]), Some((Some(owned("hm")), owned("a"))));
        for other in [
            &[(text(1), "behind what is not known")][..],
            &[(text(0), "a"), (text(1), "b")],
            &[(thought(0), "hm")],
            &[(text(0), "a"), (Voice::name(0, 0), "tool")],
            &[(thought(0), "hm"), (text(2), "a")],
        ] {
            assert_eq!(plain(other), None, "{other:?}");
        }
    }
}
