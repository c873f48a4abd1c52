//! `content`: the parts of a message
//! (<https://platform.openai.com/docs/api-reference/chat/create#chat_create-messages>).

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::CacheControl;
use super::open::{Name, open_object};
use crate::wire::model::Json;

open_object! {
    /// A piece of a message. `type` tells which of the other members count.
    ContentPart {
        /// `text`, `image_url`, `input_audio`, `file`, `refusal`, `video_url`, `thinking` …
        kind as "type": Cow<'static, str>,
        /// Of `text`.
        text as "text": String,
        /// Of `image_url`.
        image_url as "image_url": Link,
        /// Of `video_url` (vLLM, LiteLLM).
        video_url as "video_url": Link,
        /// Of `audio_url` (vLLM).
        audio_url as "audio_url": Link,
        /// Of `input_audio`.
        input_audio as "input_audio": InputAudio,
        /// Of `file`.
        file as "file": File,
        /// Of `refusal`.
        refusal as "refusal": String,
        /// Of `thinking`.
        thinking as "thinking": Json,
        /// Of `thinking`.
        signature as "signature": String,
        /// LiteLLM's number of an image in an answer.
        index as "index": u32,
        /// The prompt cache may end here.
        cache_control as "cache_control": CacheControl,
    }
}

/// `content`: text, or a list of parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Parts.
    Parts(Vec<ContentPart>),
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;
        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
                let mut parts = Vec::new();
                while let Some(TextOrPart(part)) = list.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }
        deserializer.deserialize_any(TextOrParts)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Content::Text(text) => serializer.serialize_str(text),
            Content::Parts(parts) => parts.serialize(serializer),
        }
    }
}

/// An element of a list of parts; some clients write plain texts there.
struct TextOrPart(ContentPart);

impl<'de> Deserialize<'de> for TextOrPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TextOrPart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part or a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrPart, E> {
                Ok(TextOrPart(ContentPart::text(text)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOrPart, A::Error> {
                ContentPart::deserialize(de::value::MapAccessDeserializer::new(map)).map(TextOrPart)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl ContentPart {
    /// A part of this type with nothing in it yet.
    pub fn of(kind: &'static str) -> Self {
        Self { kind: Some(Cow::Borrowed(kind)), ..Self::default() }
    }

    /// A `text` part.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::of("text") }
    }
}

/// Where an image or a video is. Some clients write the URL alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Link {
    /// `https:`, `data:`, `gs:` …
    pub url: String,
    /// `low`, `high`, `auto`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// LiteLLM's: the media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlOrObject;
        impl<'de> Visitor<'de> for UrlOrObject {
            type Value = Link;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a url")
            }

            fn visit_str<E: de::Error>(self, url: &str) -> Result<Link, E> {
                Ok(Link { url: url.to_owned(), ..Link::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Link, A::Error> {
                let mut url = None;
                let mut link = Link::default();
                while let Some(Name(name)) = map.next_key()? {
                    match &*name {
                        "url" => url = map.next_value()?,
                        "detail" => link.detail = map.next_value()?,
                        "format" => link.format = map.next_value()?,
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                link.url = url.ok_or_else(|| de::Error::missing_field("url"))?;
                Ok(link)
            }
        }
        deserializer.deserialize_any(UrlOrObject)
    }
}

/// Sound in a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputAudio {
    /// Base64.
    pub data: String,
    /// `wav`, `mp3`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// `data:` URL, or bare Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<String>,
    /// Of an uploaded file; LiteLLM takes a URL here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// LiteLLM's: the media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}
