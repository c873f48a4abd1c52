//! Rules of the adaptive limit, one at a time. Time is counted in milliseconds.

use super::*;

fn at(millis: u64) -> Instant {
    Instant::default() + Duration::from_millis(millis + 1)
}

fn adaptive() -> Concurrency {
    let concurrency = Concurrency::default();
    concurrency.set(Parallel::Adaptive);
    concurrency
}

/// What a deployment is told in one second: so many good answers of this latency, so many refusals, with so many in flight.
#[derive(Clone, Copy)]
struct Second {
    good: u32,
    latency: u64,
    refused: u32,
    in_flight: u32,
}

const CALM: Second = Second { good: 40, latency: 100, refused: 0, in_flight: 10 };

/// Tells it for some seconds; gives the millisecond after them.
fn tell(concurrency: &Concurrency, from: u64, seconds: u64, second: Second) -> u64 {
    let count = u64::from(second.good + second.refused);
    for number in 0..seconds * count {
        let now = at(from + number * 1_000 / count);
        let refusals_before = |number: u64| number * u64::from(second.refused) / count;
        if refusals_before(number) != refusals_before(number + 1) {
            concurrency.refused(now, second.in_flight);
        } else {
            concurrency.succeeded(now, Duration::from_millis(second.latency), second.in_flight);
        }
    }
    from + seconds * 1_000
}

#[test]
fn the_configuration_is_taken_by_its_word() {
    let concurrency = Concurrency::default();
    assert_eq!((concurrency.limit(), concurrency.is_known()), (u32::MAX, false));
    concurrency.set(Parallel::Fixed(2));
    tell(&concurrency, 0, 60, Second { refused: 20, in_flight: 2, ..CALM });
    assert_eq!((concurrency.limit(), concurrency.is_known()), (2, true));
    concurrency.set(Parallel::Adaptive);
    assert_eq!((concurrency.limit(), concurrency.is_known()), (START, false));
    concurrency.set(Parallel::Unlimited);
    assert_eq!(concurrency.limit(), u32::MAX);
}

#[test]
fn a_reload_keeps_what_was_learned() {
    let concurrency = adaptive();
    tell(&concurrency, 0, 10, Second { refused: 20, in_flight: 100, ..CALM });
    let learned = concurrency.limit();
    assert!(learned < 100, "{learned}");
    concurrency.set(Parallel::Adaptive);
    assert_eq!(concurrency.limit(), learned);
}

#[test]
fn it_grows_ahead_of_the_traffic_as_long_as_nothing_is_wrong() {
    let concurrency = adaptive();
    tell(&concurrency, 0, 60, CALM);
    assert_eq!(concurrency.limit(), START, "nobody needs more");
    tell(&concurrency, 60_000, 10, Second { good: 1_000, in_flight: START, ..CALM });
    assert!(concurrency.limit() >= START * 2, "{}", concurrency.limit());
    assert!(!concurrency.is_known());
}

#[test]
fn it_never_leaves_its_bounds() {
    let concurrency = adaptive();
    tell(&concurrency, 0, 200, Second { good: 1_000, in_flight: CEILING, ..CALM });
    assert_eq!(concurrency.limit(), CEILING);
    tell(&concurrency, 200_000, 60, Second { refused: 40, in_flight: 1, ..CALM });
    assert_eq!(concurrency.limit(), FLOOR);
}

#[test]
fn latency_below_the_limit_is_left_alone() {
    let concurrency = adaptive();
    let now = tell(&concurrency, 0, 10, CALM);
    tell(&concurrency, now, 60, Second { latency: 5_000, in_flight: START / 2, ..CALM });
    assert!(concurrency.limit() >= START && !concurrency.is_known());
}

#[test]
fn one_slow_prompt_among_many_moves_nothing() {
    let concurrency = adaptive();
    let now = tell(&concurrency, 0, 10, CALM);
    for second in 0..30 {
        let now = tell(&concurrency, now + second * 1_000, 1, Second { in_flight: START * 2, ..CALM });
        concurrency.succeeded(at(now), Duration::from_secs(60), START * 2);
    }
    assert!(concurrency.limit() >= START && !concurrency.is_known());
}

#[test]
fn slowness_at_the_limit_shrinks_it() {
    let concurrency = adaptive();
    let now = tell(&concurrency, 0, 10, CALM);
    tell(&concurrency, now, 1, Second { latency: 1_000, in_flight: START, ..CALM });
    assert!(concurrency.limit() < START && concurrency.is_known(), "{}", concurrency.limit());
}

#[test]
fn slowness_that_fewer_requests_do_not_mend_is_the_new_custom() {
    let concurrency = adaptive();
    let mut now = tell(&concurrency, 0, 10, CALM);
    let mut lowest = u32::MAX;
    // Five times as slow from now on, whatever is in flight: another model behind the same name.
    for _ in 0..60 {
        now = tell(&concurrency, now, 1, Second { latency: 500, in_flight: concurrency.limit(), ..CALM });
        lowest = lowest.min(concurrency.limit());
    }
    assert!((START / 4..START).contains(&lowest), "{lowest}");
    assert!(concurrency.limit() >= START, "{}", concurrency.limit());
}

#[test]
fn a_tenth_of_refusals_shrinks_it_and_fewer_do_not() {
    for (refused, shrinks) in [(0, false), (20, false), (80, true), (400, true)] {
        let concurrency = adaptive();
        tell(&concurrency, 0, 10, Second { good: 400, refused, in_flight: 200, ..CALM });
        assert_eq!(concurrency.limit() < 200, shrinks, "{refused}: {}", concurrency.limit());
    }
}

#[test]
fn an_outage_is_no_overload() {
    let concurrency = adaptive();
    tell(&concurrency, 0, 60, Second { good: 0, refused: 100, in_flight: 200, ..CALM });
    assert_eq!(concurrency.limit(), START);
}

#[test]
fn it_recovers_while_it_is_used_and_is_forgotten_in_the_end() {
    let shrunken = || {
        let concurrency = adaptive();
        let now = tell(&concurrency, 0, 20, Second { refused: 40, in_flight: 10, ..CALM });
        assert_eq!(concurrency.limit(), FLOOR);
        (concurrency, now)
    };
    let (concurrency, mut now) = shrunken();
    for _ in 0..20 {
        now = tell(&concurrency, now, 1, Second { in_flight: concurrency.limit(), ..CALM });
    }
    assert!(concurrency.limit() >= 500 && concurrency.is_known(), "{}", concurrency.limit());
    let (concurrency, now) = shrunken();
    let later = tell(&concurrency, now, 60, Second { in_flight: 1, ..CALM });
    assert_eq!(concurrency.limit(), FLOOR, "nobody used more");
    tell(&concurrency, later, FORGET.as_secs(), Second { in_flight: 1, ..CALM });
    assert_eq!((concurrency.limit(), concurrency.is_known()), (START, false));
}

#[test]
fn a_wait_in_vain_counts_if_it_was_slow_for_this_deployment() {
    for (waited, shrinks) in [(1, false), (190, false), (500, true)] {
        let concurrency = adaptive();
        let mut now = tell(&concurrency, 0, 10, CALM);
        for _ in 0..40 {
            now = tell(&concurrency, now, 1, CALM);
            (0..20).for_each(|_| concurrency.timed_out(at(now), Duration::from_millis(waited), 100));
        }
        assert_eq!(concurrency.limit() < START, shrinks, "{waited} ms");
    }
    let unseen = adaptive();
    (0..1_000).for_each(|millis| unseen.timed_out(at(millis), Duration::from_secs(60), 100));
    assert_eq!(unseen.limit(), START);
}

#[test]
fn no_lasting_slowness_keeps_it_at_the_floor() {
    let concurrency = adaptive();
    let now = tell(&concurrency, 0, 10, CALM);
    let mut now = tell(&concurrency, now, 20, Second { refused: 40, in_flight: 10, ..CALM });
    assert_eq!(concurrency.limit(), FLOOR);
    // Half as slow again from now on, whatever is in flight, and many come.
    for _ in 0..120 {
        now = tell(&concurrency, now, 1, Second { latency: 150, in_flight: concurrency.limit(), ..CALM });
    }
    assert!(concurrency.limit() > 50, "{}", concurrency.limit());
}
