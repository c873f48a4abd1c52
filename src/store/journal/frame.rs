//! Records inside of a segment file: a header, then frames of length (u32), CRC-32 of the payload (u32) and payload, all
//! little-endian. A frame counts only if it is whole, its checksum holds and its payload can be read as a record.

use std::sync::LazyLock;

use super::record::{MAX_RECORD, Record};

/// Beginning of every segment; its last byte is the format's version.
const MAGIC: [u8; 8] = *b"TGSPEND\x01";
/// Bytes before the first frame: the magic, the segment's number, a CRC-32 of both.
pub const HEADER: usize = 20;
/// Bytes of a frame before its payload.
const PREFIX: usize = 8;
/// No frame is longer.
pub const MAX_FRAME: usize = PREFIX + MAX_RECORD;
/// So far behind a bad frame a good one is looked for, to tell damage from a torn tail.
const LOOK_AHEAD: usize = 1 << 20;

/// The header of a segment.
pub fn header(segment: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let (body, sum) = bytes.split_at_mut(HEADER - 4);
    let (magic, number) = body.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    number.copy_from_slice(&segment.to_le_bytes());
    sum.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes
}

/// What is found out about the processor is found out once.
static FRESH: LazyLock<crc32fast::Hasher> = LazyLock::new(crc32fast::Hasher::new);

/// Appends one frame.
pub fn encode_into(record: &Record<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    record.encode_into(out);
    let Some((prefix, payload)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut::<PREFIX>) else {
        return;
    };
    let length = (payload.len() as u32).to_le_bytes();
    // Where the sum will stand the length stands first: it and the payload are summed in one go.
    *prefix = joined([0; 4], length);
    let sum = out.get(start + 4..).map(|summed| checksum(&[summed])).unwrap_or_default();
    if let Some(prefix) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *prefix = joined(length, sum.to_le_bytes());
    }
}

fn joined(one: [u8; 4], other: [u8; 4]) -> [u8; PREFIX] {
    (u64::from(u32::from_le_bytes(one)) | u64::from(u32::from_le_bytes(other)) << 32).to_le_bytes()
}

/// The frame at the beginning of `bytes`: its record and its length.
pub fn first(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*length) as usize;
    if size > MAX_RECORD {
        return None;
    }
    let payload = rest.get(..size)?;
    if checksum(&[length, payload]) != u32::from_le_bytes(*sum) {
        return None;
    }
    Some((Record::decode(payload)?, PREFIX + size))
}

/// Whether a whole frame stands somewhere behind the bad one at the beginning of `bytes`: then this is no torn tail.
pub fn any_behind(bytes: &[u8]) -> bool {
    (1..bytes.len().min(LOOK_AHEAD)).any(|at| first(bytes.get(at..).unwrap_or_default()).is_some())
}

/// The length takes part: eight zero bytes, as a torn tail may hold them, are no frame.
fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = FRESH.clone();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
