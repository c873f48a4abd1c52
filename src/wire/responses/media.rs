//! Images, files and sound as parts of an item (`input_image`, `input_file`, `input_audio`;
//! <https://platform.openai.com/docs/guides/images-vision>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::types::{Audio, ContentPart, ImageUrl};
use crate::error::{Error, Kind};
use crate::wire::model::{CacheMarker, Media, MediaKind, Source};

/// Formats of `input_audio` and their media types.
const AUDIO: [(&str, &str); 2] = [("mp3", "audio/mpeg"), ("wav", "audio/wav")];

/// An image part. `None`: it has no source.
pub fn image(part: ContentPart) -> Option<Media> {
    let (source, media_type) = match (part.image_url, part.file_id) {
        (Some(ImageUrl(url)), _) => source_of(url),
        (None, Some(id)) => (Source::FileId(id), None),
        (None, None) => return None,
    };
    let cache = part.cache_control.map(CacheMarker::from);
    let detail = part.detail;
    Some(Media { kind: MediaKind::Image, source, media_type, name: None, detail, cache, extra: None })
}

/// A file part. `None`: it has no source.
pub fn file(part: ContentPart) -> Option<Media> {
    let (source, media_type) = match (part.file_data, part.file_url, part.file_id) {
        (Some(data), _, _) => match source_of(data) {
            (Source::Url(bare), _) => (Source::Base64(bare), None),
            known => known,
        },
        (None, Some(url), _) => (Source::Url(url), None),
        (None, None, Some(id)) => (Source::FileId(id), None),
        (None, None, None) => return None,
    };
    let cache = part.cache_control.map(CacheMarker::from);
    let name = part.filename;
    Some(Media { kind: MediaKind::Document, source, media_type, name, detail: part.detail, cache, extra: None })
}

/// A sound part. `None`: it has none.
pub fn audio(part: ContentPart) -> Option<Media> {
    let Audio { data, format } = part.input_audio?;
    let known = AUDIO.iter().find(|(name, _)| *name == format).map(|(_, media_type)| (*media_type).to_owned());
    let media_type = Some(known.unwrap_or_else(|| format!("audio/{format}")));
    let cache = part.cache_control.map(CacheMarker::from);
    let source = Source::Base64(data);
    Some(Media { kind: MediaKind::Audio, source, media_type, name: None, detail: None, cache, extra: None })
}

/// `data:image/png;base64,…` or a URL.
fn source_of(url: String) -> (Source, Option<String>) {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((head, data)) => {
            let media_type = head.split(';').next().filter(|name| !name.is_empty()).map(str::to_owned);
            (Source::Base64(data.to_owned()), media_type)
        }
        None => (Source::Url(url), None),
    }
}

/// The part for a provider.
///
/// # Errors
/// [`Kind::InvalidParameter`]: the dialect has no word for it (video, sound by URL).
pub fn part(media: Media) -> Result<ContentPart, Error> {
    match media.kind {
        MediaKind::Image => Ok(image_part(media)),
        MediaKind::Document => Ok(file_part(media)),
        MediaKind::Audio => audio_part(media).ok_or_else(|| no_word("audio that is not inline")),
        MediaKind::Video => Err(no_word("video")),
    }
}

fn no_word(what: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("The model's provider takes no {what}.")).param("messages")
}

fn data_url(media_type: &str, data: &str) -> String {
    ["data:", media_type, ";base64,", data].concat()
}

fn image_part(media: Media) -> ContentPart {
    let mut part = ContentPart { kind: "input_image".into(), detail: media.detail, ..ContentPart::default() };
    match media.source {
        Source::Base64(data) | Source::Text(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("image/jpeg");
            part.image_url = Some(ImageUrl(data_url(media_type, &data)));
        }
        Source::Url(url) => part.image_url = Some(ImageUrl(url)),
        Source::FileId(id) => part.file_id = Some(id),
    }
    part
}

fn file_part(media: Media) -> ContentPart {
    let mut part = ContentPart { kind: "input_file".into(), detail: media.detail, ..ContentPart::default() };
    part.filename = media.name;
    match media.source {
        Source::Base64(data) => {
            part.filename = part.filename.or_else(|| media.media_type.as_ref().map(|_| "document.pdf".to_owned()));
            part.file_data = Some(match &media.media_type {
                Some(media_type) => data_url(media_type, &data),
                None => data,
            });
        }
        Source::Text(text) => {
            part.filename = part.filename.or_else(|| Some("document.txt".to_owned()));
            part.file_data = Some(data_url("text/plain", &STANDARD.encode(text)));
        }
        Source::Url(url) => part.file_url = Some(url),
        Source::FileId(id) => part.file_id = Some(id),
    }
    part
}

fn audio_part(media: Media) -> Option<ContentPart> {
    let Source::Base64(data) = media.source else { return None };
    let media_type = media.media_type.unwrap_or_default();
    let known = AUDIO.iter().find(|(_, known)| *known == media_type).map(|(name, _)| *name);
    let format = known.or_else(|| media_type.strip_prefix("audio/")).unwrap_or("wav").to_owned();
    let input_audio = Some(Audio { data, format });
    Some(ContentPart { kind: "input_audio".into(), input_audio, ..ContentPart::default() })
}
