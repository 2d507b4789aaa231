//! The randomised model of ownership: three replicas, messages delayed without bound, take-overs, zombies that never
//! learn of their end, clients that resend everything to every owner. One log, since logs do not touch each other.
//!
//! With all rules no run may lose, move or double anything that was acknowledged. With any one rule taken away a run
//! must break: the mutants show that the model sees what the rules are for, so that nobody "optimises" one away.
//!
//! `SWITCHBOARD_TEST_MODEL_RUNS` sets the number of runs with all rules (do a million before a release),
//! `SWITCHBOARD_TEST_MODEL_SEED` the first seed. A broken run prints its seed; the same seed gives the same run.

mod owner;
#[path = "../random/mod.rs"]
mod random;
mod world;

use random::number_from;
use world::{Rules, World};

/// Runs until a mutant must have been caught. The rarest break about once in some ten thousand runs.
const MUTANT_RUNS: u64 = 2_000_000;
const DEFAULT_RUNS: u64 = 200_000;

fn first_seed() -> u64 {
    number_from("SWITCHBOARD_TEST_MODEL_SEED").unwrap_or(1)
}

fn must_break(name: &str, rules: Rules) {
    let first = first_seed();
    for seed in first..first + MUTANT_RUNS {
        if let Err(fault) = World::new(seed, rules).run() {
            println!("{name}: caught after {} runs, seed {seed}: {fault}", seed - first + 1);
            return;
        }
    }
    panic!("{name}: not caught in {MUTANT_RUNS} runs from seed {first}; the model is blind to this rule");
}

#[test]
fn with_all_rules_nothing_acknowledged_is_lost_moved_or_doubled() {
    let first = first_seed();
    let runs = number_from("SWITCHBOARD_TEST_MODEL_RUNS").unwrap_or(DEFAULT_RUNS);
    let mut seen = world::Seen::default();
    for seed in first..first + runs {
        match World::new(seed, Rules::ALL).run() {
            Ok(run) => seen.add(&run),
            Err(fault) => panic!("seed {seed}: {fault}"),
        }
    }
    println!("{runs} runs: {seen:?}");
    // A model in which nothing happens proves nothing.
    assert!(seen.acknowledged > runs && seen.takeovers > runs / 2, "{seen:?}");
    assert!(seen.zombie_writes > runs / 20 && seen.fenced_found_out > runs / 20, "{seen:?}");
    assert!(seen.answered_from_log > runs / 20, "{seen:?}");
}

#[test]
fn without_validation_it_breaks() {
    must_break("no validation", Rules { validate: false, ..Rules::ALL });
}

#[test]
fn with_validation_before_the_write_it_breaks() {
    must_break("early validation", Rules { validate_after_write: false, ..Rules::ALL });
}

#[test]
fn with_the_fence_after_the_read_it_breaks() {
    must_break("late fence", Rules { fence_before_read: false, ..Rules::ALL });
}

#[test]
fn without_the_restamp_it_breaks() {
    must_break("no re-stamp", Rules { restamp: false, ..Rules::ALL });
}

#[test]
fn with_a_restamp_in_pieces_it_breaks() {
    must_break("split re-stamp", Rules { restamp_atomic: false, ..Rules::ALL });
}

#[test]
fn without_the_reader_rule_it_breaks() {
    must_break("no reader rule", Rules { reader_rule: false, ..Rules::ALL });
}

#[test]
fn with_rows_of_a_batch_sent_apart_it_breaks() {
    must_break("pipelined writes", Rules { append_atomic: false, ..Rules::ALL });
}

#[test]
fn with_resends_answered_before_validation_it_breaks() {
    must_break("unvalidated resend", Rules { resend_waits: false, ..Rules::ALL });
}
