//! AWS's binary event stream: the same messages in any chunking, and what is written is read. As no fuzzer guesses a
//! checksum, the input is read once as it is and once as a message's payload with checksums around it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::invariant::pieces;
use tollgate_fuzz::wire::bedrock::event_stream::{Decoder, Malformed, write};

fuzz_target!(|data: &[u8]| {
    let (as_it_is, whole) = pieces(data);
    assert_eq!(messages(&as_it_is), messages(&[whole]));

    let mut framed = Vec::new();
    let headers = [(":event-type", "chunk"), (":message-type", "event")];
    write(&headers, whole, &mut framed);
    let size = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let (read, rest) = messages(&framed.chunks(size).collect::<Vec<_>>());
    assert_eq!((read, rest), (vec![Ok((Some("chunk".to_owned()), whole.to_vec()))], false));
});

type Read = Result<(Option<String>, Vec<u8>), Malformed>;

/// Event types and payloads up to the first error, and whether a message is unfinished.
fn messages(pieces: &[&[u8]]) -> (Vec<Read>, bool) {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for piece in pieces {
        let mut messages = decoder.feed(piece);
        while let Some(message) = messages.advance() {
            match message {
                Ok(message) => {
                    let kind = message.header(":event-type").map(str::to_owned);
                    found.push(Ok((kind, message.payload.to_vec())));
                }
                Err(error) => {
                    found.push(Err(error));
                    return (found, false);
                }
            }
        }
    }
    (found, decoder.is_inside_message())
}
