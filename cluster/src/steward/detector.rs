//! Which peers seem dead. Pure: it is told what was heard and what time it is.
//!
//! Every node pings every other a few times a second over the node link, and an answer counts as much as a ping that comes
//! in. A peer is suspect when nothing was heard of it for [`Times::suspect_after`] *and* the last two direct pings failed;
//! or when it says itself that it cannot reach the store while this node can. Suspicion is an opinion: it leads to a vote,
//! and only the tables decide.
//!
//! One that is heard and does not answer for as long is *unreached*: its pings come in, nothing gets to it, so nobody but its own
//! clients can speak with its chats. Who of the two is at fault depends on how others fare, which the steward weighs.
//!
//! A node that was itself stopped for a while has heard nobody, which says nothing of the others: a late tick starts all
//! waiting anew.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::Incarnation;

/// Failed pings in a row without which nobody is suspect.
const FAILED_PINGS: u32 = 2;

/// How patient a node is with others and with the tables.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Between two pings to a peer.
    pub ping_every: Duration,
    /// How long a peer may take to answer one. Two that fail fit into the time until it is suspect.
    pub ping_within: Duration,
    /// Silence after which a peer whose pings fail is suspect.
    pub suspect_after: Duration,
    /// Between two readings of the tables without a reason. None where nobody else can change them.
    pub read_every: Option<Duration>,
    /// How long shares must be unequal before shards are moved to even them out.
    pub rebalance_after: Duration,
}

impl Times {
    /// All from the one that matters: how long a silent peer is left alone.
    pub fn of_suspicion(suspect_after: Duration) -> Self {
        Self {
            ping_every: suspect_after / 6,
            ping_within: suspect_after / 3,
            suspect_after,
            read_every: Some(suspect_after / 2),
            rebalance_after: Duration::from_secs(60),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::of_suspicion(Duration::from_secs(3))
    }
}

/// What a node says of itself with every ping and every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// It gives its shards away and wants no others.
    pub draining: bool,
    /// It could not confirm its own row for a while.
    pub impaired: bool,
}

/// What is known of the peers' lives.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    times: Times,
    peers: BTreeMap<Incarnation, Watched>,
    last_tick: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    heard: Moment,
    failed: u32,
    /// When it last answered a ping, and how many it did not answer since.
    answered: Moment,
    unanswered: u32,
    next_ping: Moment,
    pinging: bool,
    beat: Beat,
    impaired_since: Option<Moment>,
    /// It gave a sign of life since it is watched; until then it has the benefit of the doubt.
    met: bool,
}

impl Detector {
    pub(super) fn new(times: Times, now: Moment) -> Self {
        Self { times, peers: BTreeMap::new(), last_tick: now }
    }

    /// Whom to watch: newcomers get the benefit of the doubt, who is gone is forgotten.
    pub(super) fn watch(&mut self, now: Moment, live: &[Incarnation]) {
        self.peers.retain(|peer, _| live.contains(peer));
        for peer in live {
            self.peers.entry(*peer).or_insert(Watched {
                heard: now,
                failed: 0,
                answered: now,
                unanswered: 0,
                next_ping: now,
                pinging: false,
                beat: Beat::default(),
                impaired_since: None,
                met: false,
            });
        }
    }

    /// Whom to ping now.
    pub(super) fn tick(&mut self, now: Moment) -> Vec<Incarnation> {
        let paused = now.since(self.last_tick) >= self.times.suspect_after / 2;
        self.last_tick = now;
        let mut pings = Vec::new();
        for (peer, watched) in &mut self.peers {
            if paused {
                (watched.heard, watched.failed, watched.impaired_since) = (now, 0, None);
                (watched.answered, watched.unanswered) = (now, 0);
            }
            if !watched.pinging && now >= watched.next_ping {
                watched.pinging = true;
                watched.next_ping = now.plus(self.times.ping_every);
                pings.push(*peer);
            }
        }
        pings
    }

    /// A peer gave a sign of life.
    pub(super) fn heard(&mut self, now: Moment, peer: Incarnation, beat: Beat) {
        if let Some(watched) = self.peers.get_mut(&peer) {
            watched.heard = now;
            watched.met = true;
            watched.failed = 0;
            watched.beat = beat;
            watched.impaired_since = match (beat.impaired, watched.impaired_since) {
                (true, since) => since.or(Some(now)),
                (false, _) => None,
            };
        }
    }

    /// What became of a ping; with what the peer said if it answered.
    pub(super) fn pinged(&mut self, now: Moment, peer: Incarnation, answer: Option<Beat>) {
        if let Some(watched) = self.peers.get_mut(&peer) {
            watched.pinging = false;
            match answer {
                Some(beat) => {
                    (watched.answered, watched.unanswered) = (now, 0);
                    self.heard(now, peer, beat);
                }
                None => {
                    watched.failed = watched.failed.saturating_add(1);
                    watched.unanswered = watched.unanswered.saturating_add(1);
                }
            }
        }
    }

    /// Whether a peer seems dead, or of no use.
    pub(super) fn is_suspect(&self, now: Moment, peer: Incarnation) -> bool {
        self.peers.get(&peer).is_some_and(|watched| {
            let silent = now.since(watched.heard) >= self.times.suspect_after;
            let impaired =
                watched.impaired_since.is_some_and(|since| now.since(since) >= self.times.suspect_after / 2);
            (silent && watched.failed >= FAILED_PINGS) || impaired
        })
    }

    /// Whether a peer does not answer, be it heard or not.
    pub(super) fn is_unreached(&self, now: Moment, peer: Incarnation) -> bool {
        self.peers.get(&peer).is_some_and(|watched| {
            watched.unanswered >= FAILED_PINGS && now.since(watched.answered) >= self.times.suspect_after
        })
    }

    /// Whether a peer was heard and does not seem dead: work may be expected of it.
    pub(super) fn is_awake(&self, now: Moment, peer: Incarnation) -> bool {
        self.peers.get(&peer).is_some_and(|watched| watched.met) && !self.is_suspect(now, peer)
    }

    /// Whether a peer wants no shards.
    pub(super) fn is_draining(&self, peer: Incarnation) -> bool {
        self.peers.get(&peer).is_some_and(|watched| watched.beat.draining)
    }

    /// Time since a peer was heard.
    pub(super) fn silence(&self, now: Moment, peer: Incarnation) -> Duration {
        self.peers.get(&peer).map_or(Duration::ZERO, |watched| now.since(watched.heard))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PEER: Incarnation = Incarnation(Uuid::from_u128(7));

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    /// A detector that watches one peer since moment 0, and was ticked every 100 ms up to `ms`; pings fail.
    fn silent_until(ms: u64) -> Detector {
        let mut detector = Detector::new(Times::default(), at(0));
        detector.watch(at(0), &[PEER]);
        for now in (0..=ms).step_by(100) {
            for peer in detector.tick(at(now)) {
                detector.pinged(at(now), peer, None);
            }
        }
        detector
    }

    #[test]
    fn a_silent_peer_is_suspect_after_a_while() {
        assert!(!silent_until(2_900).is_suspect(at(2_900), PEER));
        assert!(silent_until(3_000).is_suspect(at(3_000), PEER));
    }

    #[test]
    fn a_peer_is_awake_from_its_first_sign_of_life_until_it_seems_dead() {
        let mut detector = silent_until(1_000);
        assert!(!detector.is_awake(at(1_000), PEER), "nobody has heard it yet");
        detector.heard(at(1_000), PEER, Beat::default());
        assert!(detector.is_awake(at(3_900), PEER));
        for now in (1_100..=4_000).step_by(100) {
            for peer in detector.tick(at(now)) {
                detector.pinged(at(now), peer, None);
            }
        }
        assert!(!detector.is_awake(at(4_000), PEER));
    }

    #[test]
    fn silence_alone_is_no_reason_while_pings_have_not_failed() {
        let mut detector = Detector::new(Times::default(), at(0));
        detector.watch(at(0), &[PEER]);
        for now in (0..=9_000).step_by(100) {
            detector.tick(at(now));
        }
        assert!(!detector.is_suspect(at(9_000), PEER), "the one ping is still out");
    }

    #[test]
    fn a_sign_of_life_clears_the_suspicion() {
        let mut detector = silent_until(4_000);
        detector.heard(at(4_000), PEER, Beat::default());
        assert!(!detector.is_suspect(at(4_000), PEER));
        detector.pinged(at(4_100), PEER, None);
        assert!(!detector.is_suspect(at(4_100), PEER));
    }

    #[test]
    fn who_is_heard_and_does_not_answer_is_unreached_after_a_while() {
        let mut detector = Detector::new(Times::default(), at(0));
        detector.watch(at(0), &[PEER]);
        let mut tick = |now: u64, answer: Option<Beat>| {
            for peer in detector.tick(at(now)) {
                detector.pinged(at(now), peer, answer);
            }
            detector.heard(at(now), PEER, Beat::default());
            assert!(!detector.is_suspect(at(now), PEER), "it is heard");
            detector.is_unreached(at(now), PEER)
        };
        assert!((0..3_000).step_by(100).all(|now| !tick(now, None)));
        assert!(tick(3_000, None));
        assert!(!tick(3_500, Some(Beat::default())), "it answered");
        assert!((3_600..6_500).step_by(100).all(|now| !tick(now, None)));
        assert!(tick(6_500, None));
        // This node itself was stopped meanwhile.
        assert!(!tick(60_000, None));
    }

    #[test]
    fn who_was_stopped_itself_accuses_nobody() {
        let mut detector = silent_until(1_000);
        detector.tick(at(60_000));
        detector.pinged(at(60_000), PEER, None);
        detector.pinged(at(60_001), PEER, None);
        assert!(!detector.is_suspect(at(60_100), PEER));
    }

    #[test]
    fn who_cannot_reach_the_store_is_suspect_though_it_answers() {
        let mut detector = Detector::new(Times::default(), at(0));
        detector.watch(at(0), &[PEER]);
        let beat = Beat { impaired: true, draining: false };
        for now in (0..=2_000).step_by(100) {
            detector.tick(at(now));
            detector.heard(at(now), PEER, beat);
        }
        assert!(detector.is_suspect(at(2_000), PEER));
        detector.heard(at(2_100), PEER, Beat::default());
        assert!(!detector.is_suspect(at(2_100), PEER));
    }

    #[test]
    fn a_peer_is_pinged_once_at_a_time() {
        let mut detector = Detector::new(Times::default(), at(0));
        detector.watch(at(0), &[PEER]);
        assert_eq!(detector.tick(at(0)), [PEER]);
        assert!(detector.tick(at(1_000)).is_empty());
        detector.pinged(at(1_100), PEER, Some(Beat::default()));
        assert_eq!(detector.tick(at(1_200)), [PEER]);
    }
}
