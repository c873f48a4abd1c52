//! Lines of newline-delimited JSON: the same in any chunking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::invariant::pieces;
use tollgate_fuzz::wire::ndjson::Decoder;

fuzz_target!(|data: &[u8]| {
    let (pieces, whole) = pieces(data);
    assert_eq!(lines(&pieces), lines(&[whole]));
});

fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for piece in pieces {
        let mut lines = decoder.feed(piece);
        while let Some(line) = lines.advance() {
            found.push(line.expect("inputs are shorter than the limit").to_vec());
        }
    }
    let rest = decoder.rest().to_vec();
    (found, rest)
}
