//! Images, sound, video and documents: bytes in place or a file's address,
//! <https://ai.google.dev/gemini-api/docs/file-input-methods>.

use super::types::{Blob, FileData, Part};
use crate::wire::model::{Family, Json, Media, MediaKind, Source};

/// Media types by the end of a file's name: those that Gemini takes.
const BY_EXTENSION: [(&str, &str); 30] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("mp4", "video/mp4"),
    ("mov", "video/mov"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("avi", "video/avi"),
    ("wmv", "video/wmv"),
    ("mpegps", "video/mpegps"),
    ("flv", "video/flv"),
    ("webm", "video/webm"),
    ("3gp", "video/3gpp"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("m4a", "audio/m4a"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("xml", "text/xml"),
];

/// Where Google keeps what was uploaded to it: nobody else can open it.
const UPLOADS: &str = "https://generativelanguage.googleapis.com/";

fn by_extension(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.rsplit('/').next()?;
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    BY_EXTENSION.iter().find(|(known, _)| *known == extension).map(|(_, media_type)| *media_type)
}

/// The media type of what nobody told more about.
fn by_kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image/jpeg",
        MediaKind::Audio => "audio/wav",
        MediaKind::Video => "video/mp4",
        MediaKind::Document => "application/pdf",
    }
}

fn kind_of(media_type: Option<&str>) -> MediaKind {
    match media_type.and_then(|media_type| media_type.split('/').next()) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// Bytes in place, and what else stood beside them (`videoMetadata` …).
pub fn of_blob(blob: Blob, other: Vec<(String, Json)>) -> Media {
    // Google's SDKs write base64's other alphabet, which nobody else reads.
    let data = if blob.data.contains(['-', '_']) { blob.data.replace('-', "+").replace('_', "/") } else { blob.data };
    media(Source::Base64(data), blob.mime_type, blob.display_name, other)
}

/// A file by its address.
pub fn of_file(file: FileData, other: Vec<(String, Json)>) -> Media {
    let media_type = file.mime_type.or_else(|| by_extension(&file.file_uri).map(str::to_owned));
    let is_url = file.file_uri.contains("://") && !file.file_uri.starts_with(UPLOADS);
    let source = if is_url { Source::Url(file.file_uri) } else { Source::FileId(file.file_uri) };
    media(source, media_type, file.display_name, other)
}

fn media(source: Source, media_type: Option<String>, name: Option<String>, other: Vec<(String, Json)>) -> Media {
    let extra = (!other.is_empty()).then(|| object(&other)).flatten();
    Media {
        kind: kind_of(media_type.as_deref()),
        source,
        media_type,
        name,
        detail: None,
        cache: None,
        extra: extra.map(|members| (Family::Gemini, members)),
    }
}

/// These members as an object.
pub fn object(members: &[(String, Json)]) -> Option<Json> {
    let members: serde_json::Map<String, serde_json::Value> =
        members.iter().map(|(name, value)| (name.clone(), value.value())).collect();
    Json::of(&members)
}

/// The part for a provider or a client of Gemini.
pub fn to_part(media: Media) -> Part {
    let other = match media.extra {
        Some((Family::Gemini, members)) => members_of(&members),
        _ => Vec::new(),
    };
    let told = media.media_type;
    let part = match media.source {
        Source::Text(text) => return Part::text(text),
        Source::Base64(data) => {
            let mime_type = Some(told.unwrap_or_else(|| by_kind(media.kind).to_owned()));
            Part { inline_data: Some(Blob { mime_type, data, display_name: None }), ..Part::default() }
        }
        Source::Url(file_uri) | Source::FileId(file_uri) => {
            let guessed = by_extension(&file_uri).or((!is_film(&file_uri)).then(|| by_kind(media.kind)));
            let mime_type = told.or(guessed.map(str::to_owned));
            Part { file_data: Some(FileData { mime_type, file_uri, display_name: None }), ..Part::default() }
        }
    };
    Part { other, ..part }
}

/// Films are named without a media type.
fn is_film(url: &str) -> bool {
    ["youtube.com/", "youtu.be/"].iter().any(|host| url.contains(host))
}

fn members_of(object: &Json) -> Vec<(String, Json)> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object.text()).unwrap_or_default();
    members.into_iter().filter_map(|(name, value)| Some((name, Json::of(&value)?))).collect()
}

/// How well media are looked at, from least to best, and OpenAI's word for it.
const RESOLUTIONS: [(&str, &str); 4] = [
    ("low", "MEDIA_RESOLUTION_LOW"),
    ("medium", "MEDIA_RESOLUTION_MEDIUM"),
    ("high", "MEDIA_RESOLUTION_HIGH"),
    ("ultra_high", "MEDIA_RESOLUTION_ULTRA_HIGH"),
];

/// Google's word for the best of these details; the others leave it to the model.
pub fn resolution<'a>(details: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let rank = |detail: &str| RESOLUTIONS.iter().position(|(known, _)| *known == detail);
    let best = details.filter_map(rank).max()?;
    RESOLUTIONS.get(best).map(|(_, word)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_media_types() {
        let check = |url: &str, kind, expected: Option<&str>| {
            let source = Source::Url(url.to_owned());
            let media = Media { kind, source, media_type: None, name: None, detail: None, cache: None, extra: None };
            assert_eq!(to_part(media).file_data.unwrap().mime_type.as_deref(), expected, "{url}");
        };
        check("https://a.example/x.PNG?w=1#f", MediaKind::Image, Some("image/png"));
        check("gs://bucket/film.mov", MediaKind::Image, Some("video/mov"));
        check("https://a.example/x", MediaKind::Image, Some("image/jpeg"));
        check("https://www.youtube.com/watch?v=1", MediaKind::Video, None);
    }

    #[test]
    fn media_come_back_as_they_went() {
        let members = vec![("videoMetadata".to_owned(), Json::parse(r#"{"fps":2}"#).unwrap())];
        let blob = Blob { mime_type: Some("video/mp4".into()), data: "a-_b".into(), display_name: None };
        let media = of_blob(blob, members);
        assert_eq!((media.kind, &media.source), (MediaKind::Video, &Source::Base64("a+/b".into())));
        let part = to_part(media.clone());
        assert_eq!(of_blob(part.inline_data.unwrap(), part.other), media);

        let upload = format!("{UPLOADS}v1beta/files/abc");
        let file = FileData { mime_type: Some("image/png".into()), file_uri: upload.clone(), display_name: None };
        assert_eq!(of_file(file, Vec::new()).source, Source::FileId(upload));
    }

    #[test]
    fn the_best_detail_counts() {
        assert_eq!(resolution(["low", "high", "auto"].into_iter()), Some("MEDIA_RESOLUTION_HIGH"));
        assert_eq!(resolution(["auto"].into_iter()), None);
    }
}
