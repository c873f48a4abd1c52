//! Frames of an event stream: all bytes come out once and in order, and the same frames in any chunking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::invariant::pieces;
use tollgate_fuzz::wire::sse::Decoder;

fuzz_target!(|data: &[u8]| {
    let (pieces, whole) = pieces(data);
    assert_eq!(frames(&pieces), frames(&[whole]));
});

/// Frames, an orphaned line feed with the frame it belongs to, and what is left.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut found: Vec<Vec<u8>> = Vec::new();
    for piece in pieces {
        let mut frames = decoder.feed(piece);
        while let Some(frame) = frames.advance() {
            let frame = frame.expect("inputs are shorter than the limit");
            match found.last_mut().filter(|_| frame.orphan) {
                Some(last) => last.extend(frame.bytes),
                None => found.push(frame.bytes.to_vec()),
            }
        }
    }
    let rest = decoder.rest().to_vec();
    (found, rest)
}
