//! The decisions of whole journeys, under seeded disturbances in simulated time: many requests at once at a few groups
//! whose providers fail in every way that they know, with clients that leave, budgets that run out and streams that break.
//!
//! What decides is what decides in the gateway: the router with its walk, breakers, accounts, places and queue, the race of
//! two attempts, the relay of a broken stream, the joint of two texts, and the limiter. Simulated are providers, clients,
//! the clock, and the order in which `dispatch`, `rescue` and `deliver` ask. What must hold is asked at every step
//! (`books.rs`) by somebody who counts for himself.
//!
//! `SEED=7 cargo test --lib proxy::simulation` plays one schedule, `SEEDS=100000` more than the usual number.

mod books;
mod delivery;
mod legs;
mod provider;
mod room;
mod setup;
mod world;

use books::Tally;
use world::World;

/// Schedules that are played.
const SCHEDULES: u64 = 2_000;

/// Says which schedule it was, if it comes to a bad end.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("schedule {0}: SEED={0} plays it again", self.0);
        }
    }
}

fn play(seed: u64) -> Tally {
    let _named = Named(seed);
    World::new(seed).play()
}

#[test]
fn whatever_providers_and_clients_do_the_rules_hold() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = number("SEED").map_or(0..number("SEEDS").unwrap_or(SCHEDULES), |seed| seed..seed + 1);
    let played = seeds.end - seeds.start;
    let mut sum = Tally::default();
    for seed in seeds {
        sum.add(&play(seed));
    }
    eprintln!("{sum:?}");
    assert!(played < SCHEDULES || sum.has_all(), "a simulation of nothing: {sum:?}");
}

#[test]
fn a_schedule_plays_the_same_twice() {
    for seed in 0..20 {
        assert_eq!(play(seed), play(seed));
    }
}
