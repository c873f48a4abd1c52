//! What must hold for every codec, whatever the bytes.

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::error::{Compat, Error};
use crate::wire::anthropic::Hosting;
use crate::wire::codec::{Ids, Profile, Stamp, StreamDecoder};
use crate::wire::dialects::{ClientDialect, ProviderDialect};
use crate::wire::model::{ChatRequest, StreamEvent};
use crate::wire::openai::request::Request;
use crate::wire::translation::Translation;

const CLIENTS: [ClientDialect; 6] = [
    ClientDialect::ChatCompletions,
    ClientDialect::Completions,
    ClientDialect::Responses,
    ClientDialect::Messages,
    ClientDialect::GenerateContent { array: false },
    ClientDialect::GenerateContent { array: true },
];

const PROVIDERS: [ProviderDialect; 9] = [
    ProviderDialect::ChatCompletions,
    ProviderDialect::Responses,
    ProviderDialect::Messages(Hosting::Own),
    ProviderDialect::Messages(Hosting::BedrockInvoke),
    ProviderDialect::GenerateContent,
    ProviderDialect::Converse,
    ProviderDialect::CohereChat,
    ProviderDialect::OllamaChat,
    ProviderDialect::OllamaGenerate,
];

const IDS: Ids = Ids(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);

const PROFILE: Profile<'_> = Profile { provider: "fuzz", drop_params: true, modify_params: true, base_model: "fuzz" };

/// The input's first bytes say where the rest is cut.
pub fn pieces(data: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let Some((&count, rest)) = data.split_first() else { return (Vec::new(), data) };
    let (sizes, body) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let mut left = body;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle().take(if sizes.is_empty() { 0 } else { 4096 }) {
        let (piece, after) = left.split_at(usize::from(*size).max(1).min(left.len()));
        pieces.push(piece);
        left = after;
    }
    pieces.push(left);
    (pieces, body)
}

/// A codec for clients and providers. The input's first byte says what the rest is: a request (`r`), a stream (`s`), an
/// answer (any other).
pub fn codec(client: Option<ClientDialect>, provider: ProviderDialect, data: &[u8]) {
    match (data.split_first(), client) {
        (Some((b'r', body)), Some(client)) => request(client, provider, body),
        (Some((b's', stream)), _) => {
            chunking_does_not_matter(provider, stream);
            translation(provider, stream);
        }
        (Some((_, body)), _) => reply(provider, body),
        (None, _) => {}
    }
}

/// What a client asks for is JSON in every provider's dialect; and in the client's own, what was read and written once is
/// read and written as the same again.
fn request(client: ClientDialect, own: ProviderDialect, body: &[u8]) {
    let decode =
        |body: Vec<u8>| -> Result<ChatRequest, Error> { client.decode_request(&Request::parse(Bytes::from(body))?) };
    let Ok(request) = decode(body.to_vec()) else { return };
    for provider in PROVIDERS {
        if let Ok(encoded) = provider.encode_request(request.clone(), &PROFILE) {
            is_json(&encoded.body);
        }
    }
    let encode = |request: ChatRequest| own.encode_request(request, &PROFILE).map(|encoded| encoded.body);
    let Ok(first) = encode(request) else { return };
    let text = String::from_utf8_lossy(&first);
    let again = decode(first.clone()).unwrap_or_else(|error| panic!("{error} in {text}"));
    let second = encode(again).unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(text, String::from_utf8_lossy(&second));
}

/// What a provider answers is JSON in every client's dialect.
fn reply(provider: ProviderDialect, body: &[u8]) {
    let Ok(reply) = provider.decode_reply(body, IDS, false) else { return };
    for client in CLIENTS {
        is_json(&client.encode_reply(reply.clone(), &stamp()));
    }
}

/// A stream says the same in any chunking, and a reader of garbage ends with an error, not with a panic.
fn chunking_does_not_matter(provider: ProviderDialect, data: &[u8]) {
    let (pieces, whole) = pieces(data);
    let new = || provider.decoder(IDS, false);
    let (in_pieces, at_once) = (read(new(), &pieces), read(new(), &[whole]));
    assert_eq!(in_pieces.0, at_once.0, "events differ");
    let kind = |result: Result<(), Error>| result.err().map(|error| (error.kind, error.message));
    assert_eq!(kind(in_pieces.1), kind(at_once.1), "ends differ");
}

fn read(mut decoder: Box<dyn StreamDecoder>, pieces: &[&[u8]]) -> (Vec<StreamEvent>, Result<(), Error>) {
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.feed(piece, &mut events) {
            return (events, Err(error));
        }
    }
    let end = decoder.end(&mut events);
    (events, end)
}

/// A provider's stream is text for every client, whole or broken.
fn translation(provider: ProviderDialect, data: &[u8]) {
    let (pieces, _) = pieces(data);
    for client in CLIENTS {
        let mut translation = Translation::new(provider.decoder(IDS, false), client.encoder(stamp()));
        let mut out = Vec::new();
        let fed = pieces.iter().try_for_each(|piece| translation.feed(piece).map(|bytes| out.extend(bytes)));
        match fed.and_then(|()| translation.end().map(|bytes| out.extend(bytes))) {
            Ok(()) => {}
            Err((bytes, error)) => {
                out.extend(bytes);
                out.extend(translation.fail(&error, Compat::default()));
            }
        }
        assert!(std::str::from_utf8(&out).is_ok(), "{client:?} gets no text");
    }
}

fn stamp() -> Stamp {
    Stamp { ids: IDS, created: 1, model: "fuzz".into(), include_usage: true, ..Stamp::default() }
}

fn is_json(body: &[u8]) {
    let parsed = serde_json::from_slice::<IgnoredAny>(body);
    assert!(parsed.is_ok(), "{:?} in {}", parsed.err(), String::from_utf8_lossy(body));
}
