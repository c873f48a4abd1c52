//! What of a request is no text: pictures, files and sound, and the base64 that they stand in. Counted while the body is
//! scanned, so that a limit need not take a picture for a million words; only what is longer than [`LONGEST_WORD`] is looked
//! into, and of that the beginning.
//!
//! It is a guess from names: what the provider counted takes its place when the call is settled. Base64 where words belong
//! is words, since a provider counts it as such; a name that says `image` where there is none sets too much aside.

/// Tokens set aside for a picture, file or sound, at least. Anthropic counts width x height / 750, about 1,600 at most
/// (<https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size>); OpenAI's gpt-4o counts 85 and 170 for each
/// of 8 tiles, 1,445 (<https://platform.openai.com/docs/guides/images-vision#calculating-costs>); Gemini 258 a tile. What is
/// known of a model is in `pricing/vision.rs`.
pub const PART_TOKENS: u64 = 1_600;
/// A page of a PDF is some 2,000 tokens and some 75 KB, a second of sound 32 tokens at most and 2.7 KB at least: so many bytes
/// of base64 for a token of what is no picture, rather too few than too many.
pub const DATA_BYTES: u64 = 50;

/// A string of which so many bytes could be base64 is base64 and no word.
const LONGEST_WORD: usize = 1024;
/// What stands before the base64 of a data URL, at most.
const LONGEST_HEAD: usize = 128;

/// An escape has six bytes, and none of our names has fewer than four letters.
const SHORTEST_DISGUISE: usize = 8;

/// Where a request's words stand; elsewhere nothing is counted.
pub(super) const TURNS: [&[u8]; 3] = [b"messages", b"contents", b"input"];
/// How pictures (PNG, JPEG, GIF) begin in base64. WebP is looked at more closely: sound may begin as it does.
const PICTURES: [&[u8]; 3] = [b"iVBORw", b"/9j/", b"R0lGOD"];

/// See the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Pictures, files and pieces of sound, by what they are called.
    pub parts: u64,
    /// Bytes of base64.
    pub base64: usize,
    /// Those of them that are no picture.
    pub other: usize,
}

impl Media {
    /// Tokens to be set aside for all that is no text.
    pub fn tokens(&self) -> u64 {
        self.parts.saturating_mul(PART_TOKENS).saturating_add((self.other as u64).div_ceil(DATA_BYTES))
    }

    /// The same without so many pictures, which are counted elsewhere.
    #[must_use]
    pub fn without(self, pictures: u64) -> Self {
        Self { parts: self.parts.saturating_sub(pictures), ..self }
    }

    /// Whether a top-level member of this name has words in it.
    pub(super) fn is_turns(name: &[u8]) -> bool {
        TURNS.contains(&name) || is_disguised(name)
    }

    /// An object begins: the value of a member of this name, or something in a list that is.
    #[inline]
    pub(super) fn object(&mut self, name: &[u8]) {
        // Gemini's, where the name says what it is. Other dialects have a `type`.
        if matches!(name, b"inlineData" | b"inline_data" | b"fileData" | b"file_data") || is_disguised(name) {
            self.parts += 1;
        }
    }

    /// A text, as it stands between its quotes: the value of a member of this name, or in a list that is.
    #[inline]
    pub(super) fn text(&mut self, name: &[u8], text: &[u8]) {
        if text.len() > LONGEST_WORD {
            self.long(name, text);
        } else if (name == b"type" || is_disguised(name)) && (is_media(text) || is_disguised(text)) {
            self.parts += 1;
        }
    }

    #[cold]
    fn long(&mut self, name: &[u8], text: &[u8]) {
        let data = match text.strip_prefix(b"data:") {
            Some(url) => {
                let head = url.get(..LONGEST_HEAD).unwrap_or(url);
                memchr::memchr(b',', head).and_then(|comma| url.get(comma + 1..)).unwrap_or_default()
            }
            None => text,
        };
        let is_url = data.len() < text.len();
        // A picture to be embedded has no part of its own.
        let is_embedded = is_url && name == b"input";
        if (is_words(name) && !is_embedded) || !is_base64(data) {
            return;
        }
        self.parts += u64::from(is_embedded);
        self.base64 += data.len();
        if !is_picture(data) {
            self.other += data.len();
        }
    }
}

/// Whether a part of this `type` is no text: OpenAI's, Responses', Anthropic's, vLLM's.
fn is_media(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"image_url"
            | b"input_image"
            | b"image"
            | b"computer_screenshot"
            | b"file"
            | b"input_file"
            | b"document"
            | b"input_audio"
            | b"audio_url"
            | b"video_url"
    )
}

/// Whether a letter is written as an escape, which nobody does but to hide it: it may be any of our names.
#[inline]
fn is_disguised(name: &[u8]) -> bool {
    name.len() > SHORTEST_DISGUISE && memchr::memchr(b'\\', name).is_some() && {
        name.windows(5).any(|five| matches!(five, [b'\\', b'u', b'0', b'0', b'4'..=b'7']))
    }
}

/// Whether a member of this name says something, in any dialect: what stands there is counted as words whatever it looks like.
fn is_words(name: &[u8]) -> bool {
    matches!(name, b"content" | b"text" | b"thinking" | b"arguments" | b"output" | b"result" | b"input" | b"code")
}

fn is_base64(data: &[u8]) -> bool {
    // Standard or for URLs, perhaps with slashes that are escaped.
    let may_be = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\');
    data.get(..LONGEST_WORD).is_some_and(|start| start.iter().all(may_be))
}

fn is_picture(data: &[u8]) -> bool {
    let is_webp = || data.starts_with(b"UklGR") && data.get(12..16) == Some(b"RUJQ");
    PICTURES.iter().any(|start| data.starts_with(start)) || is_webp()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::openai::request::Request;

    const PNG: &str = "iVBORw0KGgo";
    const PDF: &str = "JVBERi0xLjc";

    /// In the place of `DATA` 5,000 bytes of base64 that begin like this.
    fn of(body: &str, start: &str) -> Media {
        let data = format!("{start}{}", "A".repeat(5_000 - start.len()));
        Request::parse(Bytes::from(body.replace("DATA", &data))).unwrap().media()
    }

    #[test]
    fn a_picture_is_a_part_in_every_dialect() {
        let picture = Media { parts: 1, base64: 5_000, other: 0 };
        for body in [
            r#"{"messages":[{"content":[{"type":"text","text":"Look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"data":"DATA"}}]}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,DATA"}]}]}"#,
            r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"DATA"}},{"text":"Look"}]}]}"#,
            r#"{"contents":[{"parts":[{"inline_data" : {"mime_type":"image/png","data":"DATA"}}]}]}"#,
            r#"{"input":["data:image/png;base64,DATA"]}"#,
        ] {
            assert_eq!(of(body, PNG), picture, "{body}");
            assert_eq!(of(body, PNG).tokens(), PART_TOKENS);
        }
        let webp = r#"{"messages":[{"content":[{"type":"image","source":{"data":"DATA"}}]}]}"#;
        assert_eq!(of(webp, "UklGRiQAAABXRUJQVlA4").other, 0);
        assert_eq!(of(webp, "UklGRiQAAABXQVZFZm10").other, 5_000, "that is sound");
    }

    #[test]
    fn what_is_elsewhere_is_a_part_too() {
        let elsewhere = Media { parts: 1, ..Media::default() };
        for body in [
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://a/b.png"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://a/b.pdf"}}]}]}"#,
            r#"{"input":[{"content":[{"type":"input_file","file_id":"file-1"}]}]}"#,
            r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b"}}]}]}"#,
        ] {
            assert_eq!(of(body, ""), elsewhere, "{body}");
        }
    }

    #[test]
    fn a_part_is_seen_however_its_name_is_written() {
        for body in [
            r#"{"messages":[{"content":[{"type":"image\u005furl","image_url":"https://a/b.png"}]}]}"#,
            r#"{"messages":[{"content":[{"t\u0079pe":"image_url","image_url":"https://a/b.png"}]}]}"#,
            r#"{"m\u0065ssages":[{"content":[{"type":"image_url","image_url":"https://a/b.png"}]}]}"#,
            r#"{"contents":[{"parts":[{"file\u0044ata":{"fileUri":"gs://a/b"}}]}]}"#,
            r#"{"input":[{"output":{"type":"computer_screenshot","image_url":"https://a/b.png"}}]}"#,
        ] {
            assert!(of(body, "").parts > 0, "{body}");
        }
        let honest = r#"{"messages":[{"content":[{"input":{"\u6771\u4eac":{"type":"\u003cb\u003e \u6771\u4eac"}}}]}]}"#;
        assert_eq!(of(honest, "").parts, 0);
    }

    #[test]
    fn files_and_sound_count_by_their_size() {
        for body in [
            r#"{"messages":[{"content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,DATA"}},{"type":"text","text":"Read"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"DATA"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"input_audio","input_audio":{"format":"mp3","data":"DATA"}}]}]}"#,
            r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"DATA"}}]}]}"#,
        ] {
            assert_eq!(of(body, PDF), Media { parts: 1, base64: 5_000, other: 5_000 }, "{body}");
            assert_eq!(of(body, PDF).tokens(), PART_TOKENS + 100);
        }
        let signature = r#"{"messages":[{"content":[{"type":"thinking","thinking":"hm","signature":"DATA"}]}]}"#;
        assert_eq!(of(signature, "").tokens(), 100);
    }

    #[test]
    fn words_are_words_whatever_they_look_like() {
        for body in [
            r#"{"messages":[{"content":"DATA"}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"data:image/png;base64,DATA"}]}]}"#,
            r#"{"messages":[{"tool_calls":[{"type":"function","function":{"arguments":"DATA"}}]}]}"#,
            r#"{"input":"DATA"}"#,
            r#"{"prompt":"DATA"}"#,
            r#"{"tools":[{"type":"image","description":"DATA"}]}"#,
        ] {
            assert_eq!(of(body, PNG), Media::default(), "{body}");
        }
        let spaces = format!(r#"{{"messages":[{{"content":[{{"note":"{}"}}]}}]}}"#, "many words ".repeat(500));
        assert_eq!(of(&spaces, ""), Media::default());
        let no_spaces = format!(r#"{{"messages":[{{"content":[{{"note":"{}"}}]}}]}}"#, "東京".repeat(1_000));
        assert_eq!(of(&no_spaces, ""), Media::default());
    }

    #[test]
    fn what_is_left_is_text() {
        let body = format!(r#"{{"messages":[{{"content":[{{"data":"{PNG}{}"}}]}}]}}"#, "A".repeat(4_000));
        let request = Request::parse(Bytes::from(body.clone())).unwrap();
        assert_eq!(request.text_bytes(), body.len() - 4_000 - PNG.len());
        assert_eq!(request.unquoted_bytes(), r"{messages:[{content:[{data:}]}]}".len() as u64);
    }
}
