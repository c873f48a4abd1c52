//! How large a picture is that stands in a request as base64: what its file says in its beginning. No pixel is decoded. What
//! cannot be read for certain, or is read in different ways by those who decode pictures, has no size.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use imagesize::blob_size;

use crate::drawing::Size;

/// Most files say their size in so many bytes; a photograph may have its preview and profiles before it.
const FIRST: usize = 768;
const FURTHER: usize = 64 * 1024 - 64 * 1024 % 3;
/// Bytes that are decoded for all pictures of a request at most.
pub(super) const ALL: usize = 1024 * 1024;
/// Characters of base64, and the bytes that they stand for.
const QUANTUM: (usize, usize) = (4, 3);

const DATA: &[u8] = b"data:image/";
const BASE64: &[u8] = b";base64,";
/// The longest name of a kind of picture that is looked for in an address.
const LONGEST_KIND: usize = 16;

/// The base64 of a picture that stands in its address, as it is in JSON. `None`: there may be more in it than one picture.
pub(super) fn of_address(address: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b',', address.get(..DATA.len() + LONGEST_KIND + BASE64.len())?)? + 1;
    let (head, data) = address.split_at_checked(start)?;
    let head = unescaped(head)?;
    let kind = head.strip_prefix(DATA)?.strip_suffix(BASE64)?;
    let is_one = kind.iter().all(u8::is_ascii_alphanumeric) && memchr::memchr(b',', data).is_none();
    is_one.then_some(data)
}

/// The size of a picture by its base64, as it is in JSON. `left`: bytes that may still be decoded.
pub(super) fn of(base64: &[u8], left: &mut usize) -> Option<Size> {
    let first = decoded(base64, FIRST, left)?;
    if let Some(size) = read(&first) {
        return Some(size);
    }
    // Only these may say it later.
    let is_longer = first.len() == FIRST && (first.starts_with(JPEG) || is_gif(&first) || first.starts_with(PNG));
    if is_longer { read(&decoded(base64, FURTHER, left)?) } else { None }
}

/// So many of its bytes, or as many as there are.
fn decoded(base64: &[u8], bytes: usize, left: &mut usize) -> Option<Vec<u8>> {
    *left = left.checked_sub(bytes)?;
    let base64 = unescaped(base64.get(..2 * bytes).unwrap_or(base64))?;
    let characters = bytes / QUANTUM.1 * QUANTUM.0;
    let whole = base64.len() / QUANTUM.0 * QUANTUM.0;
    let end = base64.iter().position(|byte| *byte == b'=').unwrap_or(whole).min(whole).min(characters);
    STANDARD_NO_PAD.decode(base64.get(..end / QUANTUM.0 * QUANTUM.0)?).ok()
}

/// Text of JSON in which at most slashes are escaped. `None`: something else is.
fn unescaped(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(first) = memchr::memchr(b'\\', text) else { return Some(Cow::Borrowed(text)) };
    let mut plain = text.get(..first)?.to_vec();
    let mut rest = text.get(first..)?.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' if rest.as_slice().is_empty() => break,
            b'\\' => plain.push(*rest.next().filter(|next| **next == b'/')?),
            byte => plain.push(*byte),
        }
    }
    Some(Cow::Owned(plain))
}

fn read(file: &[u8]) -> Option<Size> {
    if !is_plain(file) {
        return None;
    }
    let size = blob_size(file).ok()?;
    let side = |pixels: usize| u32::try_from(pixels).ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
    Some(Size { width: side(size.width)?, height: side(size.height)? })
}

const JPEG: &[u8] = b"\xff\xd8\xff";
const GIFS: [&[u8]; 2] = [b"GIF87a", b"GIF89a"];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
/// Bytes of a PNG before its second chunk, and of a chunk besides what is in it.
const PNG_HEADER: usize = 33;
const PNG_CHUNK: usize = 12;
/// Nobody takes a picture with a longer side.
const LONGEST_SIDE: u32 = 65_535;

/// Whether it is a file in whose beginning everybody finds the same size.
fn is_plain(file: &[u8]) -> bool {
    let is_webp = file.starts_with(b"RIFF") && file.get(8..15) == Some(b"WEBPVP8");
    let is_jpeg = file.starts_with(JPEG) && has_plain_segments(file);
    let is_gif = is_gif(file) && has_plain_frame(file) == Some(true);
    let is_png = file.starts_with(PNG) && has_one_header(file) == Some(true);
    is_png || is_webp || is_jpeg || is_gif
}

fn is_gif(file: &[u8]) -> bool {
    GIFS.iter().any(|kind| file.starts_with(kind))
}

/// Whether no second header stands before the pixels of a PNG: some take the last one.
fn has_one_header(file: &[u8]) -> Option<bool> {
    let mut at = PNG_HEADER;
    loop {
        let length = u32::from_be_bytes(*file.get(at..)?.first_chunk()?);
        match file.get(at + 4..at + 8)? {
            b"IDAT" => return Some(true),
            b"IHDR" | b"IEND" => return Some(false),
            _ => at = at.checked_add(usize::try_from(length).ok()?)?.checked_add(PNG_CHUNK)?,
        }
    }
}

/// Whether the first frame of a GIF stands within its screen: some take a larger frame for the picture.
fn has_plain_frame(file: &[u8]) -> Option<bool> {
    let side = |at: usize| Some(u32::from(u16::from_le_bytes([*file.get(at)?, *file.get(at + 1)?])));
    let flags = *file.get(10)?;
    let mut at = 13 + if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    // Extensions, each of some blocks with their lengths.
    while *file.get(at)? == b'!' {
        at += 2;
        while let block @ 1.. = usize::from(*file.get(at)?) {
            at += 1 + block;
        }
        at += 1;
    }
    let is_within = |start: usize, length: usize, screen: usize| Some(side(start)? + side(length)? <= side(screen)?);
    Some(*file.get(at)? == b',' && is_within(at + 1, at + 5, 6)? && is_within(at + 3, at + 7, 8)?)
}

/// Whether nothing but tables, notes and profiles stands before the frame of a JPEG: each with its length, without filling.
fn has_plain_segments(file: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let Some([0xff, kind, high, low]) = file.get(at..at + 4) else { return false };
        match kind {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return true,
            0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => at += 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2),
            _ => return false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    pub fn png(width: u32, height: u32) -> Vec<u8> {
        let pixels = b"\0\0\0\x02IDAT\0\0\0\0\0\0";
        [&header(width, height)[..], &[0; 4], pixels].concat()
    }

    /// All of a PNG that stands before its first checksum.
    fn header(width: u32, height: u32) -> Vec<u8> {
        [PNG, &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat()
    }

    fn jpeg(before: usize, width: u16, height: u16) -> Vec<u8> {
        let mut file = b"\xff\xd8".to_vec();
        for _ in 0..before / 60_000 + 1 {
            let note = (before % 60_000).max(2);
            file.extend([0xff, 0xe1]);
            file.extend(u16::try_from(note).unwrap().to_be_bytes());
            file.resize(file.len() + note - 2, 7);
        }
        file.extend([0xff, 0xc0, 0, 17, 8]);
        file.extend(height.to_be_bytes());
        file.extend(width.to_be_bytes());
        file.resize(file.len() + 40, 0);
        file
    }

    /// Of this width and a height of 480, with extensions and a frame that begins and is as wide as said.
    fn gif(width: u16, extensions: &[u8], (left, frame): (u16, u16)) -> Vec<u8> {
        let mut file = [b"GIF89a", &width.to_le_bytes()[..], &480_u16.to_le_bytes(), &[0x80, 0, 0], &[0; 6]].concat();
        file.extend(extensions);
        file.push(b',');
        for number in [left, 0, frame, 480] {
            file.extend(number.to_le_bytes());
        }
        file.resize(file.len() + 9, 0);
        file
    }

    fn webp(kind: u8, header: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBPVP8", &[kind][..], &[0, 0, 0, 0], header, &[0; 8]].concat()
    }

    fn size(width: u32, height: u32) -> Option<Size> {
        Some(Size { width, height })
    }

    fn of_file(file: &[u8]) -> Option<Size> {
        of_text(&STANDARD.encode(file))
    }

    fn of_text(text: &str) -> Option<Size> {
        let mut left = ALL;
        of(text.as_bytes(), &mut left)
    }

    #[test]
    fn files_say_their_size() {
        let lossy = [&[0, 0, 0, 0x9d, 0x01, 0x2a][..], &640_u16.to_le_bytes(), &480_u16.to_le_bytes()].concat();
        let lossless = [&[0x2f][..], &(639_u32 | (479 << 14)).to_le_bytes()].concat();
        let canvas = [&[0; 4][..], &639_u32.to_le_bytes()[..3], &479_u32.to_le_bytes()[..3]].concat();
        for (file, expected) in [
            (png(1024, 768), size(1024, 768)),
            (png(0, 768), None),
            (png(65_535, 1), size(65_535, 1)),
            (png(65_536, 1), None),
            (gif(640, &[], (0, 640)), size(640, 480)),
            (gif(640, b"!\xf9\x04\0\0\0\0\0", (40, 600)), size(640, 480)),
            (
                gif(640, &[&b"!\xfe"[..], &[&b"\xff"[..], &[7; 255]].concat().repeat(4), &[0]].concat(), (0, 640)),
                size(640, 480),
            ),
            (gif(1, &[], (0, 640)), None),
            (jpeg(100, 640, 480), size(640, 480)),
            (jpeg(50_000, 640, 480), size(640, 480)),
            (jpeg(110_000, 640, 480), None),
            (webp(b' ', &lossy), size(640, 480)),
            (webp(b'L', &lossless), size(640, 480)),
            (webp(b'X', &canvas), size(640, 480)),
            (webp(b'Y', &canvas), None),
            (b"BM\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(of_file(&file), expected, "{file:?}");
        }
    }

    /// Who decodes a file in another way than we do finds no size here.
    #[test]
    fn what_could_be_read_in_two_ways_has_none() {
        let chunk =
            |kind: &[u8], length: u32| [&length.to_be_bytes()[..], kind, &vec![0; length as usize + 4]].concat();
        let of_chunks = |chunks: &[Vec<u8>]| [&header(16, 16)[..], &[0; 4], &chunks.concat()].concat();
        let second = header(4_000, 3_000).get(8..).unwrap().to_vec();
        let second = [&second[..], &[0; 4]].concat();
        let pixels = chunk(b"IDAT", 2);
        assert_eq!(of_file(&of_chunks(&[chunk(b"gAMA", 4), chunk(b"iCCP", 3_000), pixels.clone()])), size(16, 16));
        for chunks in [
            vec![second.clone(), pixels.clone()],
            vec![chunk(b"gAMA", 4), second.clone(), pixels.clone()],
            vec![chunk(b"iCCP", 3_000), second, pixels.clone()],
            vec![chunk(b"iCCP", 70_000), pixels],
            vec![chunk(b"IEND", 0)],
            vec![],
        ] {
            assert_eq!(of_file(&of_chunks(&chunks)), None, "{chunks:?}");
        }
        let frame = [0xff, 0xc0, 0, 17, 8, 0, 1, 0, 1];
        for before in [&[0xff, 0xd0][..], &[0xff, 0x01], &[0xff, 0xd8], &[0xff, 0xff], &[0xff, 0xe1, 0, 0]] {
            let file = [&[0xff, 0xd8][..], before, &frame, &[0; 40]].concat();
            assert_eq!(of_file(&file), None, "{before:?}");
        }
        let mut other = png(9, 9);
        other[12] = b't';
        assert_eq!(of_file(&other), None, "another chunk comes first");
    }

    #[test]
    fn base64_stands_in_json_and_in_addresses() {
        let text = STANDARD.encode(png(9, 7));
        assert_eq!(of_text(&text), size(9, 7));
        assert_eq!(of_text(&text.replace('/', "\\/")), size(9, 7), "escaped as some write it");
        for wrong in [text.replace('A', "\\u0041"), format!(" {text}"), text[..16].to_owned()] {
            assert_eq!(of_text(&wrong), None, "{wrong}");
        }
        let mut left = FIRST;
        assert_eq!((of(text.as_bytes(), &mut left), left), (size(9, 7), 0));
        assert_eq!(of(text.as_bytes(), &mut left), None, "enough was decoded");
        for (address, expected) in [
            ("data:image/png;base64,AAAAAAAAAAAAAAAAAAAA", true),
            ("data:image\\/png;base64,AAAAAAAAAAAAAAAAAAAA", true),
            ("data:image/png;charset=x;base64,AAAAAAAAAAAAAAAA", false),
            ("data:image/png;base64,AAAAAAAAAAAA,AAAAAAAAAAA", false),
            ("data:image/png,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false),
            ("https://example.com/a,b;base64,AAAAAAAAAAAAAAA", false),
        ] {
            assert_eq!(of_address(address.as_bytes()).is_some(), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(mut file in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..6_usize) {
            let start: &[u8] = [b"".as_slice(), PNG, JPEG, GIFS[1], b"RIFF\0\0\0\0WEBPVP8X", b"\xff\xd8\xff\xe1\0"][kind];
            file.splice(0..0, start.iter().copied());
            let _ = of_file(&file);
            let mut left = ALL;
            let _ = of(&file, &mut left);
            let _ = of_address(&file);
        }
    }
}
