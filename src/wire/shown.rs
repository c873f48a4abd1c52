//! Which pictures a request shows, in any dialect: found where a provider looks for them, and nowhere else. A text that only
//! looks like a picture, or stands where words do, is words. What parsers may read in different ways is taken for the dearest
//! that it may be.

use super::media::TURNS;
use super::openai::request::Request;
use super::peek::{Member, Object, ValueKind, unique_objects_at};
use super::sizes;
use crate::drawing::{Seen, Shown};

/// Where parts stand: in messages, in contents, in what a function has answered, in what a model has drawn.
const PARTS: [&str; 6] = ["content", "parts", "output", "functionResponse", "function_response", "images"];
/// Gemini's names of what is no text.
const DATA: [&str; 4] = ["inlineData", "inline_data", "fileData", "file_data"];
/// Parts stand in so many others at most. No provider reads deeper ones.
const DEEPEST: u32 = 8;
/// The beginning of a picture that stands in its address; a slash may be escaped.
const PICTURES: [&[u8]; 2] = [b"\"data:image/", b"\"data:image\\/"];
/// The least that LiteLLM's clients may ask to be looked at.
const LOW: &str = "low";
/// What says of a file that it is a picture: its media type, its address, its name.
const TYPES: [&str; 5] = ["media_type", "mediaType", "mime_type", "mimeType", "format"];
const NAMES: [&str; 7] = ["file_data", "file_id", "file_url", "filename", "fileUri", "file_uri", "url"];
const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "gif", "heic", "heif"];

/// The pictures of a request. Looks at all of its turns, unless nothing in them is called a picture.
pub fn shown(request: &Request) -> Shown {
    let parts = request.media().parts;
    if parts == 0 {
        return Shown::default();
    }
    let object = request.object();
    let mut eye = Eye { shown: Shown::default(), is_chat: false, left: sizes::ALL };
    for turns in object.members() {
        let name = turns.name(object.body());
        eye.is_chat = name == b"messages";
        if TURNS.contains(&name) && eye.look_into(&object, turns, 0).is_none() {
            let all = parts.max(eye.shown.count());
            return Shown { fine: u32::try_from(all).unwrap_or(u32::MAX), ..Shown::default() };
        }
    }
    eye.shown
}

/// What was seen so far. Its methods are `None` where it cannot be told for certain what a provider sees.
struct Eye {
    shown: Shown,
    /// The detail of a picture is said beside its address, and not beside its type.
    is_chat: bool,
    /// Bytes of pictures that may still be decoded.
    left: usize,
}

impl Eye {
    /// A list of parts, or one.
    fn look_into(&mut self, object: &Object<'_>, member: &Member, depth: u32) -> Option<()> {
        match member.kind {
            ValueKind::Array => unique_objects_at(object.body(), member.value.start)
                .try_for_each(|part| self.look_at(&part.ok()?, depth)),
            ValueKind::Object => self.look_at(&object.within(member)?.ok()?, depth),
            _ => Some(()),
        }
    }

    fn look_at(&mut self, part: &Object<'_>, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match part.as_str("type").as_deref() {
            Some("image_url" | "input_image" | "computer_screenshot") => self.linked(part)?,
            Some("image") => {
                let source = nested(part, "source")?;
                let source = source.filter(|source| source.as_str("type").as_deref() == Some("base64"));
                let data = source.map_or(&[][..], |source| base64(&source));
                self.add(false, data, Some(data));
            }
            Some("document") => {
                let source = nested(part, "source")?;
                self.file(source.as_ref());
                if let Some((source, content)) =
                    source.as_ref().and_then(|source| Some((source, source.get("content")?)))
                {
                    self.look_into(source, content, depth + 1)?;
                }
            }
            Some("file") => self.file(nested(part, "file")?.as_ref()),
            Some("input_file") => self.file(Some(part)),
            _ => {}
        }
        for name in DATA {
            if let Some(data) = nested(part, name)?.filter(is_picture) {
                let data = base64(&data);
                self.add(false, data, Some(data));
            }
        }
        PARTS.iter().filter_map(|name| part.get(name)).try_for_each(|member| self.look_into(part, member, depth + 1))
    }

    /// `text`: what of the request it stands in. `data`: the base64 of it, if it is known which that is.
    fn add(&mut self, is_coarse: bool, text: &[u8], data: Option<&[u8]>) {
        let bytes = text.len();
        self.shown.bytes = self.shown.bytes.saturating_add(bytes);
        if let Some(size) = data.and_then(|data| sizes::of(data, &mut self.left)) {
            self.shown.sized.push(Seen { size, is_coarse, bytes });
            return;
        }
        let count = if is_coarse { &mut self.shown.coarse } else { &mut self.shown.fine };
        *count = count.saturating_add(1);
    }

    /// OpenAI's: by its address, or by the name of a file.
    fn linked(&mut self, part: &Object<'_>) -> Option<()> {
        let link = nested(part, "image_url")?;
        let details = (part.as_str("detail"), link.as_ref().and_then(|link| link.as_str("detail")));
        let (said, other) = if self.is_chat { (details.1, details.0) } else { details };
        let is_coarse = said.as_deref() == Some(LOW) && other.is_none_or(|other| other == LOW);
        let address = match &link {
            // A provider may be told that it is something else.
            Some(link) if link.as_str("format").is_none_or(|format| is_named_picture(&format)) => inline(link, "url"),
            Some(_) => &[],
            None => inline(part, "image_url"),
        };
        self.add(is_coarse, address, sizes::of_address(address));
        Some(())
    }

    /// A file may be a picture; all of it is words, since it may be something else too.
    fn file(&mut self, file: Option<&Object<'_>>) {
        if file.is_some_and(is_picture) {
            self.add(false, &[], None);
        }
    }
}

/// An object within; `None` if it says something twice.
fn nested<'a>(part: &Object<'a>, name: &str) -> Option<Option<Object<'a>>> {
    part.nested(name).transpose().ok()
}

fn is_picture(file: &Object<'_>) -> bool {
    TYPES.iter().chain(&NAMES).any(|name| file.as_str(name).is_some_and(|said| is_named_picture(&said)))
}

/// Of a media type, an address or a name.
fn is_named_picture(said: &str) -> bool {
    let starts = |start: &str| said.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let path = said.get(..memchr::memchr2(b'?', b'#', said.as_bytes()).unwrap_or(said.len())).unwrap_or_default();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let ends = ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
    starts("image/") || starts("data:image/") || ends
}

/// Base64 between its quotes, where nothing says that it is no picture.
fn base64<'a>(object: &Object<'a>) -> &'a [u8] {
    let mut types = TYPES.iter().filter_map(|name| object.as_str(name)).peekable();
    let is_certain = types.peek().is_some() && types.all(|said| is_named_picture(&said));
    let data = object.get("data").filter(|member| is_certain && member.kind == ValueKind::String);
    data.map_or(&[], |data| unquoted(object.raw(data)))
}

/// An address in which a picture stands, between its quotes; nothing of an address elsewhere.
fn inline<'a>(object: &Object<'a>, name: &str) -> &'a [u8] {
    let raw = object.get(name).map(|url| object.raw(url)).unwrap_or_default();
    if PICTURES.iter().any(|start| raw.starts_with(start)) { unquoted(raw) } else { &[] }
}

fn unquoted(raw: &[u8]) -> &[u8] {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;

    use super::*;
    use crate::drawing::Size;
    use crate::wire::sizes::tests::png;

    const URL: &str = "data:image/png;base64,iVBORw0KGgo=";
    const LENGTH: usize = URL.len();

    fn of(body: &str) -> Shown {
        let body = format!("{{\"model\":\"m\",{}}}", body.replace("URL", URL));
        shown(&Request::parse(Bytes::from(body)).unwrap())
    }

    #[test]
    fn pictures_are_found_in_every_dialect() {
        let fine = |fine, bytes| Shown { fine, bytes, ..Shown::default() };
        let coarse = |bytes| Shown { coarse: 1, bytes, ..Shown::default() };
        for (body, expected) in [
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"URL"}},{"type":"text","text":"URL"}]}]"#,
                fine(1, LENGTH),
            ),
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":"URL"}]},{"content":[{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"high"}}]}]"#,
                fine(2, LENGTH),
            ),
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"URL","detail":"low"}}]}]"#,
                coarse(LENGTH),
            ),
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,iVBO","detail":"low"}}]}]"#,
                coarse(27),
            ),
            (
                r#""input":[{"role":"user","content":[{"type":"input_image","image_url":"URL","detail":"low"}]}]"#,
                coarse(LENGTH),
            ),
            (
                r#""input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"URL"}]}]"#,
                fine(1, LENGTH),
            ),
            (
                r#""messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw"}}]}]"#,
                fine(1, 6),
            ),
            (
                r#""messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw"}}]}]}]"#,
                fine(1, 6),
            ),
            (
                r#""messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]}]"#,
                fine(1, 0),
            ),
            (
                r#""contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw"}},{"fileData":{"mimeType":"image/png","fileUri":"gs://a"}}]}]"#,
                fine(2, 6),
            ),
        ] {
            assert_eq!(of(body), expected, "{body}");
        }
    }

    #[test]
    fn a_picture_is_one_wherever_providers_look_for_it() {
        let image = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw"}}"#;
        let fine = |bytes| Shown { fine: 1, bytes, ..Shown::default() };
        for (body, expected) in [
            (r#""input":[{"content":[{"type":"input_image","file_id":"file-1"}]}]"#, fine(0)),
            (r#""input":[{"content":[{"type":"input_image","image_url":null,"file_id":"file-1"}]}]"#, fine(0)),
            (
                r#""input":[{"content":[{"type":"input_image","file_id":"file-1","detail":"low"}]}]"#,
                Shown { coarse: 1, ..Shown::default() },
            ),
            (
                r#""input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"URL"}}]"#,
                fine(LENGTH),
            ),
            (
                r#""messages":[{"content":[{"type":"file","file":{"file_id":"https://x/y","format":"image/png"}}]}]"#,
                fine(0),
            ),
            (r#""messages":[{"content":[{"type":"file","file":{"file_id":"https://x/y.PNG?z=1.2"}}]}]"#, fine(0)),
            (r#""messages":[{"content":[{"type":"file","file":{"file_data":"URL"}}]}]"#, fine(0)),
            (r#""messages":[{"content":[{"type":"file","file":{"file_data":"iVBORw","filename":"a.jpg"}}]}]"#, fine(0)),
            (r#""input":[{"content":[{"type":"input_file","file_url":"https://x/y.png"}]}]"#, fine(0)),
            (
                r#""messages":[{"content":[{"type":"document","source":{"media_type":"image/png","data":"iVBORw"}}]}]"#,
                fine(0),
            ),
            (
                r#""messages":[{"content":[{"type":"document","source":{"type":"content","content":[IMAGE]}}]}]"#,
                fine(6),
            ),
            (
                r#""messages":[{"content":[{"type":"tool_result","content":[{"type":"document","source":{"type":"content","content":[IMAGE]}}]}]}]"#,
                fine(6),
            ),
            (r#""messages":[{"images":[{"type":"image_url","image_url":{"url":"URL"}}]}]"#, fine(LENGTH)),
            (
                r#""contents":[{"parts":[{"functionResponse":{"name":"f","parts":[{"fileData":{"mimeType":"image/png","fileUri":"gs://a"}}]}}]}]"#,
                fine(0),
            ),
            (
                r#""contents":[{"parts":[{"function_response":{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw"}}]}}]}]"#,
                fine(6),
            ),
            (r#""contents":{"parts":{"fileData":{"fileUri":"gs://a/b.webp"}}}"#, fine(0)),
            (
                r#""contents":[{"parts":[{"type":"x","fileData":{"mimeType":"image/png","fileUri":"gs://a"}}]}]"#,
                fine(0),
            ),
            (r#""messages":[{"content":[{"t\u0079pe":"image\u005furl","image_url":"https://x/y"}]}]"#, fine(0)),
        ] {
            assert_eq!(of(&body.replace("IMAGE", image)), expected, "{body}");
        }
    }

    #[test]
    fn pictures_in_the_request_have_a_size() {
        let picture = STANDARD.encode(png(640, 480));
        let seen = |is_coarse, bytes| Seen { size: Size { width: 640, height: 480 }, is_coarse, bytes };
        for (body, sized) in [
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA","detail":"low"}}]}]"#,
                seen(true, picture.len() + 22),
            ),
            (
                r#""input":[{"content":[{"type":"input_image","image_url":"data:image\/png;base64,DATA"}]}]"#,
                seen(false, picture.len() + 23),
            ),
            (
                r#""messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}]"#,
                seen(false, picture.len()),
            ),
            (
                r#""contents":[{"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"DATA"}}]}]"#,
                seen(false, picture.len()),
            ),
        ] {
            let expected = Shown { bytes: sized.bytes, sized: vec![sized], ..Shown::default() };
            assert_eq!(of(&body.replace("DATA", &picture)), expected, "{body}");
        }
        let twice = r#""messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA","data":"DATA"}}]}]"#;
        let fine = Shown { fine: 1, ..Shown::default() };
        assert_eq!(of(&twice.replace("DATA", &picture)), fine, "which of the two is it?");
    }

    #[test]
    fn words_are_no_bytes_of_a_picture() {
        let fine = Shown { fine: 1, ..Shown::default() };
        for body in [
            r#""messages":[{"content":[{"type":"image","source":{"type":"text","media_type":"image/png","data":"words"}}]}]"#,
            r#""messages":[{"content":[{"type":"image","source":{"media_type":"image/png","data":"words"}}]}]"#,
            r#""messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"text/plain","data":"d29y"}}]}]"#,
            r#""messages":[{"content":[{"type":"image","source":{"type":"base64","type":"text","media_type":"image/png","data":"words"}}]}]"#,
            r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"URL","format":"text/plain"}}]}]"#,
            r#""contents":[{"parts":[{"inlineData":{"mimeType":"image/png","mime_type":"text/plain","data":"d29y"}}]}]"#,
        ] {
            assert_eq!(of(body), fine, "{body}");
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_the_dearest() {
        let fine = |fine, bytes| Shown { fine, bytes, ..Shown::default() };
        let image = r#"{"type":"image_url","image_url":{"url":"URL","detail":"low"}}"#;
        for (body, expected) in [
            (r#""messages":[{"content":[{"type":"text","type":"image_url","image_url":"https://x/y"}]}]"#, fine(1, 0)),
            (r#""messages":[{"content":"x","content":[IMAGE,IMAGE]}]"#, fine(2, 0)),
            (r#""messages":[{"content":[{"type":"text","text":"x","\ud800":1},IMAGE]}]"#, fine(1, 0)),
            (r#""messages":[{"role":"user","\x":1},{"content":[IMAGE]}]"#, fine(1, 0)),
            (r#""messages":[{"content":[{"type":"image_url","image_url":"URL","detail":"low"}]}]"#, fine(1, LENGTH)),
            (
                r#""input":[{"content":[{"type":"input_image","image_url":{"url":"URL","detail":"low"},"detail":"high"}]}]"#,
                fine(1, LENGTH),
            ),
        ] {
            assert_eq!(of(&body.replace("IMAGE", image)), expected, "{body}");
        }
        let deep = format!("{}{image}{}", r#"{"content":["#.repeat(20), "]}".repeat(20));
        assert_eq!(of(&format!(r#""messages":[{deep}]"#)), fine(1, 0));
    }

    #[test]
    fn what_is_said_twice_or_elsewhere_is_no_picture_for_less() {
        let words = Shown::default;
        for (body, expected) in [
            (r#""messages":[{"content":"URL"}]"#, words()),
            (
                r#""messages":[{"content":[{"type":"text","text":"URL"},{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBE"}}]}]"#,
                words(),
            ),
            (
                r#""messages":[{"content":[{"type":"tool_use","input":{"image_url":"URL","type":"image_url"}}]}]"#,
                words(),
            ),
            (
                r#""messages":[{"content":[{"type":"document","source":{"media_type":"application/pdf","data":"JVBER"}}]}]"#,
                words(),
            ),
            (r#""contents":[{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"JVBER"}}]}]"#, words()),
            (r#""input":["URL"]"#, words()),
            (
                r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"URL","detail":"low","detail":"high"}}]}]"#,
                Shown { fine: 1, ..Shown::default() },
            ),
            (
                r#""input":[{"content":[{"type":"input_image","image_url":"URL","detail":"low","detail":"high"}]}]"#,
                Shown { fine: 1, ..Shown::default() },
            ),
        ] {
            assert_eq!(of(body), expected, "{body}");
        }
    }
}
