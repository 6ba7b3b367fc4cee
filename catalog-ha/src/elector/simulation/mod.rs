//! Elections of several candidates over a network that delays and loses, on clocks that run at different rates, among processes that are
//! stopped, killed and told to leave: all of it in a queue of events, so that a schedule is the same in each run.
//!
//! `CATALOG_TEST_SCHEDULES` says how many schedules: 10,000 unless it is set.

mod node;
mod server;
mod world;

use std::num::NonZero;

use proptest::{prelude::*, test_runner::TestRunner};

use self::world::{Schedule, Trouble, What, World};

fn trouble() -> impl Strategy<Value = Trouble> {
    let what = prop_oneof![
        3 => (100_u64..45_000).prop_map(What::Stop),
        2 => Just(What::Kill),
        2 => Just(What::Leave),
        3 => (100_u64..30_000).prop_map(What::CutOff),
        1 => (100_u64..30_000).prop_map(What::Outage),
        1 => (100_u64..30_000).prop_map(What::Refuse),
    ];
    (0_u64..90_000, 0_usize..5, what).prop_map(|(at_ms, node, what)| Trouble { at_ms, node, what })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    (
        any::<u64>(),
        // at most a tenth between the slowest and the fastest
        prop::collection::vec(0.95..1.045_f64, 2..6),
        prop::bool::ANY,
        0.0..0.3_f64,
        1_u64..3_000,
        prop::collection::vec(trouble(), 0..8),
    )
        .prop_map(|(seed, rates, has_clock, loss, delay_ms, troubles)| Schedule {
            seed,
            rates,
            has_clock,
            loss,
            delay_ms,
            troubles,
        })
}

fn schedules() -> u32 {
    std::env::var("CATALOG_TEST_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

#[test]
fn spans_of_leadership_never_overlap_and_tokens_rise() {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let cases = schedules().div_ceil(u32::try_from(threads).unwrap());
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let run = || {
        TestRunner::new(config.clone())
            .run(&schedule(), |schedule| {
                let mut world = World::new(&schedule);
                world.run().map_err(TestCaseError::fail)
            })
            .unwrap();
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
}

/// The simulation finds what it is made to find: with candidates that trust their lease from when the answer came,
/// and to its very end, there is an overlap.
#[test]
fn a_wrong_candidate_is_found_out() {
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let found = TestRunner::new(config).run(&schedule(), |schedule| {
        let mut world = World::new(&schedule);
        world.trust_from_the_answer();
        world.run().map_err(TestCaseError::fail)
    });
    let found = found.unwrap_err().to_string();
    assert!(found.contains("both lead"), "{found}");
}
