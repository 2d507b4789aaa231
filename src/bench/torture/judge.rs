//! Compares what senders were told and what connections were told with what the public API shows in the end.

use std::collections::HashMap;

use super::pair::{SIDES, Stream};
use crate::bench::audit::{Acked, Evidence, Findings, examine};
use crate::bench::wire::Seen;

/// Judges one chat. Each side says a message only once its one before was acknowledged, so those of a side have one order.
///
/// A stream has to be a part of the log without a gap: from the first message that it was told of to the last before
/// the connection ended, or to the end of the log if it is still open.
pub(super) fn judge(acknowledged: Vec<Acked>, streams: &[Stream], stored: Vec<Seen>) -> Findings {
    let places: HashMap<u64, usize> =
        stored.iter().enumerate().map(|(place, seen)| (seen.id, place)).collect();
    let evidence = Evidence { acknowledged, stored, senders: SIDES, ..Evidence::default() };
    let mut found = examine(&evidence);
    for stream in streams {
        judge_stream(stream, &places, &evidence.stored, &mut found);
    }
    found
}

fn judge_stream(stream: &Stream, places: &HashMap<u64, usize>, stored: &[Seen], found: &mut Findings) {
    found.pushed += stream.seen.len() as u64;
    let mut last: Option<usize> = None;
    for seen in &stream.seen {
        let Some(place) = places.get(&seen.id).copied() else {
            found.made_up += 1;
            continue;
        };
        // One id never stands for two contents.
        found.made_up += u64::from(stored[place].number != seen.number);
        match last {
            Some(last) if place == last => found.doubled += 1,
            Some(last) if place < last => found.out_of_order += 1,
            Some(last) => found.not_pushed += (place - last - 1) as u64,
            None => {}
        }
        last = last.max(Some(place));
    }
    if let (Some(last), false) = (last, stream.is_over) {
        found.not_pushed += (stored.len() - 1 - last) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn seen(number: u32) -> Seen {
        Seen { number: Some(number), id: 100 + u64::from(number) }
    }

    fn stream(numbers: &[u32], is_over: bool) -> Stream {
        Stream { since: Instant::now(), seen: numbers.iter().copied().map(seen).collect(), is_over }
    }

    fn found(stored: &[u32], streams: &[Stream]) -> Findings {
        let acknowledged = (1..=4).map(|number| Acked { number, id: 100 + u64::from(number) }).collect();
        judge(acknowledged, streams, stored.iter().copied().map(seen).collect())
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
