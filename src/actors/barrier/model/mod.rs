//! The randomised model of the barrier: nodes that hold shards with chats, routers that come one after another while
//! shards move, nodes that were fenced and do not know it, messages delayed without bound. Who still has to answer, for
//! what an owner answers and which routers count is decided by the real rule; what is around it is a model.
//!
//! However routers change, no agent may have more chats than their limit. With any one part of the rule taken away some
//! history must break it. `SWITCHBOARD_TEST_BARRIER_RUNS` sets the number of histories, `SWITCHBOARD_TEST_BARRIER_SEED` the
//! first seed.

mod world;

use world::{Rules, Seen, World};

const DEFAULT_RUNS: u64 = 20_000;
/// Histories until a mutant must have been caught.
const MUTANT_RUNS: u64 = 300_000;

fn number_from(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, it is {text:?}")),
        Err(_) => default,
    }
}

fn first_seed() -> u64 {
    number_from("SWITCHBOARD_TEST_BARRIER_SEED", 1)
}

#[test]
fn with_the_whole_rule_limits_hold_through_every_change_of_routers() {
    let first = first_seed();
    let runs = number_from("SWITCHBOARD_TEST_BARRIER_RUNS", DEFAULT_RUNS);
    let mut seen = Seen::default();
    for seed in first..first + runs {
        match World::new(seed, Rules::ALL).run() {
            Ok(history) => seen.add(&history),
            Err(fault) => panic!("seed {seed}: {fault}"),
        }
    }
    println!("{runs} histories: {seen:?}");
    // A model in which nothing happens proves nothing.
    assert!(seen.assigned > runs && seen.routers > runs && seen.rebuilt > runs / 2, "{seen:?}");
    assert!(seen.refused > runs / 50 && seen.moved > runs && seen.fenced > runs / 4, "{seen:?}");
}

fn must_break(name: &str, rules: Rules) {
    let first = first_seed();
    for seed in first..first + MUTANT_RUNS {
        if let Err(fault) = World::new(seed, rules).run() {
            println!("{name}: caught after {} histories, seed {seed}: {fault}", seed - first + 1);
            return;
        }
    }
    panic!("{name}: not caught in {MUTANT_RUNS} histories from seed {first}; the model is blind to it");
}

#[test]
fn without_the_barrier_it_breaks() {
    must_break("no barrier", Rules { barrier: false, ..Rules::ALL });
}

#[test]
fn with_an_answer_to_an_earlier_router_it_breaks() {
    must_break("earlier answer", Rules { answers_of_this_term: false, ..Rules::ALL });
}

#[test]
fn with_owners_that_gain_shards_meanwhile_not_asked_it_breaks() {
    must_break("gained shards not asked", Rules { ask_new_owners: false, ..Rules::ALL });
}

#[test]
fn with_earlier_routers_obeyed_after_the_answer_it_breaks() {
    must_break("no refusal after the answer", Rules { refuse_after_answer: false, ..Rules::ALL });
}

#[test]
fn with_shards_entered_blindly_it_breaks() {
    must_break("entered blindly", Rules { enter_by_table: false, ..Rules::ALL });
}

#[test]
fn with_answers_while_a_decision_is_carried_out_it_breaks() {
    must_break("no waiting for turns", Rules { wait_for_turns: false, ..Rules::ALL });
}

#[test]
fn with_answers_of_fenced_nodes_it_breaks() {
    must_break("unconfirmed answer", Rules { confirm: false, ..Rules::ALL });
}

#[test]
fn with_answers_for_shards_whose_chats_are_not_loaded_it_breaks() {
    must_break("answer before recovery", Rules { recovered_only: false, ..Rules::ALL });
}
