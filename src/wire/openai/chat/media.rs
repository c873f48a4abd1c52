//! Images, sound, video and documents: `data:` URLs (RFC 2397), URLs, names of uploaded files, and the parts of a message
//! that hold them.

use super::types::{CacheControl, ContentPart, File, InputAudio, Link};
use crate::wire::model::{CacheMarker, Media, MediaKind, Source};

/// What a part of this kind at this link is.
pub fn of_link(kind: MediaKind, link: Link) -> Media {
    let (source, told) = source_of(link.url);
    Media { detail: link.detail, ..media(kind, source, link.format.or(told)) }
}

/// Sound in a question.
pub fn of_audio(audio: InputAudio) -> Media {
    let (source, told) = match source_of(audio.data) {
        (Source::Url(bare), _) => (Source::Base64(bare), None),
        of_url => of_url,
    };
    let named = audio.format.map(|format| format!("audio/{format}"));
    media(MediaKind::Audio, source, told.or(named))
}

/// A file. `None`: it has neither bytes nor a name.
pub fn of_file(file: File) -> Option<Media> {
    let (source, told) = match (file.file_data, file.file_id) {
        (Some(data), _) => match source_of(data) {
            (Source::Url(bare), _) if !is_url(&bare) => (Source::Base64(bare), None),
            of_url => of_url,
        },
        (None, Some(id)) if is_url(&id) || id.starts_with("data:") => source_of(id),
        (None, Some(id)) => (Source::FileId(id), None),
        (None, None) => return None,
    };
    let media_type = file.format.or(told).or_else(|| by_extension(file.filename.as_deref()?).map(str::to_owned));
    let kind = match media_type.as_deref().and_then(|media_type| media_type.split('/').next()) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    };
    Some(Media { name: file.filename, ..media(kind, source, media_type) })
}

/// An image that an answer or a conversation shows under its URL.
pub fn media(kind: MediaKind, source: Source, media_type: Option<String>) -> Media {
    Media { kind, source, media_type, name: None, detail: None, cache: None, extra: None }
}

fn source_of(url: String) -> (Source, Option<String>) {
    let base64 = || {
        let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
        let head = head.strip_suffix(";base64")?;
        let media_type = head.split(';').next().filter(|media_type| !media_type.is_empty());
        Some((Source::Base64(data.to_owned()), media_type.map(str::to_owned)))
    };
    base64().unwrap_or_else(|| (Source::Url(url.clone()), None))
}

fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// Media types that a file's name tells.
const BY_EXTENSION: [(&str, &str); 12] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
];

fn by_extension(name: &str) -> Option<&'static str> {
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    BY_EXTENSION.iter().find(|(known, _)| *known == extension).map(|(_, media_type)| *media_type)
}

/// The part for an image, sound, video or document. `Err` says what OpenAI has no word for.
pub fn to_part(media: Media, keep_cache: bool) -> Result<ContentPart, &'static str> {
    let cache_control = media.cache.filter(|_| keep_cache).map(cache_control);
    let part = match (media.kind, media.source) {
        (_, Source::Text(text)) => ContentPart::text(text),
        (kind, Source::FileId(id)) => {
            let filename = media.name.filter(|_| kind == MediaKind::Document);
            file(File { file_id: Some(id), filename, ..File::default() })
        }
        (MediaKind::Image, source) => {
            let url = url_of(source, media.media_type.as_deref().unwrap_or("image/png"));
            let link = Link { url, detail: media.detail, format: None };
            ContentPart { image_url: Some(link), ..ContentPart::of("image_url") }
        }
        (MediaKind::Video, source) => {
            let url = url_of(source, media.media_type.as_deref().unwrap_or("video/mp4"));
            ContentPart { video_url: Some(Link { url, ..Link::default() }), ..ContentPart::of("video_url") }
        }
        (MediaKind::Audio, Source::Base64(data)) => {
            let format = Some(audio_format(media.media_type.as_deref()));
            ContentPart { input_audio: Some(InputAudio { data, format }), ..ContentPart::of("input_audio") }
        }
        (MediaKind::Audio, Source::Url(url)) => {
            ContentPart { audio_url: Some(Link { url, ..Link::default() }), ..ContentPart::of("audio_url") }
        }
        (MediaKind::Document, Source::Base64(data)) => {
            let media_type = media.media_type.unwrap_or_else(|| "application/pdf".to_owned());
            let filename = media.name.unwrap_or_else(|| format!("document.{}", extension(&media_type)));
            let file_data = Some(format!("data:{media_type};base64,{data}"));
            file(File { file_data, filename: Some(filename), ..File::default() })
        }
        (MediaKind::Document, Source::Url(_)) => return Err("OpenAI's chat API takes no document by its URL"),
    };
    Ok(ContentPart { cache_control, ..part })
}

fn file(file: File) -> ContentPart {
    ContentPart { file: Some(file), ..ContentPart::of("file") }
}

/// The URL of a source that has one, or can be one.
pub fn url_of(source: Source, media_type: &str) -> String {
    match source {
        Source::Base64(data) => format!("data:{media_type};base64,{data}"),
        Source::Url(url) | Source::FileId(url) | Source::Text(url) => url,
    }
}

fn audio_format(media_type: Option<&str>) -> String {
    match media_type.and_then(|media_type| media_type.split_once('/')).map(|(_, format)| format) {
        Some("mpeg") => "mp3".to_owned(),
        Some(format) => format.strip_prefix("x-").unwrap_or(format).to_owned(),
        None => "wav".to_owned(),
    }
}

fn extension(media_type: &str) -> &'static str {
    BY_EXTENSION.iter().find(|(_, known)| *known == media_type).map_or("bin", |(extension, _)| extension)
}

/// A marker on the wire.
pub fn cache_control(marker: CacheMarker) -> CacheControl {
    CacheControl { kind: "ephemeral".into(), ttl: marker.ttl }
}

/// A marker from the wire.
pub fn cache_marker(control: CacheControl) -> CacheMarker {
    CacheMarker { ttl: control.ttl }
}
