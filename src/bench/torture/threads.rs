//! Whether the threads of a chat are what its sides made of it: one after the other, closed and opened as they were told.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::log::{Asked, Deeds, SIDES};
use super::shown::Thread;
use crate::bench::audit::Acked;

/// What was found of the threads of all chats, and of the messages that were said once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Messages that were said, whatever came of them.
    pub(super) said: u64,
    /// Threads that there are.
    pub(super) threads: u64,
    /// Those of them that are closed.
    pub(super) closed: u64,
    /// Closings, as their sides were answered.
    pub(super) closings: Asked,
    /// Openings by `resume_chat` that were acknowledged.
    pub(super) resumed: u64,
    /// Messages that were said once, as their sides were answered.
    pub(super) once: Asked,
    /// Those of them that are there though nothing was known of their fate.
    pub(super) once_found: u64,
    pub(super) faults: Faults,
}

/// What must not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Threads that do not follow the one before them, or come twice.
    pub(super) out_of_sequence: u64,
    /// Threads that are active though there is a later one, or though somebody closed them, closed though nobody did,
    /// or closed more than once.
    pub(super) wrong_state: u64,
    /// Closings that were acknowledged, and are nowhere.
    pub(super) closings_lost: u64,
    /// Closings that nobody can have asked for.
    pub(super) closings_made_up: u64,
    /// Threads that were acknowledged to be opened and are not there, or were opened twice.
    pub(super) openings_lost: u64,
    /// Messages that stand, or were told to stand, in another thread than was acknowledged or is shown.
    pub(super) misplaced: u64,
    /// Messages that are there though they were refused, or were never said.
    pub(super) unsaid: u64,
}

impl Faults {
    pub(super) fn all(&self) -> [(&'static str, u64); 7] {
        let Self {
            out_of_sequence,
            wrong_state,
            closings_lost,
            closings_made_up,
            openings_lost,
            misplaced,
            unsaid,
        } = *self;
        [
            ("threads out of sequence", out_of_sequence),
            ("threads in a wrong state", wrong_state),
            ("closings lost", closings_lost),
            ("closings made up", closings_made_up),
            ("openings lost", openings_lost),
            ("messages in a wrong thread", misplaced),
            ("messages that nobody said", unsaid),
        ]
    }

    fn add(&mut self, other: &Self) {
        self.out_of_sequence += other.out_of_sequence;
        self.wrong_state += other.wrong_state;
        self.closings_lost += other.closings_lost;
        self.closings_made_up += other.closings_made_up;
        self.openings_lost += other.openings_lost;
        self.misplaced += other.misplaced;
        self.unsaid += other.unsaid;
    }
}

impl Course {
    /// Adds what was found of more chats.
    pub(super) fn add(&mut self, other: &Self) {
        self.said += other.said;
        self.threads += other.threads;
        self.closed += other.closed;
        self.closings.add(other.closings);
        self.resumed += other.resumed;
        self.once.add(other.once);
        self.once_found += other.once_found;
        self.faults.add(&other.faults);
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, closed, closings, resumed, once, once_found, faults, .. } = self;
        writeln!(
            f,
            "threads {threads}, closed {closed}; closings acknowledged {}, refused {}, unknown {}; opened by \
             resume_chat {resumed}",
            closings.acknowledged, closings.refused, closings.unknown
        )?;
        writeln!(
            f,
            "said once {}: acknowledged {}, refused {}, unknown {}, of which {once_found} were found",
            once.acknowledged + once.refused + once.unknown,
            once.acknowledged,
            once.refused,
            once.unknown
        )?;
        let all = faults.all().map(|(what, count)| format!("{what} {count}"));
        writeln!(f, "{}", all.join(", "))
    }
}

/// Looks at the threads of one chat, oldest first. What was said in them is the audit's.
pub(super) fn examine(threads: &[Thread], deeds: &[Deeds; SIDES as usize], acknowledged: &[Acked]) -> Course {
    let mut course = Course {
        threads: threads.len() as u64,
        closed: threads.iter().filter(|thread| !thread.is_active).count() as u64,
        ..Course::default()
    };
    examine_sequence(threads, &mut course.faults);
    for (side, deeds) in deeds.iter().enumerate() {
        let found: u64 = threads.iter().map(|thread| thread.closed_by[side]).sum();
        let Asked { acknowledged, unknown, .. } = deeds.closings;
        course.faults.closings_lost += acknowledged.saturating_sub(found);
        course.faults.closings_made_up += found.saturating_sub(acknowledged + unknown);
        course.closings.add(deeds.closings);
        course.said += u64::from(deeds.last_number.saturating_sub(side as u32) / SIDES);
        course.resumed += deeds.openings.len() as u64;
        course.once.add(deeds.once);
    }
    examine_openings(threads, deeds, &mut course.faults);
    examine_said(threads, deeds, acknowledged, &mut course);
    course
}

fn examine_sequence(threads: &[Thread], faults: &mut Faults) {
    let mut ids = HashSet::new();
    let mut previous = None;
    for (place, thread) in threads.iter().enumerate() {
        let is_new = ids.insert(thread.id);
        faults.out_of_sequence += u64::from(!is_new || thread.previous != previous);
        previous = Some(thread.id);
        let is_last = place + 1 == threads.len();
        let closings: u64 = thread.closed_by.iter().sum();
        let is_right = if thread.is_active { is_last && closings == 0 } else { closings == 1 };
        faults.wrong_state += u64::from(!is_right);
    }
}

/// A thread that was opened begins with the message that was said by that, and was opened once.
fn examine_openings(threads: &[Thread], deeds: &[Deeds; SIDES as usize], faults: &mut Faults) {
    let by_id: HashMap<u64, &Thread> = threads.iter().map(|thread| (thread.id, thread)).collect();
    let mut opened = HashSet::new();
    for opening in deeds.iter().flat_map(|deeds| &deeds.openings) {
        let is_first = opened.insert(opening.thread);
        match by_id.get(&opening.thread) {
            Some(thread) if is_first => {
                let begins = thread.messages.first().is_some_and(|message| message.id == opening.event);
                faults.misplaced += u64::from(!begins);
            }
            _ => faults.openings_lost += 1,
        }
    }
}

fn examine_said(
    threads: &[Thread],
    deeds: &[Deeds; SIDES as usize],
    acknowledged: &[Acked],
    course: &mut Course,
) {
    let acknowledged: HashSet<u32> = acknowledged.iter().map(|acked| acked.number).collect();
    let refused: HashSet<u32> = deeds.iter().flat_map(|deeds| deeds.refused.iter().copied()).collect();
    let unknown: HashSet<u32> = deeds.iter().flat_map(|deeds| deeds.unknown.iter().copied()).collect();
    let messages = threads.iter().flat_map(|thread| &thread.messages);
    let found: HashSet<Option<u32>> = messages.map(|message| message.number).collect();
    for number in found {
        let is_said = number.is_some_and(|number| {
            let last = deeds[(number % SIDES) as usize].last_number;
            acknowledged.contains(&number) || (number <= last && !refused.contains(&number))
        });
        course.faults.unsaid += u64::from(!is_said);
        course.once_found += u64::from(number.is_some_and(|number| unknown.contains(&number)));
    }
}

impl Asked {
    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Opening;
    use super::*;
    use crate::bench::wire::Seen;

    fn message(number: u32) -> Seen {
        Seen { number: Some(number), id: 100 + u64::from(number) }
    }

    /// Three threads: the customer closed the first, the agent the second and opened the third, in which 6 was said once.
    fn chat() -> (Vec<Thread>, [Deeds; 2], Vec<Acked>) {
        let thread = |id: u64, messages: &[u32], closed_by: [u64; 2]| Thread {
            name: format!("T{id}"),
            id,
            previous: id.checked_sub(1).filter(|id| *id > 0),
            is_active: closed_by == [0, 0],
            messages: messages.iter().copied().map(message).collect(),
            closed_by,
        };
        let threads = vec![thread(1, &[2, 3], [1, 0]), thread(2, &[4], [0, 1]), thread(3, &[5, 6], [0, 0])];
        let closed = Asked { acknowledged: 1, ..Asked::default() };
        let once = Asked { unknown: 1, ..Asked::default() };
        let customer = Deeds { last_number: 6, closings: closed, once, unknown: vec![6], ..Deeds::default() };
        let openings = vec![Opening { thread: 3, event: 105 }];
        let agent = Deeds { last_number: 5, closings: closed, openings, ..Deeds::default() };
        let acknowledged = [2, 3, 4, 5].map(|number| Acked { number, id: 100 + u64::from(number) });
        (threads, [customer, agent], acknowledged.to_vec())
    }

    #[track_caller]
    fn faults(change: impl FnOnce(&mut Vec<Thread>, &mut [Deeds; 2])) -> Faults {
        let (mut threads, mut deeds, acknowledged) = chat();
        change(&mut threads, &mut deeds);
        examine(&threads, &deeds, &acknowledged).faults
    }

    #[test]
    fn what_is_as_it_was_told_has_no_fault_and_is_counted() {
        let (threads, deeds, acknowledged) = chat();
        let course = examine(&threads, &deeds, &acknowledged);
        assert_eq!(course.faults, Faults::default());
        assert_eq!(course.said, 5);
        assert_eq!((course.threads, course.closed, course.resumed, course.once_found), (3, 2, 1, 1));
        assert_eq!((course.closings.acknowledged, course.once.unknown), (2, 1));
        let mut both = course.clone();
        both.add(&course);
        assert_eq!((both.threads, both.closings.acknowledged, both.once.unknown), (6, 4, 2));
        // Of an unanswered message or closing either may be.
        assert_eq!(faults(|threads, _| threads[2].messages.truncate(1)), Faults::default());
        assert_eq!(faults(|_, deeds| deeds[0].closings.unknown = 1), Faults::default());
        let unanswered = Asked { unknown: 1, ..Asked::default() };
        assert_eq!(faults(|_, deeds| deeds[0].closings = unanswered), Faults::default());
    }

    #[test]
    fn threads_that_are_no_sequence_are_found() {
        assert_eq!(faults(|threads, _| threads[1].previous = None).out_of_sequence, 1);
        assert_eq!(faults(|threads, _| threads[0].previous = Some(9)).out_of_sequence, 1);
        assert_eq!(faults(|threads, _| threads.swap(0, 1)).out_of_sequence, 3);
        assert_eq!(
            faults(|threads, _| {
                let again = threads[1].clone();
                threads.insert(2, again);
            })
            .out_of_sequence,
            1
        );
    }

    #[test]
    fn a_second_active_thread_and_a_state_that_nobody_made_are_found() {
        let second = faults(|threads, _| {
            threads[1].is_active = true;
            threads[1].closed_by = [0, 0];
        });
        assert_eq!((second.wrong_state, second.closings_lost), (1, 1));
        assert_eq!(faults(|threads, _| threads[2].is_active = false).wrong_state, 1);
        assert_eq!(faults(|threads, _| threads[1].is_active = true).wrong_state, 1);
        let twice = faults(|threads, deeds| {
            threads[1].closed_by = [1, 1];
            deeds[0].closings.acknowledged = 2;
        });
        assert_eq!(twice, Faults { wrong_state: 1, ..Faults::default() });
    }

    #[test]
    fn closings_that_are_lost_or_made_up_are_found() {
        let more = Asked { acknowledged: 2, ..Asked::default() };
        let lost = Faults { closings_lost: 1, ..Faults::default() };
        assert_eq!(faults(|_, deeds| deeds[0].closings = more), lost);
        let made_up = Faults { closings_made_up: 1, ..Faults::default() };
        assert_eq!(faults(|_, deeds| deeds[1].closings = Asked { refused: 1, ..Asked::default() }), made_up);
    }

    #[test]
    fn openings_that_are_lost_or_hold_something_else_are_found() {
        let lost = Faults { openings_lost: 1, ..Faults::default() };
        assert_eq!(faults(|_, deeds| deeds[1].openings[0].thread = 4), lost);
        assert_eq!(faults(|_, deeds| deeds[0].openings.push(Opening { thread: 3, event: 105 })), lost);
        let misplaced = Faults { misplaced: 1, ..Faults::default() };
        assert_eq!(faults(|_, deeds| deeds[1].openings[0].event = 104), misplaced);
    }

    #[test]
    fn what_was_refused_or_never_said_must_not_be_there() {
        let unsaid = Faults { unsaid: 1, ..Faults::default() };
        assert_eq!(faults(|_, deeds| deeds[0].refused.push(6)), unsaid);
        assert_eq!(faults(|threads, _| threads[2].messages.push(message(8))), unsaid);
        let foreign = Seen { number: None, id: 1 };
        assert_eq!(faults(|threads, _| threads[2].messages.push(foreign)), unsaid);
    }
}
