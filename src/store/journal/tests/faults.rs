//! Disks that are full or broken.

use super::*;

#[test]
fn a_full_disk_refuses_and_recovers_by_itself() {
    for stuck in [false, true] {
        let files = Memory::default();
        let (journal, _) = open(&files, SMALL);
        let mut kept = fill(&journal, 3);
        files.full.store(true, Ordering::Relaxed);
        files.stuck.store(stuck, Ordering::Relaxed);
        for _ in 0..5 {
            assert_eq!(journal.append(&call("lost")), Err(AppendError::Io(io::ErrorKind::StorageFull)));
        }
        assert_eq!(ids(&journal), kept);
        files.full.store(false, Ordering::Relaxed);
        files.stuck.store(false, Ordering::Relaxed);
        journal.append(&call("again")).unwrap();
        kept.push("again".to_owned());
        assert_eq!(ids(&journal), kept);
        let counters = journal.counters();
        assert_eq!(counters.refused.load(Ordering::Relaxed), 5);
        assert_eq!(counters.appended.load(Ordering::Relaxed), 4);
        assert_eq!(ids(&open(&files, SMALL).0), kept, "stuck: {stuck}");
    }
}

#[test]
fn the_cap_refuses_until_a_checkpoint() {
    let files = Memory::default();
    let limits = Limits { total_bytes: 3000, ..SMALL };
    let (journal, _) = open(&files, limits);
    let mut taken = 0;
    while journal.append(&call("some")).is_ok() {
        taken += 1;
        let size = journal.counters().size.load(Ordering::Relaxed);
        let alarmed = journal.alarmed.load(Ordering::Relaxed);
        assert_eq!(alarmed, size >= 2400, "at {size}");
    }
    assert!(taken > 30);
    assert_eq!(journal.append(&call("some")), Err(AppendError::Full));
    assert!(journal.counters().size.load(Ordering::Relaxed) <= limits.total_bytes);
    journal.checkpoint(journal.end()).unwrap();
    journal.append(&call("some")).unwrap();
    assert!(!journal.alarmed.load(Ordering::Relaxed));
}

#[test]
fn a_failed_sync_is_tried_again() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    fill(&journal, 30);
    // The journal's own directory dies at the next change, which is the sync.
    let dying = files.dying_after(4);
    let (journal, _) = Journal::open_on(Arc::new(dying), SMALL).unwrap();
    journal.append(&call("one")).unwrap();
    assert!(journal.sync().is_err());
    assert!(journal.sync().is_err(), "nothing forgotten");
    assert_eq!(journal.counters().sync_failures.load(Ordering::Relaxed), 2);
}
