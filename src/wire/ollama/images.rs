//! Images for Ollama: base64 and nothing around it. It fetches nothing, and neither do we.

use std::borrow::Cow;

use crate::error::{Error, Kind};
use crate::wire::model::{Media, MediaKind, Source};

/// What a file is to Ollama.
pub(super) enum Seen<'a> {
    /// Base64 of an image.
    Image(Cow<'a, str>),
    /// A document that is text.
    Text(&'a str),
}

/// A file of a message.
///
/// # Errors
/// [`Kind::InvalidParameter`] for what is neither image nor text, and for images that would have to be fetched.
pub(super) fn seen(media: &Media) -> Result<Seen<'_>, Error> {
    let refused = |message: &str| Err(Error::new(Kind::InvalidParameter, message).param("messages"));
    match (media.kind, &media.source) {
        (MediaKind::Document, Source::Text(text)) => Ok(Seen::Text(text)),
        (MediaKind::Image, Source::Base64(data)) => Ok(Seen::Image(data.as_str().into())),
        (MediaKind::Image, Source::Url(url)) => match url.strip_prefix("data:").and_then(|data| data.split_once(',')) {
            Some((_, data)) => Ok(Seen::Image(data.into())),
            None => refused("messages: Ollama takes images as data (data:image/…;base64,…), not by URL."),
        },
        _ => refused("messages: Ollama takes text and images only."),
    }
}
