use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::actors::delivery::{Mark, Place};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::license::License;
use crate::domain::push::PushBody;
use crate::nodes::{Asker, Cut, VisitorsCall, VisitorsFound};

const LICENSE: LicenseId = LicenseId(1);
const NODE: Incarnation = Incarnation(Uuid::from_u128(7));

/// Those who are connected.
#[derive(Default)]
struct Here(Mutex<HashSet<(LicenseId, UserId)>>);

impl Sessions for Here {
    fn deliver(&self, _: &License, _: &[Push], _: Option<&Mark>, _: Option<Asker<'_>>) {}

    fn wake(&self, _: u64) {}

    fn has(&self, _: LicenseId) -> bool {
        true
    }

    fn has_user(&self, license: LicenseId, user: &UserId) -> bool {
        self.0.lock().contains(&(license, user.clone()))
    }

    fn users(&self) -> Vec<(LicenseId, UserId)> {
        self.0.lock().iter().cloned().collect()
    }

    fn visitors(&self, _: &VisitorsCall) -> VisitorsFound {
        VisitorsFound::default()
    }

    fn orphaned(&self, _: Vec<LicenseId>) {}

    fn cut(&self, _: &Cut) {}
}

fn customer(number: usize) -> UserId {
    UserId::Customer(CustomerId::new(format!("customer {number}")))
}

fn naming(user: &UserId) -> Named {
    match user {
        UserId::Agent(agent) => Named { agents: vec![agent.clone()], ..Named::default() },
        UserId::Customer(customer) => Named { customers: vec![customer.clone()], ..Named::default() },
    }
}

fn lacks(theirs: &Whereabouts, user: &UserId) -> bool {
    theirs.lacks(NODE, LICENSE, &naming(user)).is_some()
}

#[test]
fn nothing_is_spared_a_node_that_has_not_told_of_everybody() {
    let (ours, theirs, here) = (OurUsers::default(), Whereabouts::default(), Here::default());
    let users: Vec<UserId> = (0..USERS + 1).map(customer).collect();
    here.0.lock().extend(users.iter().map(|user| (LICENSE, user.clone())));
    let stranger = UserId::Agent(AgentId::new("smith@example.com"));
    let updates = ours.updates(0, &here);
    assert_eq!(updates.len(), 2);
    for update in &updates {
        assert!(!lacks(&theirs, &stranger));
        assert!(theirs.note(NODE, update));
    }
    assert!(lacks(&theirs, &stranger));
    assert!(!users.iter().any(|user| lacks(&theirs, user)));
    assert!(theirs.lacks(NODE, LicenseId(2), &naming(&users[0])).is_some(), "of another license");
    theirs.forget(NODE);
    assert!(!lacks(&theirs, &stranger));
}

#[test]
fn who_was_spared_something_by_what_is_not_true_any_more_is_late_until_it_is_noted() {
    let late = Late::default();
    let kate = customer(1);
    late.add(NODE, (LICENSE, kate.clone()), 5);
    let mark = || Mark {
        chat: ChatId::new("CHAT"),
        thread: ThreadId::new("THREAD"),
        from: Place(1, 2),
        to: Place(1, 3),
    };
    let spared = |version, user: &UserId| Spared { version, mark: mark(), named: naming(user) };
    assert!(late.concerns(NODE, LICENSE, &spared(4, &kate)));
    assert!(!late.concerns(NODE, LICENSE, &spared(5, &kate)), "whoever knew of her spared nothing of hers");
    assert!(!late.concerns(NODE, LICENSE, &spared(4, &customer(2))));
    assert!(!late.concerns(NODE, LicenseId(2), &spared(4, &kate)));
    late.is_over(NODE, 4);
    assert!(late.concerns(NODE, LICENSE, &spared(4, &kate)));
    late.is_over(NODE, 5);
    assert!(!late.concerns(NODE, LICENSE, &spared(4, &kate)));
    let again = (LICENSE, kate.clone());
    late.comes(again.clone());
    late.comes(again.clone());
    late.came(&again);
    assert!(late.concerns(NODE, LICENSE, &spared(u64::MAX, &kate)), "no version knows of her second session");
    late.came(&again);
    assert!(!late.concerns(NODE, LICENSE, &spared(u64::MAX, &kate)));
}

#[test]
fn only_what_names_all_whom_it_is_for_may_be_spared() {
    let to = |to: Audience| {
        let body = PushBody::ChatUnfollowed { chat: ChatId::new("CHAT") };
        Push { body, to }
    };
    let kate = CustomerId::new("kate");
    let named = to(Audience { customers: vec![kate.clone()], ..Audience::default() });
    let smith = to(Audience { agents: vec![AgentId::new("smith")], ..Audience::default() });
    let both = Named { agents: vec![AgentId::new("smith")], customers: vec![kate] };
    assert_eq!(Named::by(&[named.clone(), smith, named.clone()]), Some(both));
    let all_customers = Audience { all_customers: true, ..Audience::default() };
    for all in [Audience::all_agents(), Audience::everybody(), all_customers] {
        assert_eq!(Named::by(&[named.clone(), to(all)]), None);
    }
}

/// What happens to a user, or to the updates.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Comes(usize),
    Goes(usize),
    Told,
    ToldAndNotAnswered,
    /// Something that was told before comes once more.
    ToldAgain(usize),
}

proptest! {
    /// Whatever is lost, or comes twice and late: once a version is noted, everybody is known who had come by then and stayed.
    #[test]
    fn who_was_noted_is_known(turns in proptest::collection::vec(turn(), 1..80)) {
        let (ours, theirs, here) = (OurUsers::default(), Whereabouts::default(), Here::default());
        let (mut came, mut noted, mut told) = (HashMap::new(), 0, Vec::new());
        let end = [Turn::Told, Turn::Told];
        for turn in turns.into_iter().chain(end) {
            match turn {
                Turn::Comes(number) => {
                    here.0.lock().insert((LICENSE, customer(number)));
                    came.insert(number, ours.changed(LICENSE, customer(number)));
                }
                Turn::Goes(number) => {
                    here.0.lock().remove(&(LICENSE, customer(number)));
                    came.remove(&number);
                    ours.changed(LICENSE, customer(number));
                }
                Turn::Told | Turn::ToldAndNotAnswered => {
                    for update in ours.updates(noted, &here) {
                        let is_noted = theirs.note(NODE, &update);
                        if matches!(turn, Turn::Told) {
                            noted = if is_noted { update.version } else { 0 };
                        }
                        told.push(update);
                    }
                }
                Turn::ToldAgain(number) => {
                    if let Some(update) = told.get(number % told.len().max(1)) {
                        theirs.note(NODE, update);
                    }
                }
            }
            for (number, version) in &came {
                prop_assert!(*version > noted || !lacks(&theirs, &customer(*number)), "{number} of {version}");
            }
        }
        for number in 0..6 {
            prop_assert_eq!(lacks(&theirs, &customer(number)), !came.contains_key(&number));
        }
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        (0..6_usize).prop_map(Turn::Comes),
        (0..6_usize).prop_map(Turn::Goes),
        Just(Turn::Told),
        Just(Turn::ToldAndNotAnswered),
        (0..80_usize).prop_map(Turn::ToldAgain),
    ]
}
