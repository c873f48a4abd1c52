//! Many threads at once.

use std::collections::BTreeSet;

use super::*;

const THREADS: usize = 8;
const EACH: usize = 2000;

fn append_from_threads(journal: &Journal) -> BTreeSet<String> {
    let worker = |thread: usize| {
        let ids = (0..EACH).map(move |at| format!("{thread}-{at}"));
        ids.filter(|id| journal.append(&call(id)).is_ok()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || worker(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn appends_of_many_threads_are_all_there_once() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { segment_bytes: 100_000, total_bytes: 1 << 30 };
    let (journal, _) = Journal::open(place.path(), limits).unwrap();
    let acknowledged = append_from_threads(&journal);
    assert_eq!(acknowledged.len(), THREADS * EACH);
    let in_order = |found: &[String]| {
        (0..THREADS).all(|thread| {
            let own = found.iter().filter_map(|id| id.strip_prefix(&format!("{thread}-")));
            own.map(|at| at.parse::<usize>().unwrap()).eq(0..EACH)
        })
    };
    assert!(in_order(&ids(&journal)));
    drop(journal);
    let (journal, recovered) = Journal::open(place.path(), limits).unwrap();
    assert_eq!((recovered.records, recovered.torn, recovered.damaged), ((THREADS * EACH) as u64, 0, 0));
    assert!(in_order(&ids(&journal)));
}

#[test]
fn each_thread_learns_what_became_of_its_own_record() {
    let files = Memory::default();
    let limits = Limits { segment_bytes: 5000, total_bytes: 1 << 30 };
    let (journal, _) = open(&files, limits);
    let over = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                files.full.fetch_xor(true, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        let acknowledged = append_from_threads(&journal);
        over.store(true, Ordering::Relaxed);
        acknowledged
    });
    let found = ids(&journal);
    assert_eq!(found.len(), acknowledged.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), acknowledged);
    assert!(lock(&journal.writer).outcome(1).is_ok(), "no failure stays untold");
}

#[test]
fn records_that_wait_are_written_together() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    let queued = ["a", "b", "c"].map(|id| journal.enqueue(&call(id)));
    assert!(ids(&journal).is_empty(), "nobody has asked for it yet");
    let [first, second, third] = queued;
    assert_eq!(first.write(), Ok(()));
    assert_eq!(ids(&journal), ["a", "b", "c"]);
    // Who leaves without asking is not forgotten either.
    drop(second);
    drop(journal.enqueue(&call("d")));
    assert_eq!((third.write(), ids(&journal).len()), (Ok(()), 4));
    let counters = journal.counters();
    let (writes, appended) = (&counters.writes, &counters.appended);
    assert_eq!((writes.load(Ordering::Relaxed), appended.load(Ordering::Relaxed)), (2, 4));
}

#[test]
fn all_who_waited_hear_that_it_failed() {
    let files = Memory::default();
    let (journal, _) = open(&files, SMALL);
    files.full.store(true, Ordering::Relaxed);
    let [first, second, third] = ["a", "b", "c"].map(|id| journal.enqueue(&call(id)));
    assert!(second.write().is_err());
    drop(third);
    files.full.store(false, Ordering::Relaxed);
    assert!(first.write().is_err(), "a later write does not make it good");
    assert_eq!(journal.counters().refused.load(Ordering::Relaxed), 3);
    assert!(lock(&journal.writer).outcome(1).is_ok(), "no failure stays untold");
    journal.append(&call("d")).unwrap();
    assert_eq!(ids(&journal), ["d"]);
}
