//! The database goes away, or the process does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::support::{eventually, within};

/// PostgreSQL is killed and comes back, again and again, while calls come in and are moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_in_the_middle_has_each_call_once() {
    const CALLS: usize = 6_000;
    let (store, mut server) = on_postgres().await;
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    append(&lanes, 0..CALLS / 2);
    let mover = mover(&store, &lanes);
    let status = mover.status();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let work = tokio::spawn(mover.run(async {
        let _stopped = stopped.await;
    }));
    for round in 1..=2_usize {
        let from = CALLS / 2 + (round - 1) * CALLS / 4;
        append(&lanes, from..from + CALLS / 4);
        let moved = (CALLS * round / 4) as u64;
        eventually("some calls", || (status.moved.load(Ordering::Relaxed) >= moved).then_some(())).await;
        let failures = status.failures.load(Ordering::Relaxed);
        server.stop();
        eventually("a failure", || (status.failures.load(Ordering::Relaxed) > failures).then_some(())).await;
        assert!(status.is_failing() && status.pending_records() > 0 && status.lag_seconds(u64::MAX / 2) > 0);
        server.start().await;
    }
    eventually("all calls", || (status.pending_records() == 0).then_some(())).await;
    stop.send(()).unwrap();
    work.await.unwrap();
    assert!(!status.is_failing());
    assert_eq!(status.lag_seconds(u64::MAX), 0);
    assert_holds(&store, CALLS).await;
}

const DIRECTORY: &str = "TOLLGATE_TEST_SPEND_DIRECTORY";
const DATABASE: &str = "TOLLGATE_TEST_SPEND_DATABASE";
const LIFE: &str = "TOLLGATE_TEST_SPEND_LIFE";

/// Appends and moves until it is killed, and writes down each id that was acknowledged.
#[tokio::test(flavor = "multi_thread")]
// Not a test of its own: `survive` starts it as a process, with `--ignored`, and kills it.
#[ignore = "the process that the next tests kill"]
async fn victim() {
    let read = |name| std::env::var(name).ok();
    let (Some(place), Some(life)) = (read(DIRECTORY), read(LIFE)) else { return };
    let store = match read(DATABASE) {
        Some(url) => postgres_at(&url),
        None => sqlite_at(Path::new(&place)).await,
    };
    let lanes = lanes_in(&Path::new(&place).join("journal"));
    let work = tokio::spawn(mover(&store, &lanes).run(std::future::pending()));
    let writer = std::thread::spawn(move || {
        for number in 0.. {
            let id = format!("{life}-{number}");
            lanes.own().journal.append(&call(&id, number)).unwrap();
            writeln!(std::io::stdout().lock(), "\nacknowledged {id}.").unwrap();
        }
    });
    work.await.unwrap();
    writer.join().unwrap();
}

async fn survive(store: &Store, place: &Path, database: Option<String>, lives: usize) {
    let mut acknowledged = BTreeSet::new();
    for life in 0..lives {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["spend_store::outage::victim", "--exact", "--ignored", "--nocapture"]);
        command.env(DIRECTORY, place).env(LIFE, life.to_string()).stdout(Stdio::piped());
        if let Some(url) = &database {
            command.env(DATABASE, url);
        }
        let mut victim = command.spawn().unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut note = |line: String| {
            let id = line.strip_prefix("acknowledged ").and_then(|id| id.strip_suffix('.'));
            usize::from(id.is_some_and(|id| acknowledged.insert(id.to_owned())))
        };
        let mut noted = 0;
        while noted < 300 + life * 211 {
            noted += note(lines.next().expect("the victim lives").unwrap());
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| {
            note(line);
        });
    }
    let lanes = lanes_in(&place.join("journal"));
    let mut mover = mover(store, &lanes);
    within("the rest", async { while mover.drain().await.is_err() {} }).await;
    let rows = rows(store).await;
    assert!(rows >= acknowledged.len() && rows <= acknowledged.len() + lives, "{rows} of {}", acknowledged.len());
    assert_holds(store, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_and_doubles_nothing_on_sqlite() {
    let (store, folder) = on_sqlite().await;
    survive(&store, folder.path(), None, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_and_doubles_nothing_on_postgres() {
    let (store, server) = on_postgres().await;
    let place = tempfile::tempdir().unwrap();
    survive(&store, place.path(), Some(server.postgres_url()), 12).await;
}

/// Passes bytes to a port, or, while it hangs, keeps connections open and passes nothing.
async fn pipe(to: u16, hangs: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let hangs = Arc::clone(&hangs);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
                loop {
                    let (bytes, is_up) = tokio::select! {
                        read = tokio::io::AsyncReadExt::read(&mut client, &mut up) => (read.unwrap_or(0), true),
                        read = tokio::io::AsyncReadExt::read(&mut server, &mut down) => (read.unwrap_or(0), false),
                    };
                    if bytes == 0 {
                        return;
                    }
                    if hangs.load(Ordering::Relaxed) {
                        // As if the host were gone: this connection never comes back.
                        std::future::pending::<()>().await;
                    }
                    let passed = if is_up {
                        tokio::io::AsyncWriteExt::write_all(&mut server, &up[..bytes]).await
                    } else {
                        tokio::io::AsyncWriteExt::write_all(&mut client, &down[..bytes]).await
                    };
                    if passed.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_left_and_found_again() {
    let (direct, server) = on_postgres().await;
    let hangs = Arc::new(AtomicBool::new(false));
    let port = pipe(server.port, Arc::clone(&hangs)).await;
    let store = postgres_at(&format!("postgres://tollgate@127.0.0.1:{port}/postgres?sslmode=disable"));
    let place = tempfile::tempdir().unwrap();
    let lanes = lanes_in(place.path());
    append(&lanes, 0..2_000);
    let mover = mover(&store, &lanes);
    let status = mover.status();
    let work = tokio::spawn(mover.run(std::future::pending()));
    eventually("some calls", || (status.moved.load(Ordering::Relaxed) >= 500).then_some(())).await;
    hangs.store(true, Ordering::Relaxed);
    append(&lanes, 2_000..3_000);
    eventually("a failure", || status.is_failing().then_some(())).await;
    assert!(status.pending_records() >= 1_000);
    hangs.store(false, Ordering::Relaxed);
    eventually("all calls", || (status.pending_records() == 0).then_some(())).await;
    work.abort();
    assert_holds(&direct, 3_000).await;
}
