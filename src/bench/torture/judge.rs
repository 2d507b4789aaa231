//! Compares what senders were told and what connections were told with what the public API shows in the end.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::log::{AGENT, Deeds, Heard, SIDES, Stream};
use super::outline::Outline;
use super::shown::Thread;
use super::threads::{self, Course, Faults};
use crate::bench::audit::{Acked, Evidence, Findings, examine};
use crate::bench::wire::Seen;

/// Messages that a connection was not told of, though it was told of what came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) chat: String,
    /// Whose connection it was: a place among the sides.
    side: usize,
    messages: usize,
    /// Since the talk began: when its login began, when the last message before them came, and the first after them.
    login: Duration,
    before: Duration,
    after: Option<Duration>,
    /// When it was told meanwhile that somebody was taken out of the chat: an agent who was is not told what is said.
    removals: Vec<Duration>,
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chat, side, messages, login, before, after, removals } = self;
        let who = if *side == AGENT { "agent" } else { "customer" };
        write!(
            f,
            "chat {chat}: {messages} were not pushed to the {who} who came at {login:.2?}, after {before:.2?}"
        )?;
        match after {
            Some(after) => write!(f, ", before {after:.2?}")?,
            None => write!(f, ", to the end")?,
        }
        match removals.first() {
            Some(at) => write!(f, "; somebody was taken out of the chat at {at:.2?}"),
            None => Ok(()),
        }
    }
}

/// What was found of a chat, or of all.
#[derive(Default)]
pub(super) struct Judgement {
    pub(super) findings: Findings,
    pub(super) course: Course,
    pub(super) holes: Vec<Hole>,
    /// Chats of whose log something is wrong.
    pub(super) troubled: Vec<Outline>,
}

/// Judges one chat. Each side says a message only once its one before was acknowledged, or given up for good, so those of a side
/// that were acknowledged have one order, through all threads.
///
/// A stream has to be a part of the log without a gap: from the first message that it was told of to the last before
/// the connection ended, or to the end of the log if it is still open. An agent is in a thread only from the moment on at
/// which they came into it, to its end. What is missing is told as well, with its time since the talk began.
pub(super) fn judge(
    (chat, begin): (&str, Instant),
    acknowledged: Vec<Acked>,
    deeds: &[Deeds; SIDES as usize],
    streams: &[Stream],
    threads: &[Thread],
) -> Judgement {
    let mut course = threads::examine(threads, deeds, &acknowledged);
    let log: Vec<Stored> = threads
        .iter()
        .flat_map(|thread| thread.messages.iter().map(|seen| Stored { seen: *seen, thread: thread.id }))
        .collect();
    let places: HashMap<u64, usize> =
        log.iter().enumerate().map(|(place, stored)| (stored.seen.id, place)).collect();
    let stored = log.iter().map(|stored| stored.seen).collect();
    let mut findings = examine(&Evidence { acknowledged, stored, senders: SIDES, ..Evidence::default() });
    let mut troubled = Vec::new();
    if !findings.is_clean() || course.faults != Faults::default() {
        troubled.push(Outline::new(chat, threads));
    }
    let mut holes = Vec::new();
    for stream in streams {
        let mut found = Told { findings: &mut findings, misplaced: 0 };
        judge_stream(stream, &places, &log, &mut found, |before, after, messages| {
            let since = |at: Instant| at.saturating_duration_since(begin);
            let last = stream.heard[before].at;
            let next = after.map(|after: usize| stream.heard[after].at);
            let is_between = |at: &&Instant| **at >= last && next.is_none_or(|next| **at <= next);
            holes.push(Hole {
                chat: chat.to_owned(),
                side: stream.side,
                messages,
                login: since(stream.since),
                before: since(last),
                after: next.map(since),
                removals: stream.removals.iter().filter(is_between).copied().map(since).collect(),
            });
        });
        course.faults.misplaced += found.misplaced;
    }
    Judgement { findings, course, holes, troubled }
}

/// A message of the log.
struct Stored {
    seen: Seen,
    thread: u64,
}

struct Told<'a> {
    findings: &'a mut Findings,
    /// Messages that were told to be in another thread than the one that shows them.
    misplaced: u64,
}

/// How far a connection was told.
#[derive(Clone, Copy)]
struct Last {
    place: usize,
    /// Which of the messages that came it was.
    number: usize,
    /// Whether its side is in that thread for sure, and is to be told of the rest.
    is_in_it: bool,
}

/// `hole` is told which of the messages that came is before it, which after it, and of how many it is.
fn judge_stream(
    stream: &Stream,
    places: &HashMap<u64, usize>,
    log: &[Stored],
    told: &mut Told<'_>,
    mut hole: impl FnMut(usize, Option<usize>, usize),
) {
    told.findings.pushed += stream.heard.len() as u64;
    let mut last: Option<Last> = None;
    let mut miss = |findings: &mut Findings, before: Last, after, up_to: usize| {
        let missed = &log[before.place + 1..up_to];
        let thread = log[before.place].thread;
        let is_due = |stored: &&Stored| stream.side != AGENT || (before.is_in_it && stored.thread == thread);
        let messages = missed.iter().filter(is_due).count();
        if messages > 0 {
            findings.not_pushed += messages as u64;
            hole(before.number, after, messages);
        }
    };
    for (number, heard) in stream.heard.iter().enumerate() {
        let Heard { seen, thread, is_shown, .. } = *heard;
        let Some(place) = places.get(&seen.id).copied() else {
            told.findings.made_up += 1;
            continue;
        };
        // One id never stands for two contents.
        told.findings.made_up += u64::from(log[place].seen.number != seen.number);
        told.misplaced += u64::from(log[place].thread != thread);
        match last {
            // A chat is shown with what was told before.
            Some(last) if place <= last.place && is_shown => continue,
            Some(last) if place == last.place => told.findings.doubled += 1,
            Some(last) if place < last.place => told.findings.out_of_order += 1,
            Some(last) => miss(told.findings, last, Some(number), place),
            None => {}
        }
        if last.is_none_or(|last| place > last.place) {
            let was_in_it = last.is_some_and(|last| last.is_in_it && log[last.place].thread == thread);
            last = Some(Last { place, number, is_in_it: was_in_it || !is_shown });
        }
    }
    if let (Some(last), false) = (last, stream.is_over) {
        miss(told.findings, last, None, log.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u32) -> Seen {
        Seen { number: Some(number), id: 100 + u64::from(number) }
    }

    /// What came, each message with its thread.
    fn stream_of(side: usize, messages: &[(u32, u64)], is_over: bool) -> Stream {
        let since = Instant::now();
        let heard = |(number, thread): &(u32, u64)| Heard {
            seen: seen(*number),
            thread: *thread,
            is_shown: false,
            at: since,
        };
        Stream { heard: messages.iter().map(heard).collect(), is_over, ..Stream::new(side, since) }
    }

    fn stream(numbers: &[u32], is_over: bool) -> Stream {
        let messages: Vec<_> = numbers.iter().map(|number| (*number, 1)).collect();
        stream_of(0, &messages, is_over)
    }

    fn threads(all: &[&[u32]]) -> Vec<Thread> {
        let thread = |(place, messages): (usize, &&[u32])| Thread {
            name: format!("T{}", place + 1),
            id: place as u64 + 1,
            previous: (place > 0).then_some(place as u64),
            is_active: place + 1 == all.len(),
            messages: messages.iter().copied().map(seen).collect(),
            closed_by: if place + 1 == all.len() { [0, 0] } else { [1, 0] },
        };
        all.iter().enumerate().map(thread).collect()
    }

    fn judged(all: &[&[u32]], streams: &[Stream]) -> Judgement {
        let acknowledged = (1..=4).map(|number| Acked { number, id: 100 + u64::from(number) }).collect();
        let mut deeds: [Deeds; SIDES as usize] = Default::default();
        deeds[0].closings.acknowledged = all.len() as u64 - 1;
        let judgement = judge(("CHAT", Instant::now()), acknowledged, &deeds, streams, &threads(all));
        let missing: u64 = judgement.holes.iter().map(|hole| hole.messages as u64).sum();
        assert_eq!(missing, judgement.findings.not_pushed);
        judgement
    }

    fn found(stored: &[u32], streams: &[Stream]) -> Findings {
        judged(&[stored], streams).findings
    }

    #[test]
    fn a_connection_may_miss_what_came_before_it_and_after_it() {
        let streams = [stream(&[1, 2], true), stream(&[2, 3, 4], false), stream(&[], true)];
        assert!(found(&[1, 2, 3, 4], &streams).is_clean());
    }

    #[test]
    fn every_way_to_break_the_promise_is_found() {
        assert_eq!(found(&[1, 2, 4], &[]).lost, 1);
        assert_eq!(found(&[1, 2, 2, 3, 4], &[]).doubled, 1);
        assert_eq!(found(&[3, 2, 1, 4], &[]).out_of_order, 1);
        assert!(found(&[1, 2, 4, 3], &[]).is_clean(), "of two who talk at the same time either may be first");
        assert_eq!(found(&[1, 2, 3, 4], &[stream(&[1, 3], true)]).not_pushed, 1);
        assert_eq!(found(&[1, 2, 3, 4], &[stream(&[1, 2, 3], false)]).not_pushed, 1);
        assert_eq!(found(&[1, 2, 3, 4], &[stream(&[1, 2, 2], true)]).doubled, 1);
        assert_eq!(found(&[1, 2, 3, 4], &[stream(&[2, 1], true)]).out_of_order, 1);
        assert_eq!(found(&[1, 2, 3, 4], &[stream(&[4, 5], true)]).made_up, 1);
        let mut other = stream(&[1], true);
        other.heard[0].seen.number = Some(2);
        assert_eq!(found(&[1, 2, 3, 4], &[other]).made_up, 1);
    }

    #[test]
    fn what_is_lost_doubled_or_reordered_from_thread_to_thread_is_found() {
        assert!(judged(&[&[1, 2], &[3, 4]], &[]).findings.is_clean());
        assert_eq!(judged(&[&[1, 2], &[4]], &[]).findings.lost, 1);
        assert_eq!(judged(&[&[1, 2], &[2, 3, 4]], &[]).findings.doubled, 1);
        assert_eq!(judged(&[&[3, 2], &[1, 4]], &[]).findings.out_of_order, 1);
    }

    #[test]
    fn a_push_that_names_another_thread_is_found() {
        let right = stream_of(0, &[(2, 1), (3, 2)], true);
        assert_eq!(judged(&[&[1, 2], &[3, 4]], &[right]).course.faults.misplaced, 0);
        let wrong = stream_of(0, &[(2, 1), (3, 1)], true);
        assert_eq!(judged(&[&[1, 2], &[3, 4]], &[wrong]).course.faults.misplaced, 1);
    }

    #[test]
    fn a_customer_is_told_of_every_thread_and_an_agent_of_those_they_are_in() {
        let of = |side: usize, messages: &[(u32, u64)], is_over: bool| {
            judged(&[&[1, 2], &[3, 4]], &[stream_of(side, messages, is_over)]).findings.not_pushed
        };
        assert_eq!(
            (of(0, &[(1, 1), (2, 1), (4, 2)], true), of(AGENT, &[(1, 1), (2, 1), (4, 2)], true)),
            (1, 0)
        );
        assert_eq!((of(0, &[(1, 1), (4, 2)], true), of(AGENT, &[(1, 1), (4, 2)], true)), (2, 1));
        assert_eq!((of(0, &[(2, 1)], false), of(AGENT, &[(2, 1)], false)), (2, 0));
        assert_eq!((of(0, &[(2, 1), (3, 2)], false), of(AGENT, &[(2, 1), (3, 2)], false)), (1, 1));
    }

    #[test]
    fn a_chat_that_is_shown_may_repeat_and_does_not_take_anybody_in() {
        let of = |side: usize, shown: &[u32], messages: &[u32]| {
            let mut stream = stream(messages, true);
            stream.side = side;
            stream
                .heard
                .iter_mut()
                .for_each(|heard| heard.is_shown = shown.contains(&heard.seen.number.unwrap_or(0)));
            found(&[1, 2, 3, 4], &[stream])
        };
        assert!(of(0, &[1], &[1, 2, 3, 1]).is_clean());
        assert_eq!(of(0, &[], &[1, 2, 3, 1]).out_of_order, 1);
        assert_eq!(of(0, &[1], &[1, 3]).not_pushed, 1);
        assert!(of(AGENT, &[1], &[1, 3, 4]).is_clean(), "the agent came in after the second");
        assert_eq!(of(AGENT, &[1], &[1, 2, 4]).not_pushed, 1);
    }
}
