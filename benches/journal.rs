//! What an append to the spend journal costs the data plane. Budget: 3 µs, as much as one small `write`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench whose journal is broken must stop")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate::store::journal::{Charge, Journal, Key, Limits, Record};

/// Appends of each thread in one sample.
const SAMPLE: usize = 200_000;

/// A usual call: a key with a team, three budgets, two tags.
fn record() -> Record<'static> {
    let digest = "abababababababababababababababababababababababababababababababab";
    let charge = |scope, id| Charge { scope, id, budget: "", resets_at: 1_764_547_200 };
    Record {
        call_id: "6f1c2b44-9a53-4b7e-8f57-0f6f1d1f9a10",
        request_id: "chatcmpl-9a534b7e8f570f6f1d1f9a10",
        started_ms: 1_700_000_000_000,
        ended_ms: 1_700_000_001_234,
        completion_start_ms: 1_700_000_000_210,
        key: Key::Digest([0xab; 32]),
        user: "someone@example.com",
        team: "3f0c8d9e-team",
        model_group: "gpt-4o",
        model: "gpt-4o-2024-08-06",
        model_id: "d0c7a1e5b2f94",
        provider: "some-provider",
        api_base: "https://api.example.com/v1",
        call_type: "acompletion",
        status: 200,
        prompt_tokens: 1234,
        completion_tokens: 321,
        total_tokens: 1555,
        cost: 6_295_000_000,
        output_cost: 3_210_000_000,
        tags: vec!["production", "search"],
        requester_ip: "10.20.30.40",
        charges: vec![charge("key", digest), charge("team", "3f0c8d9e-team"), charge("user", "someone@example.com")],
        ..Record::default()
    }
}

/// Each thread's time for each of its appends, together. Files are synced meanwhile, more often than in the gateway.
fn sample(journal: &Journal, threads: usize) -> (Vec<Duration>, Duration) {
    let worker = || {
        let record = record();
        let append = |_| {
            let start = Instant::now();
            journal.append(&record).unwrap();
            start.elapsed()
        };
        (0..SAMPLE).map(append).collect::<Vec<_>>()
    };
    journal.sync().unwrap();
    let over = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(50));
                journal.sync().unwrap();
            }
        });
        let times = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        let took = start.elapsed();
        over.store(true, Ordering::Relaxed);
        (times, took)
    })
}

fn appends(c: &mut Criterion) {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (journal, _) = Journal::open(place.path(), Limits::default()).unwrap();
    let mut group = c.benchmark_group("journal");
    group.sample_size(20).throughput(Throughput::Elements(1));
    let record = record();
    group.bench_function("append", |b| b.iter(|| journal.append(&record).unwrap()));
    group.finish();
    for threads in [1, 2, 8] {
        let (mut times, took) = sample(&journal, threads);
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        println!(
            "{threads} threads: {:.0} appends/s; median {:?}, p99 {:?}, p99.9 {:?}, slowest {:?}",
            times.len() as f64 / took.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(0.999_999)
        );
        journal.sync().unwrap();
        journal.checkpoint(journal.end()).unwrap();
    }
    let counters = journal.counters();
    let per_write = counters.appended.load(Ordering::Relaxed) as f64 / counters.writes.load(Ordering::Relaxed) as f64;
    println!("{per_write:.3} records a write");
}

criterion_group!(benches, appends);
criterion_main!(benches);
