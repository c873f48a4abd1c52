//! What a request asks of a model besides words: pictures to be seen, functions to be called, an answer in a schema. A look
//! at names and no more: it decides who is preferred, never who is refused.

use super::block;
use super::openai::request::Request;

/// See the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Pictures stand in a turn.
    pub images: bool,
    /// Files stand in a turn.
    pub files: bool,
    /// Sound stands in a turn.
    pub audio: bool,
    /// Functions may be called.
    pub tools: bool,
    /// The answer has a JSON schema.
    pub schema: bool,
    /// The web may be searched.
    pub web_search: bool,
}

const TURNS: [&str; 3] = ["messages", "contents", "input"];
const IMAGES: [&str; 4] = ["\"image_url\"", "\"input_image\"", "\"image\"", "\"image/"];
const FILES: [&str; 4] = ["\"file\"", "\"input_file\"", "\"document\"", "\"application/pdf\""];
const AUDIO: [&str; 2] = ["\"input_audio\"", "\"audio/"];
const SEARCHES: [&str; 3] = ["\"web_search", "\"google_search\"", "\"googleSearch\""];
const FUNCTIONS: [&str; 4] =
    ["\"function\"", "\"input_schema\"", "\"functionDeclarations\"", "\"function_declarations\""];
/// Where the form of an answer is said, and in which words.
const FORMS: [&str; 6] =
    ["response_format", "text", "output_format", "output_config", "generationConfig", "generation_config"];
const SCHEMAS: [&str; 5] = [
    "\"json_schema\"",
    "\"responseSchema\"",
    "\"responseJsonSchema\"",
    "\"response_schema\"",
    "\"response_json_schema\"",
];

impl Asked {
    /// Of a client's request, in any dialect.
    pub fn of(request: &Request) -> Self {
        let object = request.object();
        let holds = |member: &str, names: &[&str]| {
            let raw = object.get(member).map(|member| object.raw(member)).unwrap_or_default();
            names.iter().any(|name| block::holds(raw, name))
        };
        let in_turns = |names: &[&str]| TURNS.iter().any(|member| holds(member, names));
        let has_some = |member: &str| {
            object
                .get(member)
                .is_some_and(|member| object.raw(member).iter().any(|byte| *byte == b'{' || *byte == b'"'))
        };
        let searches = holds("tools", &SEARCHES);
        Self {
            images: in_turns(&IMAGES),
            files: in_turns(&FILES),
            audio: in_turns(&AUDIO),
            tools: has_some("functions") || (has_some("tools") && (!searches || holds("tools", &FUNCTIONS))),
            schema: FORMS.iter().any(|member| holds(member, &SCHEMAS)),
            web_search: searches || object.get("web_search_options").is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_dialect_asks_in_its_words() {
        let none = Asked::default();
        let images = Asked { images: true, ..none };
        let files = Asked { files: true, ..none };
        let tools = Asked { tools: true, ..none };
        let schema = Asked { schema: true, ..none };
        for (body, expected) in [
            (r#""messages":[{"role":"user","content":"an \"image_url\" and a \"file\""}]"#, none),
            (r#""messages":[{"content":[{"type":"image_url","image_url":{"url":"u"}}]}]"#, images),
            (r#""messages":[{"content":[{"type": "image","source":{}}]}]"#, images),
            (r#""input":[{"content":[{"type":"input_image"}]}]"#, images),
            (r#""contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"A"}}]}]"#, images),
            (r#""messages":[{"content":[{"type":"document"}]}]"#, files),
            (r#""input":[{"content":[{"type":"input_file"}]}]"#, files),
            (r#""messages":[{"content":[{"type":"input_audio"}]}]"#, Asked { audio: true, ..none }),
            (r#""tools":[{"type":"function","function":{"name":"f"}}]"#, tools),
            (r#""tools":[{"name":"f","input_schema":{}}]"#, tools),
            (r#""tools":[{"name":"image","parameters":{"properties":{"image_url":{}}}}]"#, tools),
            (r#""functions":[{"name":"f"}]"#, tools),
            (r#""tools":[]"#, none),
            (r#""tools":null"#, none),
            (r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, Asked { web_search: true, ..none }),
            (
                r#""tools":[{"googleSearch":{}},{"functionDeclarations":[]}]"#,
                Asked { web_search: true, tools: true, ..none },
            ),
            (r#""response_format":{"type":"json_schema","json_schema":{}}"#, schema),
            (r#""response_format":{"type":"json_object"}"#, none),
            (r#""text":{"format":{"type":"json_schema"}}"#, schema),
            (r#""generationConfig":{"responseSchema":{}}"#, schema),
        ] {
            let request = Request::parse(Bytes::from(format!("{{\"model\":\"m\",{body}}}"))).unwrap();
            assert_eq!(Asked::of(&request), expected, "{body}");
        }
    }
}
