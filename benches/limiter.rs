//! What a request pays for being limited: three scopes (key, team, user), each with requests, tokens, requests at once
//! and a budget; taken and settled.
//!
//! `cargo bench --bench limiter`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::clock::Instant;
use tollgate::limiter::{Actual, Ask, BudgetLimits, Kind, Limits, Rate, Scope, Window, admit};

const ASK: Ask = Ask { tokens: 500, cost: 1_000, now: Instant::from_nanos(1), wall: 1_795_213_635, downgraded: false };

fn scopes(tokens: u64) -> Vec<Arc<Scope>> {
    let budget = BudgetLimits { max: Some(i64::MAX), window: Window::parse("1mo"), ..BudgetLimits::default() };
    let limits = Limits { requests: Some(1 << 40), tokens: Some(tokens), parallel: Some(100), budgets: vec![budget] };
    let scope = |kind| Arc::new(Scope::new(kind, "id", limits.clone()));
    [Kind::Key, Kind::Team, Kind::User].map(scope).into()
}

fn limiter(c: &mut Criterion) {
    let rate = Rate::per_minute(1 << 40);
    let mut nanos = 0;
    c.bench_function("rate/take", |b| {
        b.iter(|| {
            nanos += 1_000;
            rate.try_take(black_box(Instant::from_nanos(nanos)), 1)
        });
    });
    let open = scopes(1 << 40);
    c.bench_function("three scopes/admit and settle", |b| {
        b.iter(|| {
            nanos += 1_000;
            let now = Instant::from_nanos(nanos);
            if let Ok(held) = admit(black_box(&open), &Ask { now, ..ASK }) {
                held.settle(&Actual { tokens: 400, cost: 10, now });
            }
        });
    });
    let shut = scopes(499);
    c.bench_function("three scopes/refuse", |b| b.iter(|| admit(black_box(&shut), &ASK).is_err()));
    c.bench_function("one scope/standings", |b| {
        let standings = || black_box(&open[0]).standings(ASK.now);
        b.iter(|| standings().map(|standing| standing.remaining).sum::<u64>());
    });
}

criterion_group!(benches, limiter);
criterion_main!(benches);
