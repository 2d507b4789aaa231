//! What waits to be written to one socket; bounded in bytes, and in time once many frames wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use parking_lot::Mutex;

/// Bounds of an outbox (`rtm.outbound_queue`).
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// More bytes than this are never held.
    pub bytes: usize,
    /// With this many frames waiting the outbox is full.
    pub frames: usize,
    /// A reader who leaves it full for this long is cut.
    pub full_for: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, frames: 256, full_for: Duration::from_secs(5) }
    }
}

/// The frames that wait for one socket.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<ByteString>,
    bytes: usize,
    full_since: Option<Instant>,
    closed: bool,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Taken; the session must be woken to write it.
    Wake,
    /// Taken; the session knows that there is something to write.
    Taken,
    /// Not taken: the reader is too slow and is to be cut.
    Overflow,
    /// Not taken: the session is over.
    Closed,
}

impl Outbox {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { limits, inner: Mutex::default() }
    }

    /// Puts a frame at the end. Never waits.
    pub fn offer(&self, frame: ByteString, now: Instant) -> Offered {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Offered::Closed;
        }
        if inner.bytes + frame.len() > self.limits.bytes || self.is_stuck(&inner, now) {
            *inner = Inner { closed: true, ..Inner::default() };
            return Offered::Overflow;
        }
        inner.bytes += frame.len();
        inner.frames.push_back(frame);
        if inner.frames.len() >= self.limits.frames && inner.full_since.is_none() {
            inner.full_since = Some(now);
        }
        if inner.frames.len() == 1 { Offered::Wake } else { Offered::Taken }
    }

    /// Takes all that waits.
    pub fn drain(&self) -> VecDeque<ByteString> {
        let mut inner = self.inner.lock();
        inner.bytes = 0;
        inner.full_since = None;
        std::mem::take(&mut inner.frames)
    }

    /// True if the reader left it full for too long: it is to be cut, and nothing is held for it any more.
    pub fn close_if_stuck(&self, now: Instant) -> bool {
        let mut inner = self.inner.lock();
        let stuck = !inner.closed && self.is_stuck(&inner, now);
        if stuck {
            *inner = Inner { closed: true, ..Inner::default() };
        }
        stuck
    }

    /// Takes nothing more.
    pub fn close(&self) {
        *self.inner.lock() = Inner { closed: true, ..Inner::default() };
    }

    fn is_stuck(&self, inner: &Inner, now: Instant) -> bool {
        inner.full_since.is_some_and(|since| now.duration_since(since) > self.limits.full_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(OutboxLimits { bytes: 10, frames: 3, full_for: Duration::from_secs(5) })
    }

    #[test]
    fn only_the_first_of_many_frames_wakes_the_session() {
        let (outbox, now) = (outbox(), Instant::now());
        assert_eq!(outbox.offer("a".into(), now), Offered::Wake);
        assert_eq!(outbox.offer("b".into(), now), Offered::Taken);
        assert_eq!(outbox.drain(), ["a", "b"]);
        assert_eq!(outbox.offer("c".into(), now), Offered::Wake);
    }

    #[test]
    fn more_bytes_than_the_limit_are_never_held() {
        let (outbox, now) = (outbox(), Instant::now());
        assert_eq!(outbox.offer("123456".into(), now), Offered::Wake);
        assert_eq!(outbox.offer("12345".into(), now), Offered::Overflow);
        assert_eq!(outbox.offer("1".into(), now), Offered::Closed);
        assert!(outbox.drain().is_empty());
    }

    #[test]
    fn many_frames_are_fine_as_long_as_somebody_reads() {
        let (outbox, mut now) = (outbox(), Instant::now());
        for _ in 0..10 {
            for frame in ["a", "b", "c", "d"] {
                assert!(matches!(outbox.offer(frame.into(), now), Offered::Wake | Offered::Taken));
            }
            now += Duration::from_secs(4);
            assert_eq!(outbox.drain().len(), 4);
        }
    }

    #[test]
    fn a_reader_who_leaves_it_full_is_cut_after_a_while() {
        let (outbox, now) = (outbox(), Instant::now());
        for frame in ["a", "b", "c"] {
            outbox.offer(frame.into(), now);
        }
        assert!(!outbox.close_if_stuck(now + Duration::from_secs(5)));
        assert!(outbox.close_if_stuck(now + Duration::from_secs(6)));
        assert_eq!(outbox.offer("d".into(), now), Offered::Closed);
    }
}
