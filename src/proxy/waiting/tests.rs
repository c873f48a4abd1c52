//! The queue under real threads; on one where the order is asked. Nobody looks by himself here, so that a lost wake-up is a
//! wait that never ends.

use super::*;
use crate::router::TriedSet;
use crate::router::concurrency::Parallel;
use crate::router::needs::Needs;
use crate::router::plan::{DeploymentIx, DeploymentSpec, GroupSpec, MemberSpec, RouterPlan};
use crate::telemetry::metrics::Metrics;

static NO_NEEDS: Needs = Needs::NONE;

const GROUP: GroupIx = GroupIx(0);
const NEVER: Duration = Duration::from_secs(3_600);
/// A broken queue keeps a test waiting so long.
const DEADLINE: Duration = Duration::from_secs(30);

struct World {
    router: Router,
    room: Arc<Room>,
    clock: Clock,
}

/// A group of deployments with these limits.
fn world(limits: &[u32]) -> Arc<World> {
    let parallel = |limit: &u32| DeploymentSpec { parallel: Parallel::Fixed(*limit), ..DeploymentSpec::default() };
    let deployments: Vec<DeploymentSpec> = limits.iter().map(parallel).collect();
    let members = (0..limits.len() as u32).map(|i| MemberSpec::even(DeploymentIx(i))).collect();
    let groups = vec![GroupSpec { name: "g".into(), members, retry: None }];
    let router = Router::new(RouterPlan { deployments, groups, ..RouterPlan::default() }).unwrap();
    let room = Arc::new(Room::new(Metrics::new().unwrap().queue("g")));
    router.hang(GROUP, &(Arc::clone(&room) as Arc<dyn Bell>));
    Arc::new(World { router, room, clock: Clock::start() })
}

impl World {
    fn line(&self) -> Line<'_> {
        Line { room: &self.room, router: &self.router, group: GROUP, clock: self.clock, look: NEVER }
    }

    fn in_flight(&self, deployment: u32) -> u32 {
        self.router.state(DeploymentIx(deployment)).unwrap().in_flight()
    }

    fn now(&self) -> Result<Pick, NoneLeft> {
        self.router.pick(GROUP, input(self.clock, None, &TriedSet::default()))
    }

    /// Waits as a request does; `holder` is the only deployment that will do.
    async fn wait(&self, claim: Claim, holder: Option<u32>, wait: Duration) -> Result<Pick, Refused> {
        let tried = TriedSet::default();
        let input = input(self.clock, holder, &tried);
        let end = Instant::now() + wait;
        self.line().pick(claim, Some(LENGTH_MAX), end, input).await.map(|picked| picked.unwrap())
    }

    fn is_at_rest(&self) -> bool {
        self.room.inside().queue.is_empty()
            && self.room.waiting.load(SeqCst) == 0
            && self.room.called.load(SeqCst) == 0
            && self.room.metrics.length.get() == 0
    }
}

fn input(clock: Clock, holder: Option<u32>, tried: &TriedSet) -> PickInput<'_> {
    PickInput {
        now: clock.now(),
        random: 7,
        tried,
        above_order: None,
        untried_only: false,
        holder: holder.map(DeploymentIx),
        needs: &NO_NEEDS,
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// One thread: who says that it waits has looked for a place once more before anybody else does anything.
fn in_turns() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Hundreds of requests, some of which leave while they wait: all others get a place, never more than there are, and
/// afterwards nothing is left.
#[test]
fn every_place_that_becomes_free_finds_who_waits_for_it() {
    const ROUNDS: usize = 40;
    const REQUESTS: u64 = 200;
    let world = world(&[3, 2]);
    runtime().block_on(async {
        for _ in 0..ROUNDS {
            let tasks: Vec<_> = (0..REQUESTS)
                .map(|number| {
                    let world = Arc::clone(&world);
                    tokio::spawn(async move {
                        let claim = Claim { priority: (number % 3) as i64, flow: number % 7 };
                        // Some can use one of the two only.
                        let holder = (number % 11 == 0).then_some(1);
                        let pick = world.wait(claim, holder, NEVER).await.unwrap();
                        assert!(world.in_flight(0) <= 3 && world.in_flight(1) <= 2);
                        tokio::task::yield_now().await;
                        drop(pick);
                    })
                })
                .collect();
            for leaves in tasks.iter().skip(5).step_by(9) {
                leaves.abort();
            }
            let all = async {
                for task in tasks {
                    let ended = task.await;
                    assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()));
                }
            };
            tokio::time::timeout(DEADLINE, all).await.expect("somebody was forgotten");
            assert_eq!((world.in_flight(0), world.in_flight(1)), (0, 0));
            assert!(world.is_at_rest(), "{:?}", world.room);
        }
    });
}

#[test]
fn a_freed_place_calls_the_first_one_only() {
    let world = world(&[1]);
    in_turns().block_on(async {
        let held = world.now().unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        // (priority, key, name), in the order in which they come.
        for (priority, flow, name) in [(0, 1, "a1"), (0, 1, "a2"), (0, 2, "b1"), (-1, 1, "urgent"), (0, 1, "a3")] {
            let (of, served) = (Arc::clone(&world), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                let pick = of.wait(Claim { priority, flow }, None, NEVER).await.unwrap();
                served.lock().unwrap().push(name);
                drop(pick);
            }));
            let waiting = tasks.len();
            until("it to wait", || world.room.waiting.load(SeqCst) == waiting).await;
        }
        assert_eq!(world.now().err(), Some(NoneLeft::AllBusy));
        drop(held);
        for task in tasks {
            tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
        }
        assert_eq!(*served.lock().unwrap(), ["urgent", "a1", "b1", "a2", "a3"]);
        assert!(world.is_at_rest());
    });
}

#[test]
fn a_place_that_the_first_one_cannot_use_goes_to_the_next() {
    let world = world(&[1, 1]);
    in_turns().block_on(async {
        let mut held = [world.now().unwrap(), world.now().unwrap()];
        held.sort_by_key(|pick| pick.deployment);
        let [zero, one] = held;
        let particular = Arc::clone(&world);
        let particular =
            tokio::spawn(async move { particular.wait(Claim::default(), Some(1), NEVER).await.unwrap().deployment });
        until("it to wait", || world.room.waiting.load(SeqCst) == 1).await;
        let other = Arc::clone(&world);
        let other = tokio::spawn(async move { other.wait(Claim::default(), None, NEVER).await.unwrap().deployment });
        until("both to wait", || world.room.waiting.load(SeqCst) == 2).await;
        drop(zero);
        assert_eq!(tokio::time::timeout(DEADLINE, other).await.unwrap().unwrap(), DeploymentIx(0));
        until("it to wait on", || world.room.waiting.load(SeqCst) == 1).await;
        drop(one);
        assert_eq!(tokio::time::timeout(DEADLINE, particular).await.unwrap().unwrap(), DeploymentIx(1));
        assert!(world.is_at_rest());
    });
}

#[test]
fn who_may_not_wait_is_told_why() {
    let world = world(&[1]);
    runtime().block_on(async {
        let held = world.now().unwrap();
        assert_eq!(world.wait(Claim::default(), None, Duration::from_millis(1)).await.err(), Some(Refused::TimedOut));
        let tried = TriedSet::default();
        let none =
            world.line().pick(Claim::default(), Some(0), Instant::now() + NEVER, input(world.clock, None, &tried));
        assert_eq!(none.await.err(), Some(Refused::Full));
        // It is known now that a place is held for ten seconds: nobody who has five waits for it.
        held.in_flight.end(world.clock.now() + Duration::from_secs(10));
        let _held = world.now().unwrap();
        assert_eq!(world.wait(Claim::default(), None, Duration::from_secs(5)).await.err(), Some(Refused::TooLong));
        assert!(world.is_at_rest());
    });
}

#[test]
fn a_more_urgent_one_displaces_the_last() {
    let world = world(&[1]);
    in_turns().block_on(async {
        let held = world.now().unwrap();
        let wait = |priority| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let tried = TriedSet::default();
                let (claim, end) = (Claim { priority, flow: 1 }, Instant::now() + NEVER);
                let picked = world.line().pick(claim, Some(1), end, input(world.clock, None, &tried)).await;
                picked.map(|pick| pick.map(drop))
            })
        };
        let usual = wait(0);
        until("it to wait", || world.room.waiting.load(SeqCst) == 1).await;
        let urgent = wait(-1);
        assert_eq!(tokio::time::timeout(DEADLINE, usual).await.unwrap().unwrap().err(), Some(Refused::Displaced));
        drop(held);
        assert_eq!(tokio::time::timeout(DEADLINE, urgent).await.unwrap().unwrap(), Ok(Ok(())));
        assert!(world.is_at_rest());
    });
}

#[test]
fn a_place_beyond_a_shrunken_limit_calls_nobody() {
    let world = world(&[2]);
    in_turns().block_on(async {
        let (first, second) = (world.now().unwrap(), world.now().unwrap());
        let waiting = Arc::clone(&world);
        let waiting = tokio::spawn(async move { waiting.wait(Claim::default(), None, NEVER).await.map(drop) });
        until("it to wait", || world.room.waiting.load(SeqCst) == 1).await;
        world.router.state(DeploymentIx(0)).unwrap().set_parallel(Parallel::Fixed(1));
        drop(first);
        assert_eq!((world.room.called.load(SeqCst), world.room.waiting.load(SeqCst)), (0, 1));
        drop(second);
        tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap();
    });
}

/// With a look of its own, a request notices a place that nobody rang for.
#[test]
fn a_limit_that_grows_is_noticed() {
    let world = world(&[1]);
    runtime().block_on(async {
        let _held = world.now().unwrap();
        let waiting = Arc::clone(&world);
        let waiting = tokio::spawn(async move {
            let tried = TriedSet::default();
            let line = Line { look: Duration::from_millis(2), ..waiting.line() };
            let input = input(waiting.clock, None, &tried);
            line.pick(Claim::default(), None, Instant::now() + NEVER, input).await.unwrap().map(drop)
        });
        until("it to wait", || world.room.waiting.load(SeqCst) == 1).await;
        world.router.state(DeploymentIx(0)).unwrap().set_parallel(Parallel::Fixed(2));
        tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_queue_that_does_not_empty_takes_fewer() {
    let world = world(&[3]);
    let line = world.line();
    let capacity = line.capacity();
    assert_eq!(line.default_length(&capacity), 12);
    world.room.inside().since = Some(Instant::now());
    assert_eq!(line.default_length(&capacity), 12);
    world.room.inside().since = Instant::now().checked_sub(STANDING * 2);
    assert_eq!(line.default_length(&capacity), 1);
    // Empty again, but a moment ago somebody was refused.
    let mut inside = world.room.inside();
    (inside.since, inside.refused) = (None, Some(Instant::now()));
    drop(inside);
    assert_eq!(line.default_length(&capacity), 1);
    world.room.inside().refused = Instant::now().checked_sub(CALM * 2);
    assert_eq!(line.default_length(&capacity), 12);
    assert_eq!(line.default_length(&Capacity { is_known: false, ..capacity }), LENGTH_MAX);
}

/// Both are polled by hand, so that the first one is called and has not chosen yet when it leaves.
#[test]
fn one_that_leaves_when_it_is_called_passes_the_call_on() {
    let world = world(&[1]);
    runtime().block_on(async {
        let held = world.now().unwrap();
        let mut first = Box::pin(world.wait(Claim::default(), None, NEVER));
        let mut second = Box::pin(world.wait(Claim::default(), None, NEVER));
        assert!(futures::poll!(first.as_mut()).is_pending() && futures::poll!(second.as_mut()).is_pending());
        drop(held);
        assert_eq!((world.room.called.load(SeqCst), world.room.waiting.load(SeqCst)), (1, 1));
        drop(first);
        assert_eq!((world.room.called.load(SeqCst), world.room.waiting.load(SeqCst)), (1, 0));
        drop(tokio::time::timeout(DEADLINE, second).await.unwrap().unwrap());
        assert!(world.is_at_rest());
    });
}

/// Two places become free while one waits; another comes before that one has chosen.
#[test]
fn a_place_that_nobody_was_called_for_goes_to_who_came_meanwhile() {
    let world = world(&[2]);
    runtime().block_on(async {
        let held = (world.now().unwrap(), world.now().unwrap());
        let mut first = Box::pin(world.wait(Claim::default(), None, NEVER));
        assert!(futures::poll!(first.as_mut()).is_pending());
        drop(held);
        let mut second = Box::pin(world.wait(Claim::default(), None, NEVER));
        // The first one is called, so the newcomer lets it go first.
        assert!(futures::poll!(second.as_mut()).is_pending());
        let _first = tokio::time::timeout(DEADLINE, first).await.unwrap().unwrap();
        let _second = tokio::time::timeout(DEADLINE, second).await.unwrap().unwrap();
        assert!(world.is_at_rest());
    });
}
