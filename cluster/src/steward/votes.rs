//! From suspicion to fence. Pure.
//!
//! A node that suspects a peer votes against it in the peer's row, and fences it when as many agree as there can be: two,
//! or all that the voter itself does not suspect where these are fewer. Fencing is always safe; what votes protect is
//! that a node which merely lost sight of the others does not take them all down. So whoever sees less than half of the
//! cluster alive waits for the others to speak first, and of two equal halves the one without the smallest incarnation.
//! These go by turns; the others of a lesser part may have learned of a run only at their next reading of the tables, and
//! have to find out first that they do not hear it, so that part waits for twice as long.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::Moment;
use crate::Incarnation;

/// Votes of which a fence is made, where that many may vote.
const ENOUGH: usize = 2;

/// What the accuser shall do about one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Put the vote in the row, and read who else voted.
    Vote(Incarnation),
    /// Take it out again: the peer lives.
    Withdraw(Incarnation),
    /// Enough agree.
    Fence(Incarnation),
}

/// The accusations of this node.
#[derive(Clone, Debug)]
pub(super) struct Votes {
    again_after: Duration,
    suspect_after: Duration,
    open: BTreeMap<Incarnation, Accusation>,
}

#[derive(Clone, Copy, Debug)]
struct Accusation {
    since: Moment,
    next: Moment,
    /// A vote, a withdrawal or a fence is on its way to the tables.
    busy: bool,
    /// The vote stands in the row, or may.
    voted: bool,
}

/// How this node sees the living incarnations on record.
pub(super) struct Sight<'a> {
    pub(super) me: Incarnation,
    /// All on record that are not fenced, this one included.
    pub(super) live: &'a [Incarnation],
    /// Those of them that this node suspects.
    pub(super) suspects: &'a [Incarnation],
}

impl Sight<'_> {
    fn trusted(&self) -> impl Iterator<Item = Incarnation> {
        self.live.iter().copied().filter(|one| !self.suspects.contains(one))
    }

    /// How long others may speak first.
    fn patience(&self, suspect_after: Duration) -> Duration {
        let trusted = self.trusted().count();
        match (trusted * 2).cmp(&self.live.len()) {
            Ordering::Less => suspect_after,
            Ordering::Equal if self.trusted().min() != self.live.iter().copied().min() => suspect_after / 2,
            Ordering::Equal | Ordering::Greater => Duration::ZERO,
        }
    }
}

impl Votes {
    pub(super) fn new(suspect_after: Duration) -> Self {
        Self { again_after: suspect_after / 6, suspect_after, open: BTreeMap::new() }
    }

    /// What to do now, as suspicion stands.
    pub(super) fn tick(&mut self, now: Moment, sight: &Sight<'_>) -> Vec<Step> {
        let wait = sight.patience(self.suspect_after);
        let mut steps = Vec::new();
        self.open.retain(|accused, accusation| {
            if sight.suspects.contains(accused) || accusation.busy {
                return true;
            }
            // A vote that stayed would make the next one's suspicion two.
            let is_to_withdraw = accusation.voted && sight.live.contains(accused);
            if is_to_withdraw && now >= accusation.next {
                accusation.busy = true;
                accusation.next = now.plus(self.again_after);
                steps.push(Step::Withdraw(*accused));
            }
            is_to_withdraw
        });
        for accused in sight.suspects {
            let accusation = self.open.entry(*accused).or_insert(Accusation {
                since: now,
                next: now,
                busy: false,
                voted: false,
            });
            if !accusation.busy && now >= accusation.next && now.since(accusation.since) >= wait {
                (accusation.busy, accusation.voted) = (true, true);
                accusation.next = now.plus(self.again_after);
                steps.push(Step::Vote(*accused));
            }
        }
        steps
    }

    /// The votes that stand against a peer after this node's was put in or taken out; none where the tables did not say.
    pub(super) fn counted(
        &mut self,
        now: Moment,
        accused: Incarnation,
        votes: Option<&[Incarnation]>,
        sight: &Sight<'_>,
    ) -> Option<Step> {
        let accusation = self.open.get_mut(&accused)?;
        accusation.busy = false;
        let votes = votes?;
        accusation.voted = votes.contains(&sight.me);
        // More may be suspected by now than when this node voted.
        let may_speak = now.since(accusation.since) >= sight.patience(self.suspect_after);
        if !sight.suspects.contains(&accused) || !may_speak {
            return None;
        }
        let may_vote: Vec<Incarnation> = sight.trusted().collect();
        let agreed = votes.iter().filter(|voter| may_vote.contains(voter)).count();
        if agreed < ENOUGH.min(may_vote.len()).max(1) || !may_vote.contains(&sight.me) {
            return None;
        }
        accusation.busy = true;
        Some(Step::Fence(accused))
    }

    /// The fence stands, or could not be made and is tried again.
    pub(super) fn fenced(&mut self, accused: Incarnation, stands: bool) {
        if stands {
            self.open.remove(&accused);
        } else if let Some(accusation) = self.open.get_mut(&accused) {
            accusation.busy = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const fn node(number: u128) -> Incarnation {
        Incarnation(Uuid::from_u128(number))
    }

    const A: Incarnation = node(1);
    const B: Incarnation = node(2);
    const C: Incarnation = node(3);

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    fn votes() -> Votes {
        Votes::new(Duration::from_secs(3))
    }

    #[test]
    fn two_must_agree_where_two_are_left() {
        let sight = Sight { me: A, live: &[A, B, C], suspects: &[C] };
        let mut votes = votes();
        assert_eq!(votes.tick(at(0), &sight), [Step::Vote(C)]);
        assert_eq!(votes.counted(at(50), C, Some(&[A]), &sight), None);
        assert!(votes.tick(at(100), &sight).is_empty());
        assert_eq!(votes.tick(at(500), &sight), [Step::Vote(C)]);
        assert_eq!(votes.counted(at(500), C, Some(&[A, B]), &sight), Some(Step::Fence(C)));
        assert!(votes.tick(at(2_000), &sight).is_empty(), "the fence is on its way");
    }

    #[test]
    fn the_last_one_decides_alone_but_waits_first() {
        let sight = Sight { me: C, live: &[A, B, C], suspects: &[A, B] };
        let mut votes = votes();
        assert!(votes.tick(at(0), &sight).is_empty());
        assert!(votes.tick(at(2_900), &sight).is_empty());
        assert_eq!(votes.tick(at(3_000), &sight), [Step::Vote(A), Step::Vote(B)]);
        assert_eq!(votes.counted(at(3_000), A, Some(&[C]), &sight), Some(Step::Fence(A)));
    }

    #[test]
    fn who_suspects_more_when_its_vote_is_counted_lets_others_speak_first() {
        let one = Sight { me: C, live: &[A, B, C], suspects: &[A] };
        let both = Sight { me: C, live: &[A, B, C], suspects: &[A, B] };
        let mut votes = votes();
        assert_eq!(votes.tick(at(0), &one), [Step::Vote(A)]);
        assert_eq!(votes.counted(at(20), A, Some(&[C]), &both), None);
        assert!(votes.tick(at(2_900), &both).is_empty());
        assert_eq!(votes.tick(at(3_000), &both), [Step::Vote(A)]);
        assert_eq!(votes.counted(at(3_020), A, Some(&[C]), &both), Some(Step::Fence(A)));
    }

    #[test]
    fn of_two_halves_the_one_with_the_smallest_incarnation_goes_first() {
        let first = Sight { me: A, live: &[A, B], suspects: &[B] };
        let second = Sight { me: B, live: &[A, B], suspects: &[A] };
        assert_eq!(votes().tick(at(0), &first), [Step::Vote(B)]);
        let mut later = votes();
        assert!(later.tick(at(0), &second).is_empty());
        assert_eq!(later.tick(at(1_500), &second), [Step::Vote(A)]);
    }

    #[test]
    fn votes_of_the_dead_and_the_suspected_do_not_count() {
        let sight = Sight { me: A, live: &[A, B, C], suspects: &[C] };
        let mut votes = votes();
        votes.tick(at(0), &sight);
        assert_eq!(votes.counted(at(0), C, Some(&[A, node(9), C]), &sight), None);
    }

    #[test]
    fn a_vote_is_withdrawn_when_the_peer_is_back() {
        let suspected = Sight { me: A, live: &[A, B, C], suspects: &[C] };
        let trusted = Sight { me: A, live: &[A, B, C], suspects: &[] };
        let mut votes = votes();
        votes.tick(at(0), &suspected);
        assert!(votes.tick(at(50), &trusted).is_empty(), "the vote is still on its way");
        assert_eq!(votes.counted(at(50), C, Some(&[A, B]), &trusted), None);
        assert_eq!(votes.tick(at(500), &trusted), [Step::Withdraw(C)]);
        assert!(votes.tick(at(1_000), &trusted).is_empty(), "it is on its way");
        assert_eq!(votes.counted(at(1_000), C, Some(&[B]), &trusted), None);
        assert!(votes.tick(at(1_500), &trusted).is_empty());
    }

    #[test]
    fn a_vote_is_withdrawn_until_the_tables_say_that_it_is_gone() {
        let suspected = Sight { me: A, live: &[A, B, C], suspects: &[C] };
        let trusted = Sight { me: A, live: &[A, B, C], suspects: &[] };
        let mut votes = votes();
        votes.tick(at(0), &suspected);
        // It may stand or not.
        assert_eq!(votes.counted(at(0), C, None, &suspected), None);
        assert_eq!(votes.tick(at(500), &trusted), [Step::Withdraw(C)]);
        assert_eq!(votes.counted(at(500), C, None, &trusted), None);
        assert!(votes.tick(at(600), &trusted).is_empty(), "not at every tick");
        assert_eq!(votes.tick(at(1_000), &trusted), [Step::Withdraw(C)]);
        assert_eq!(votes.counted(at(1_000), C, Some(&[]), &trusted), None);
        assert!(votes.tick(at(2_000), &trusted).is_empty());
    }

    #[test]
    fn what_the_tables_did_not_say_is_asked_again() {
        let sight = Sight { me: A, live: &[A, B], suspects: &[B] };
        let mut votes = votes();
        votes.tick(at(0), &sight);
        assert_eq!(votes.counted(at(0), B, None, &sight), None);
        assert_eq!(votes.tick(at(500), &sight), [Step::Vote(B)]);
        assert_eq!(votes.counted(at(500), B, Some(&[A]), &sight), Some(Step::Fence(B)));
        votes.fenced(B, false);
        assert_eq!(votes.tick(at(1_000), &sight), [Step::Vote(B)]);
    }
}
