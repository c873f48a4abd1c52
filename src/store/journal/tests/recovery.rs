//! Torn tails, damage, rotation, checkpoints.

use super::*;

const NAME: &str = "0000000000000001.spend";
const LARGE: Limits = Limits { segment_bytes: 1 << 20, ..SMALL };

/// Where each record of the one segment ends.
fn ends(journal: &Journal) -> Vec<usize> {
    let mut ends = Vec::new();
    let note = |_: &Record<'_>, behind: Position| {
        ends.push(usize::try_from(behind.offset).unwrap());
        ControlFlow::Continue(())
    };
    journal.replay(Position::default(), note).unwrap();
    ends
}

#[test]
fn a_tail_torn_at_any_byte_keeps_all_whole_records() {
    let files = Memory::default();
    let (journal, _) = open(&files, LARGE);
    let written = fill(&journal, 110);
    let (ends, whole) = (ends(&journal), files.get(NAME));
    for cut in (whole.len() - 4096)..whole.len() {
        let garbage: &[u8] = [&[0; 64], &[0xff; 64], &b"0123456789abcdef0123456789abcdef"[..]][cut % 3];
        for garbage in [&[], garbage] {
            let torn = Memory::default();
            torn.put(NAME, &[&whole[..cut], garbage].concat());
            let kept = ends.iter().filter(|end| **end <= cut).count();
            let (journal, recovered) = open(&torn, LARGE);
            assert_eq!(ids(&journal), written[..kept], "cut at {cut}, then {garbage:?}");
            let is_clean = garbage.is_empty() && ends.contains(&cut);
            assert_eq!((recovered.torn, recovered.damaged), (u64::from(!is_clean), 0), "cut at {cut}");
            journal.append(&call("after")).unwrap();
            let (journal, recovered) = open(&torn, LARGE);
            assert_eq!((recovered.torn, recovered.records), (0, kept as u64 + 1), "cut at {cut}");
            assert_eq!(ids(&journal).last().map(String::as_str), Some("after"));
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_invents_nothing() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    let written = fill(&journal, 60);
    for name in files.names() {
        let content = files.get(&name);
        for at in 0..content.len() {
            let flipped = files.copy();
            let mut bytes = content.clone();
            bytes[at] ^= 1 << (at % 8);
            flipped.put(&name, &bytes);
            let (journal, recovered) = open(&flipped, SMALL);
            let found = ids(&journal);
            let mut left = written.iter();
            assert!(found.iter().all(|id| left.any(|known| known == id)), "order or identity lost: {name} {at}");
            assert_eq!(recovered.torn + recovered.damaged, 1, "{name} {at}");
            // The other segments are all there.
            assert!(found.len() >= written.len() - 25, "{} left of {}: {name} {at}", found.len(), written.len());
        }
    }
}

#[test]
fn damage_in_the_middle_is_kept_aside_and_costs_one_segment_only() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    let written = fill(&journal, 60);
    let mut bytes = files.get(NAME);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    files.put(NAME, &bytes);
    let (journal, recovered) = open(&files, SMALL);
    assert_eq!((recovered.torn, recovered.damaged), (0, 1));
    assert_eq!(files.get("0000000000000001.damaged"), bytes);
    let found = ids(&journal);
    assert!(found.len() < written.len() && found.last() == written.last() && found[0] == written[0]);
    let (again, recovered) = open(&files, SMALL);
    assert_eq!((recovered.torn, recovered.damaged, ids(&again)), (0, 0, found));
}

#[test]
fn segments_are_bounded_and_go_at_a_checkpoint() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    let written = fill(&journal, 100);
    let sizes: Vec<u64> = files.list().unwrap().into_iter().map(|(_, size)| size).collect();
    assert!(sizes.len() > 3 && sizes.iter().all(|size| *size <= SMALL.segment_bytes), "{sizes:?}");
    assert_eq!(journal.counters().size.load(Ordering::Relaxed), sizes.iter().sum::<u64>());
    journal.checkpoint(Position { segment: 1, offset: 999 }).unwrap();
    assert_eq!(ids(&journal), written, "a segment that is not whole behind stays");
    let all = journal.bytes_from(Position::default());
    assert_eq!(all, sizes.iter().map(|size| size - frame::HEADER as u64).sum::<u64>());
    journal.checkpoint(journal.end()).unwrap();
    assert_eq!(files.names().len(), 1);
    let left: u64 = files.list().unwrap().into_iter().map(|(_, size)| size).sum();
    assert_eq!(journal.counters().size.load(Ordering::Relaxed), left);
    assert!(written.ends_with(&ids(&journal)));
}

#[test]
fn a_reader_goes_on_where_it_stopped() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    let (mut at, mut found) = (Position::default(), Vec::new());
    for round in 0..40 {
        fill(&journal, round % 5);
        // Breaking off is going on, too.
        let most = found.len() + 2;
        let note = |record: &Record<'_>, _| {
            found.push(record.call_id.to_owned());
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        at = journal.replay(at, note).unwrap();
    }
    while at != journal.end() {
        let note = |record: &Record<'_>, _| {
            found.push(record.call_id.to_owned());
            ControlFlow::Break(())
        };
        at = journal.replay(at, note).unwrap();
    }
    assert_eq!(journal.bytes_from(at), 0);
    assert_eq!(found, ids(&journal));
}

#[test]
fn a_directory_has_one_process() {
    let place = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(place.path(), SMALL).unwrap();
    let second = Journal::open(place.path(), SMALL).map(|_| ()).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
    drop(journal);
    Journal::open(place.path(), SMALL).unwrap();
}
