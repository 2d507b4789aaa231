//! The deterministic simulation: two to five real stewards over a model of the store, of the links and of the processes
//! around them, in one thread and in virtual time. Every history is made by its seed alone: nodes crash, freeze and go on
//! with old timers, come, leave and drain; links break one way or both; the store is out of reach, slow, or does what it is
//! asked without saying so; clocks jump.
//!
//! After every step: no shard has two owners whose validation would pass, and epochs only grow. Of every answer: who was
//! superseded acknowledges nothing that it did since, and what was acknowledged stays where it was said to be. Once all is
//! healed: every shard has one living owner that works, shares are even, nobody is suspected, clients have their answers.
//!
//! With any one rule taken away some history must go wrong: the mutants show that the simulation sees what the rules are for.
//!
//! `SWITCHBOARD_TEST_SIMULATION_RUNS` sets the number of histories with all rules, `SWITCHBOARD_TEST_SIMULATION_SEED` the
//! first seed; with the seed alone that one history is played and printed step by step.

mod data;
mod driver;
mod judge;
mod process;
#[path = "../random/mod.rs"]
mod random;
mod rules;
mod store;
mod weather;
mod world;

use judge::Judge;
use random::number_from;
use rules::Rules;
use world::World;

const DEFAULT_RUNS: u64 = 4_000;
/// Histories until a mutant must have been caught.
const MUTANT_RUNS: u64 = 100_000;

fn number(what: &str) -> Option<u64> {
    number_from(&format!("SWITCHBOARD_TEST_SIMULATION_{what}"))
}

#[test]
fn with_all_rules_no_history_goes_wrong() {
    let (seed, runs) = (number("SEED"), number("RUNS"));
    let trace = seed.is_some() && runs.is_none();
    let first = seed.unwrap_or(1);
    let runs = if trace { 1 } else { runs.unwrap_or(DEFAULT_RUNS) };
    let began = std::time::Instant::now();
    let mut seen = Judge::default();
    for seed in first..first + runs {
        match World::new(seed, Rules::ALL, trace).run() {
            Ok(history) => seen.add(&history),
            Err(fault) => panic!("SWITCHBOARD_TEST_SIMULATION_SEED={seed} plays it again: {fault}"),
        }
    }
    let mut crashes = std::mem::take(&mut seen.crash_ms);
    crashes.sort_unstable();
    let slowest = crashes.last();
    println!(
        "{runs} histories in {:?}, longest take-over after a crash {slowest:?} ms: {seen:?}",
        began.elapsed()
    );
    if !trace {
        // A simulation in which nothing happens proves nothing.
        assert!(seen.answers > runs * 10 && seen.taken > runs * 5, "{seen:?}");
        assert!(
            seen.fences > runs / 4 && seen.rebirths > runs / 4 && seen.fences_found_out > runs / 8,
            "{seen:?}"
        );
        assert!(seen.late_writes > runs / 50, "{seen:?}");
    }
}

fn must_go_wrong(name: &str, rules: Rules) {
    let first = number("SEED").unwrap_or(1);
    let began = std::time::Instant::now();
    for seed in first..first + MUTANT_RUNS {
        if let Err(fault) = World::new(seed, rules, false).run() {
            let runs = seed - first + 1;
            println!("{name}: caught after {runs} histories, {:?}, seed {seed}: {fault}", began.elapsed());
            return;
        }
    }
    panic!(
        "{name}: not caught in {MUTANT_RUNS} histories from seed {first}; the simulation is blind to this rule"
    );
}

#[test]
fn without_validation_it_goes_wrong() {
    must_go_wrong("no validation", Rules { validate: false, ..Rules::ALL });
}

#[test]
fn with_validation_before_the_write_it_goes_wrong() {
    must_go_wrong("early validation", Rules { validate_after_write: false, ..Rules::ALL });
}

#[test]
fn with_validation_by_an_old_reading_it_goes_wrong() {
    must_go_wrong("stale validation", Rules { validate_by_new_read: false, ..Rules::ALL });
}

#[test]
fn with_claims_before_the_fence_stands_it_goes_wrong() {
    must_go_wrong("claim before fence", Rules { fence_before_claim: false, ..Rules::ALL });
}

#[test]
fn with_members_read_before_shards_it_goes_wrong() {
    must_go_wrong("members first", Rules { shards_before_members: false, ..Rules::ALL });
}

#[test]
fn with_epochs_that_do_not_grow_it_goes_wrong() {
    must_go_wrong("epoch not raised", Rules { epoch_grows: false, ..Rules::ALL });
}

#[test]
fn with_claims_without_compare_and_set_it_goes_wrong() {
    must_go_wrong("no compare-and-set", Rules { compare_and_set: false, ..Rules::ALL });
}

#[test]
fn with_one_vote_for_a_fence_it_goes_wrong() {
    must_go_wrong("one vote", Rules { two_votes: false, ..Rules::ALL });
}

#[test]
fn with_a_move_before_the_shard_is_let_go_it_goes_wrong() {
    must_go_wrong("moved before let go", Rules { let_go_before_move: false, ..Rules::ALL });
}

#[test]
fn with_an_epoch_taken_up_again_it_goes_wrong() {
    must_go_wrong("taken up again", Rules { let_go_for_good: false, ..Rules::ALL });
}

#[test]
fn with_the_last_writer_winning_it_goes_wrong() {
    must_go_wrong("last writer wins", Rules { epoch_as_timestamp: false, ..Rules::ALL });
}

#[test]
fn without_the_restamp_it_goes_wrong() {
    must_go_wrong("no re-stamp", Rules { restamp: false, ..Rules::ALL });
}

#[test]
fn with_runs_of_its_own_taken_for_others_it_goes_wrong() {
    must_go_wrong("own runs unknown", Rules { knows_own_runs: false, ..Rules::ALL });
}

#[test]
fn with_an_order_to_drain_forgotten_by_the_next_run_it_goes_wrong() {
    must_go_wrong("drain forgotten", Rules { drain_stays: false, ..Rules::ALL });
}
