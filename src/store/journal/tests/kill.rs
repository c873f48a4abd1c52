//! kill -9, for real: the test binary runs itself, and dies while it appends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const DIRECTORY: &str = "TOLLGATE_TEST_JOURNAL";
const LIFE: &str = "TOLLGATE_TEST_LIFE";
const LIVES: usize = 50;
const THREADS: usize = 3;
/// Small, so that many a death falls into the change of segments.
const LIMITS: Limits = Limits { segment_bytes: 5_000, total_bytes: 1 << 30 };

/// Appends from some threads until it is killed, and writes down each id that was acknowledged.
#[test]
// Not a test of its own: the next one starts it as a process, with `--ignored`, and kills it.
#[ignore = "the process that the next test kills"]
fn victim() {
    let (Ok(path), Ok(life)) = (std::env::var(DIRECTORY), std::env::var(LIFE)) else { return };
    let (journal, _) = Journal::open(Path::new(&path), LIMITS).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, life) = (&journal, &life);
            scope.spawn(move || {
                for at in 0.. {
                    let id = format!("{life}-{thread}-{at}");
                    journal.append(&call(&id)).unwrap();
                    writeln!(io::stdout().lock(), "\nacknowledged {id}.").unwrap();
                }
            });
        }
    });
}

#[test]
fn kill_9_loses_nothing_acknowledged_and_doubles_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for life in 0..LIVES {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["store::journal::tests::kill::victim", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, place.path())
            .env(LIFE, life.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut note = |line: String| {
            let id = line.strip_prefix("acknowledged ").and_then(|id| id.strip_suffix('.'));
            usize::from(id.is_some_and(|id| acknowledged.insert(id.to_owned())))
        };
        let mut noted = 0;
        while noted < 20 + life * 7 {
            noted += note(lines.next().expect("the victim lives").unwrap());
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| {
            note(line);
        });
    }
    let (journal, _) = Journal::open(place.path(), LIMITS).unwrap();
    let found = ids(&journal);
    let once: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(once.len(), found.len(), "doubled");
    assert!(acknowledged.is_subset(&once), "lost: {:?}", acknowledged.difference(&once).collect::<Vec<_>>());
    assert!(once.len() <= acknowledged.len() + LIVES * THREADS, "{} of {}", once.len(), acknowledged.len());
}
