//! Images, documents, videos and sounds as Bedrock takes them: bytes or a place in S3, with a format out of a short list.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::types::{Block, File, FileSource, S3Location};
use crate::error::{Error, Kind};
use crate::wire::model::{Family, Json, Media, MediaKind, Source};

/// Media types and Bedrock's formats. The last part of a type is tried as a format too, and so is a file name's ending.
const FORMATS: [(MediaKind, &str, &str); 54] = [
    (MediaKind::Image, "image/png", "png"),
    (MediaKind::Image, "image/jpeg", "jpeg"),
    (MediaKind::Image, "image/jpg", "jpeg"),
    (MediaKind::Image, "image/gif", "gif"),
    (MediaKind::Image, "image/webp", "webp"),
    (MediaKind::Document, "application/pdf", "pdf"),
    (MediaKind::Document, "text/csv", "csv"),
    (MediaKind::Document, "application/msword", "doc"),
    (MediaKind::Document, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    (MediaKind::Document, "application/vnd.ms-excel", "xls"),
    (MediaKind::Document, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    (MediaKind::Document, "text/html", "html"),
    (MediaKind::Document, "text/htm", "html"),
    (MediaKind::Document, "text/plain", "txt"),
    (MediaKind::Document, "text/markdown", "md"),
    (MediaKind::Document, "text/x-markdown", "md"),
    (MediaKind::Document, "application/json", "txt"),
    (MediaKind::Video, "video/mp4", "mp4"),
    (MediaKind::Video, "video/quicktime", "mov"),
    (MediaKind::Video, "video/mov", "mov"),
    (MediaKind::Video, "video/x-matroska", "mkv"),
    (MediaKind::Video, "video/mkv", "mkv"),
    (MediaKind::Video, "video/webm", "webm"),
    (MediaKind::Video, "video/x-flv", "flv"),
    (MediaKind::Video, "video/flv", "flv"),
    (MediaKind::Video, "video/mpeg", "mpeg"),
    (MediaKind::Video, "video/mpg", "mpg"),
    (MediaKind::Video, "video/x-ms-wmv", "wmv"),
    (MediaKind::Video, "video/wmv", "wmv"),
    (MediaKind::Video, "video/3gpp", "three_gp"),
    (MediaKind::Video, "video/3gp", "three_gp"),
    (MediaKind::Audio, "audio/mp3", "mp3"),
    (MediaKind::Audio, "audio/mpeg", "mp3"),
    (MediaKind::Audio, "audio/opus", "opus"),
    (MediaKind::Audio, "audio/wav", "wav"),
    (MediaKind::Audio, "audio/x-wav", "wav"),
    (MediaKind::Audio, "audio/wave", "wav"),
    (MediaKind::Audio, "audio/aac", "aac"),
    (MediaKind::Audio, "audio/x-aac", "x-aac"),
    (MediaKind::Audio, "audio/flac", "flac"),
    (MediaKind::Audio, "audio/x-flac", "flac"),
    (MediaKind::Audio, "audio/mp4", "mp4"),
    (MediaKind::Audio, "audio/m4a", "m4a"),
    (MediaKind::Audio, "audio/x-m4a", "m4a"),
    (MediaKind::Audio, "audio/ogg", "ogg"),
    (MediaKind::Audio, "audio/x-matroska", "mka"),
    (MediaKind::Audio, "audio/mka", "mka"),
    (MediaKind::Audio, "audio/pcm", "pcm"),
    (MediaKind::Audio, "audio/pcm16", "pcm"),
    (MediaKind::Audio, "audio/l16", "pcm"),
    (MediaKind::Audio, "audio/webm", "webm"),
    (MediaKind::Audio, "audio/mpga", "mpga"),
    (MediaKind::Document, "application/vnd.ms-word", "doc"),
    (MediaKind::Document, "application/csv", "csv"),
];

/// Longest name of a document.
const MAX_NAME: usize = 200;

/// The members of Anthropic's documents that Bedrock has too.
#[derive(Default, Deserialize)]
struct OfDocument {
    context: Option<String>,
    citations: Option<Json>,
}

/// The block for a file. `number` counts the documents of the request: their names must differ.
///
/// # Errors
/// [`Kind::InvalidParameter`] where the file is at a place that Bedrock does not fetch from, or of a format that it does
/// not take.
pub fn block(media: Media, number: &mut u32) -> Result<Block, Error> {
    reachable(&media.source)?;
    let (kind, format) = format(&media)?;
    let source = source(media.source);
    let mut file = File { format: Some(format.to_owned()), source, ..File::default() };
    if kind == MediaKind::Document {
        *number = number.saturating_add(1);
        file.name = Some(document_name(media.name.as_deref(), *number));
        let members = media.extra.filter(|(family, _)| *family == Family::Anthropic);
        let members = members.and_then(|(_, members)| serde_json::from_str(members.text()).ok());
        let OfDocument { context, citations } = members.unwrap_or_default();
        (file.context, file.citations) = (context, citations);
    }
    let file = Some(file);
    Ok(match kind {
        MediaKind::Image => Block { image: file, ..Block::default() },
        MediaKind::Audio => Block { audio: file, ..Block::default() },
        MediaKind::Video => Block { video: file, ..Block::default() },
        MediaKind::Document => Block { document: file, ..Block::default() },
    })
}

/// What a file is: the media type knows best (PDFs come as images from some clients), then the name's ending, then the
/// URL's.
fn format(media: &Media) -> Result<(MediaKind, &'static str), Error> {
    let said = media.media_type.as_deref().unwrap_or_default();
    let said = said.split(';').next().unwrap_or(said).trim().to_ascii_lowercase();
    let url = if let Source::Url(url) = &media.source { url.as_str() } else { "" };
    let by_ending = |name: &str| {
        let (_, ending) = name.rsplit_once('.')?;
        let ending = ending.to_ascii_lowercase();
        let ending = match ending.as_str() {
            "jpg" => "jpeg",
            "htm" => "html",
            "3gp" => "three_gp",
            ending => ending,
        };
        FORMATS.iter().find(|(kind, _, format)| *kind == media.kind && *format == ending)
    };
    let row = FORMATS
        .iter()
        .find(|(_, media_type, _)| *media_type == said)
        .or_else(|| by_ending(media.name.as_deref().unwrap_or_default()))
        .or_else(|| by_ending(url));
    match (row, &media.source) {
        (Some((kind, _, format)), _) => Ok((*kind, *format)),
        (None, Source::Text(_)) => Ok((MediaKind::Document, "txt")),
        (None, _) if said.starts_with("text/") => Ok((MediaKind::Document, "txt")),
        (None, _) => {
            let said = if said.is_empty() { "unknown" } else { said.as_str() };
            Err(refused(&format!("Bedrock takes no file of the type '{said}'")))
        }
    }
}

fn reachable(source: &Source) -> Result<(), Error> {
    match source {
        Source::Url(uri) if !uri.starts_with("s3://") => {
            Err(refused("Bedrock does not fetch files from URLs: send the data (base64) or an s3:// URI"))
        }
        Source::FileId(_) => Err(refused("Bedrock knows no uploaded files: send the data (base64) or an s3:// URI")),
        Source::Base64(_) | Source::Text(_) | Source::Url(_) => Ok(()),
    }
}

fn source(source: Source) -> FileSource {
    match source {
        Source::Base64(data) => FileSource { bytes: Some(standard(data)), s3_location: None },
        Source::Text(text) => FileSource { bytes: Some(STANDARD.encode(text)), s3_location: None },
        Source::Url(uri) | Source::FileId(uri) => FileSource { bytes: None, s3_location: Some(S3Location { uri }) },
    }
}

fn refused(why: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("Invalid parameter: 'messages': {why}.")).param("messages")
}

/// Base64 in the standard alphabet with padding, whatever it came in.
pub fn standard(mut data: String) -> String {
    if data.contains(['-', '_']) {
        data = data.replace('-', "+").replace('_', "/");
    }
    while !data.len().is_multiple_of(4) && !data.ends_with("==") {
        data.push('=');
    }
    data
}

/// A name as Bedrock allows it: letters, digits, single spaces, hyphens, parentheses and square brackets, and no two the
/// same in one request. It does not depend on anything but the request, so that prompt caches hit.
pub fn document_name(name: Option<&str>, number: u32) -> String {
    let stem = name.unwrap_or_default();
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']');
    let clean: String = stem.chars().map(|c| if allowed(c) { c } else { ' ' }).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let number = if number > 1 || words.is_empty() { Cow::Owned(format!(" {number}")) } else { Cow::Borrowed("") };
    let stem = if words.is_empty() { "document".to_owned() } else { words.join(" ") };
    let kept: String = stem.chars().take(MAX_NAME - number.len()).collect();
    format!("{}{number}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(kind: MediaKind, source: Source, media_type: Option<&str>, name: Option<&str>) -> Media {
        let (media_type, name) = (media_type.map(str::to_owned), name.map(str::to_owned));
        Media { kind, source, media_type, name, detail: None, cache: None, extra: None }
    }

    #[test]
    fn files_become_blocks() {
        let check = |media: Media, expected: &str| {
            let written = block(media, &mut 0).map(|block| serde_json::to_string(&block).unwrap());
            assert_eq!(written.unwrap_or_else(|error| error.message), expected);
        };
        let data = || Source::Base64("aGk=".into());
        let image = MediaKind::Image;
        check(
            media(image, data(), Some("image/jpg"), None),
            r#"{"image":{"format":"jpeg","source":{"bytes":"aGk="}}}"#,
        );
        check(
            media(image, data(), Some("application/pdf"), None),
            r#"{"document":{"format":"pdf","name":"document 1","source":{"bytes":"aGk="}}}"#,
        );
        let url = Source::Url("s3://bucket/film.3GP".into());
        check(
            media(MediaKind::Video, url, None, None),
            r#"{"video":{"format":"three_gp","source":{"s3Location":{"uri":"s3://bucket/film.3GP"}}}}"#,
        );
        check(
            media(MediaKind::Audio, data(), Some("audio/wav"), None),
            r#"{"audio":{"format":"wav","source":{"bytes":"aGk="}}}"#,
        );
        let mut text =
            media(MediaKind::Document, Source::Text("hi".into()), Some("text/plain"), Some("Q1_report.v2.txt"));
        text.extra =
            Json::parse(r#"{"context":"c","citations":{"enabled":true}}"#).map(|json| (Family::Anthropic, json));
        check(
            text,
            r#"{"document":{"format":"txt","name":"Q1 report v2","source":{"bytes":"aGk="},"context":"c","citations":{"enabled":true}}}"#,
        );
        let prefix = "Invalid parameter: 'messages': Bedrock";
        let url = Source::Url("https://x/a".into());
        let advice = "send the data (base64) or an s3:// URI.";
        check(media(image, url, None, None), &format!("{prefix} does not fetch files from URLs: {advice}"));
        let file = Source::FileId("file-1".into());
        check(
            media(MediaKind::Document, file, None, Some("a.pdf")),
            &format!("{prefix} knows no uploaded files: {advice}"),
        );
        check(
            media(image, data(), Some("image/tiff"), None),
            &format!("{prefix} takes no file of the type 'image/tiff'."),
        );
    }

    #[test]
    fn names_are_what_bedrock_allows() {
        for (name, number, expected) in [
            (None, 1, "document 1"),
            (Some("a.pdf"), 1, "a"),
            (Some("a.pdf"), 2, "a 2"),
            (Some("  Ünïcode__(1) [x].tar.gz"), 1, "n code (1) [x] tar"),
            (Some("…"), 3, "document 3"),
        ] {
            assert_eq!(document_name(name, number), expected, "{name:?}");
        }
        assert_eq!(document_name(Some(&"x".repeat(300)), 12).len(), MAX_NAME);
    }

    #[test]
    fn base64_is_brought_to_one_form() {
        for (data, expected) in [("aGk=", "aGk="), ("aGk", "aGk="), ("-_8", "+/8="), ("", ""), ("YWJj", "YWJj")] {
            assert_eq!(standard(data.to_owned()), expected);
        }
    }
}
