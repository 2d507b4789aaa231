//! Compares what senders were told and what connections were told with what the public API shows in the end.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::pair::{SIDES, Stream};
use crate::bench::audit::{Acked, Evidence, Findings, examine};
use crate::bench::wire::Seen;

/// Messages that a connection was not told of, though it was told of what came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) chat: String,
    /// Whose connection it was: a place among the [`SIDES`], the agent's is the last.
    side: usize,
    messages: usize,
    /// Since the talk began: when its login began, when the last message before them came, and the first after them.
    login: Duration,
    before: Duration,
    after: Option<Duration>,
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chat, side, messages, login, before, after } = self;
        let who = if side + 1 == SIDES as usize { "agent" } else { "customer" };
        write!(
            f,
            "chat {chat}: {messages} were not pushed to the {who} who came at {login:.2?}, after {before:.2?}"
        )?;
        match after {
            Some(after) => write!(f, ", before {after:.2?}"),
            None => write!(f, ", to the end"),
        }
    }
}

/// Judges one chat. Each side says a message only once its one before was acknowledged, so those of a side have one order.
///
/// A stream has to be a part of the log without a gap: from the first message that it was told of to the last before
/// the connection ended, or to the end of the log if it is still open. What is missing is told as well, with its time since
/// the talk began.
pub(super) fn judge(
    (chat, begin): (&str, Instant),
    acknowledged: Vec<Acked>,
    streams: &[Stream],
    stored: Vec<Seen>,
) -> (Findings, Vec<Hole>) {
    let places: HashMap<u64, usize> =
        stored.iter().enumerate().map(|(place, seen)| (seen.id, place)).collect();
    let evidence = Evidence { acknowledged, stored, senders: SIDES, ..Evidence::default() };
    let mut found = examine(&evidence);
    let mut holes = Vec::new();
    for stream in streams {
        judge_stream(stream, &places, &evidence.stored, &mut found, |before, after, messages| {
            let since = |at: Instant| at.saturating_duration_since(begin);
            holes.push(Hole {
                chat: chat.to_owned(),
                side: stream.side,
                messages,
                login: since(stream.since),
                before: since(stream.at[before]),
                after: after.map(|after: usize| since(stream.at[after])),
            });
        });
    }
    (found, holes)
}

/// `hole` is told which of the messages that came is before it, which after it, and of how many it is.
fn judge_stream(
    stream: &Stream,
    places: &HashMap<u64, usize>,
    stored: &[Seen],
    found: &mut Findings,
    mut hole: impl FnMut(usize, Option<usize>, usize),
) {
    found.pushed += stream.seen.len() as u64;
    let mut last: Option<(usize, usize)> = None;
    let mut miss = |before, after, messages| {
        if messages > 0 {
            found.not_pushed += messages as u64;
            hole(before, after, messages);
        }
    };
    for (number, seen) in stream.seen.iter().enumerate() {
        let Some(place) = places.get(&seen.id).copied() else {
            found.made_up += 1;
            continue;
        };
        // One id never stands for two contents.
        found.made_up += u64::from(stored[place].number != seen.number);
        match last {
            Some((last, _)) if place == last => found.doubled += 1,
            Some((last, _)) if place < last => found.out_of_order += 1,
            Some((last, before)) => miss(before, Some(number), place - last - 1),
            None => {}
        }
        if last.is_none_or(|(last, _)| place > last) {
            last = Some((place, number));
        }
    }
    if let (Some((last, before)), false) = (last, stream.is_over) {
        miss(before, None, stored.len() - 1 - last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u32) -> Seen {
        Seen { number: Some(number), id: 100 + u64::from(number) }
    }

    fn stream(numbers: &[u32], is_over: bool) -> Stream {
        let (since, seen) = (Instant::now(), numbers.iter().copied().map(seen).collect());
        Stream { side: 1, since, seen, at: vec![since; numbers.len()], is_over }
    }

    fn found(stored: &[u32], streams: &[Stream]) -> Findings {
        let acknowledged = (1..=4).map(|number| Acked { number, id: 100 + u64::from(number) }).collect();
        let stored = stored.iter().copied().map(seen).collect();
        let (found, holes) = judge(("CHAT", Instant::now()), acknowledged, streams, stored);
        assert_eq!(holes.iter().map(|hole| hole.messages as u64).sum::<u64>(), found.not_pushed);
        found
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
        other.seen[0].number = Some(2);
        assert_eq!(found(&[1, 2, 3, 4], &[other]).made_up, 1);
    }
}
