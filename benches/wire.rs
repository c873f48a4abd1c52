//! What the bytes part of a request costs, passed on and translated. Budgets: peek of 1 KB 400 ns, of 200 KB 12 µs; an SSE
//! event 150 ns.
#![expect(clippy::unwrap_used, reason = "a bench whose input is wrong must stop")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, json};
use tollgate::wire::anthropic::Hosting;
use tollgate::wire::codec::{Ids, Profile, Stamp};
use tollgate::wire::dialects::{ClientDialect, ProviderDialect};
use tollgate::wire::openai::request::{Quirks, Request, RequestRules};
use tollgate::wire::openai::stream::{Tap, TapRules};
use tollgate::wire::peek::peek;
use tollgate::wire::translation::Translation;

/// A chat body of about `size` bytes: text with an escape every 80 bytes, 500 bytes a message up to 20 KB, then longer.
fn chat_body(size: usize) -> Bytes {
    let line = "The quick brown fox jumps over the lazy dog, and says so in so many words too.\n";
    let text = line.repeat((size / 40).clamp(500, 20_000) / line.len());
    let mut messages = vec![json!({"role": "system", "content": "You are helpful."})];
    for at in 0..(size.saturating_sub(300) / text.len()).max(1) {
        messages.push(json!({"role": if at % 2 == 0 { "user" } else { "assistant" }, "content": text}));
    }
    let body = json!({"model": "gpt-4o", "messages": messages, "temperature": 0.7, "max_tokens": 256,
        "top_p": 1, "stream": true, "user": "user-1234", "metadata": {"trace": "abc"}, "n": 1});
    body.to_string().into()
}

fn requests(c: &mut Criterion) {
    for size in [1_000, 20_000, 200_000] {
        let body = chat_body(size);
        let name = format!("{}KB", size / 1000);
        let mut group = c.benchmark_group("request");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("peek {name}"), |b| b.iter(|| peek(black_box(&body)).unwrap()));
        group.bench_function(format!("parse {name}"), |b| b.iter(|| Request::parse(black_box(&body).clone()).unwrap()));
        let request = Request::parse(body).unwrap();
        let none = Map::new();
        let rules = RequestRules {
            upstream_model: "gpt-4o-2024-08-06",
            defaults: &none,
            extra_body: &none,
            drop: &[],
            add_stream_usage: true,
            quirks: Quirks { no_null_content: true, ..Quirks::default() },
        };
        let mut out = Vec::with_capacity(size * 2);
        group.bench_function(format!("splice {name}"), |b| {
            b.iter(|| {
                out.clear();
                request.for_upstream(black_box(&rules)).unwrap().write_into(&mut out);
            });
        });
    }
}

const EVENTS: usize = 64;

/// Events of about 250 bytes, as OpenAI sends them, all in one chunk.
fn events(id: impl Fn(usize) -> usize) -> Bytes {
    let event = |at: usize| {
        format!(
            "data: {{\"id\":\"chatcmpl-BxGkTqYz1234567890abcdef{:02}\",\"object\":\"chat.completion.chunk\",\
             \"created\":1795213118,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\
             \"system_fingerprint\":\"fp_1234567890\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{at}\"}},\
             \"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n",
            id(at)
        )
    };
    (0..EVENTS).map(event).collect::<String>().into()
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("tap, an event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let alike = events(|_| 0);
    let unlike = events(|at| at);
    let rename = TapRules { group_model: Some("gpt-4o".to_owned()), withhold_usage: true };
    let keep = TapRules { group_model: None, withhold_usage: true };
    let cases = [
        ("alike, passed", &alike, &keep),
        ("alike, model rewritten", &alike, &rename),
        ("unlike, passed", &unlike, &keep),
        ("unlike, model rewritten", &unlike, &rename),
    ];
    for (name, chunk, rules) in cases {
        group.bench_function(name, |b| {
            b.iter_batched(
                || (Tap::new(rules.clone()), Vec::with_capacity(4)),
                |(mut tap, mut out)| {
                    tap.feed(black_box(chunk).clone(), &mut out).unwrap();
                    (tap, out)
                },
                BatchSize::SmallInput,
            );
        });
    }
    let one = alike.slice(..alike.len() / EVENTS + 8);
    let end = one.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    let one = one.slice(..end);
    group.throughput(Throughput::Elements(1));
    group.bench_function("one a chunk, model rewritten", |b| {
        let mut tap = Tap::new(rename.clone());
        let mut out = Vec::with_capacity(4);
        b.iter(|| {
            out.clear();
            tap.feed(black_box(&one).clone(), &mut out).unwrap();
        });
    });
}

const CLIENT: ClientDialect = ClientDialect::ChatCompletions;
const PROVIDER: ProviderDialect = ProviderDialect::Messages(Hosting::Own);

/// An OpenAI client's request and Anthropic's answer to it, each in the other's words. What passes unchanged costs `parse` and
/// `splice` above.
fn translations(c: &mut Criterion) {
    let profile = Profile {
        provider: "anthropic",
        drop_params: true,
        modify_params: false,
        base_model: "claude-sonnet-4-20250514",
    };
    let mut group = c.benchmark_group("translate");
    for size in [1_000, 200_000] {
        let body = chat_body(size);
        let request = Request::parse(body.clone()).unwrap();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("request {}KB", size / 1000), |b| {
            b.iter(|| {
                let chat = CLIENT.decode_request(black_box(&request)).unwrap();
                PROVIDER.encode_request(chat, &profile).unwrap()
            });
        });
        let text = "The quick brown fox jumps over the lazy dog, and says so in so many words too.\n";
        let text = text.repeat((size - 400) / text.len());
        let answer = json!({"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-20250514", "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 12,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 200}})
        .to_string();
        let stamp = Stamp { model: "gpt-4o".to_owned(), ..Stamp::default() };
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(format!("reply {}KB", size / 1000), |b| {
            b.iter(|| {
                let reply = PROVIDER.decode_reply(black_box(answer.as_bytes()), Ids(7), false).unwrap();
                CLIENT.encode_reply(reply, &stamp)
            });
        });
    }
}

/// One text event a piece, as they come from a model; to be compared with "tap, an event/one a chunk".
fn translated_events(c: &mut Criterion) {
    let stamp = Stamp { model: "gpt-4o".to_owned(), created: 1_795_213_118, ..Stamp::default() };
    let mut translation = Translation::new(PROVIDER.decoder(Ids(7), false), CLIENT.encoder(stamp));
    let open = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
        \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    translation.feed(open.as_bytes()).unwrap();
    let event = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
        \"delta\":{\"type\":\"text_delta\",\"text\":\" word7\"}}\n\n";
    let mut group = c.benchmark_group("translate");
    group.throughput(Throughput::Elements(1));
    group.bench_function("event, one a piece", |b| b.iter(|| translation.feed(black_box(event.as_bytes())).unwrap()));
}

criterion_group!(benches, requests, streams, translations, translated_events);
criterion_main!(benches);
