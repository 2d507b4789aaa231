//! What waits to be written to one socket; bounded in bytes, and in time once many frames wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use parking_lot::Mutex;
use smallvec::SmallVec;

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

/// The frames that wait for one socket. Its connection is woken for them, without a message to the session.
#[derive(Debug)]
#[repr(C)]
pub struct Outbox {
    /// The session is to write what waits.
    due: AtomicBool,
    inner: Mutex<Inner>,
    limits: OutboxLimits,
}

/// Frames in their order; a single one, which is what mostly waits, needs no memory of its own.
pub type Frames = SmallVec<[ByteString; 1]>;

#[derive(Debug, Default)]
struct Inner {
    frames: Frames,
    bytes: usize,
    full_since: Option<Instant>,
    connection: Option<Waker>,
    closed: bool,
}

impl Inner {
    /// Takes nothing more, and holds nothing.
    fn close(&mut self) {
        (self.frames, self.bytes, self.full_since) = (Frames::new(), 0, None);
        self.closed = true;
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Taken.
    Taken,
    /// Not taken: the reader is too slow and is to be cut.
    Overflow,
    /// Not taken: the session is over.
    Closed,
}

impl Outbox {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { due: AtomicBool::new(false), inner: Mutex::default(), limits }
    }

    /// Puts a frame at the end, and wakes the session if it is the only one: of more it knows. Never waits. The clock is read
    /// only when many frames wait.
    pub fn offer(&self, frame: ByteString, now: impl FnOnce() -> Instant) -> Offered {
        let mut inner = self.inner.lock();
        let offered = self.put(&mut inner, frame, now);
        if offered == Offered::Taken && inner.frames.len() == 1 {
            self.due.store(true, Ordering::Release);
            let connection = inner.connection.clone();
            drop(inner);
            connection.into_iter().for_each(Waker::wake);
        }
        offered
    }

    /// The same for a frame that the session will find without being woken.
    pub fn hold(&self, frame: ByteString, now: impl FnOnce() -> Instant) -> Offered {
        self.put(&mut self.inner.lock(), frame, now)
    }

    fn put(&self, inner: &mut Inner, frame: ByteString, now: impl FnOnce() -> Instant) -> Offered {
        if inner.closed {
            return Offered::Closed;
        }
        let now = (inner.frames.len() + 1 >= self.limits.frames).then(now);
        if inner.bytes + frame.len() > self.limits.bytes || now.is_some_and(|now| self.is_stuck(inner, now)) {
            inner.close();
            return Offered::Overflow;
        }
        inner.bytes += frame.len();
        inner.frames.push(frame);
        inner.full_since = inner.full_since.or(now);
        Offered::Taken
    }

    /// Has the session write what waits.
    pub fn wake(&self) {
        self.due.store(true, Ordering::Release);
        self.wake_connection();
    }

    /// Wakes the connection of the session, for whatever reason.
    pub fn wake_connection(&self) {
        let connection = self.inner.lock().connection.clone();
        connection.into_iter().for_each(Waker::wake);
    }

    /// Who is woken from now on. Whoever begins to be woken has to look at [`Self::is_due`] after that.
    pub fn wakes(&self, connection: Waker) {
        let earlier = self.inner.lock().connection.replace(connection);
        drop(earlier);
    }

    /// True if the session is to write what waits.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// The same, once.
    pub fn take_due(&self) -> bool {
        self.is_due() && self.due.swap(false, Ordering::AcqRel)
    }

    /// Takes all that waits.
    pub fn drain(&self) -> Frames {
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
            inner.close();
        }
        stuck
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.inner.lock().close();
    }

    fn is_stuck(&self, inner: &Inner, now: Instant) -> bool {
        inner.full_since.is_some_and(|since| now.duration_since(since) > self.limits.full_for)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(OutboxLimits { bytes: 10, frames: 3, full_for: Duration::from_secs(5) })
    }

    /// A session that counts how often it was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn of(outbox: &Outbox) -> Arc<Self> {
            let woken = Arc::new(Self::default());
            outbox.wakes(woken.clone().into());
            woken
        }

        fn times(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn only_the_first_of_many_frames_wakes_the_session() {
        let outbox = outbox();
        let woken = Woken::of(&outbox);
        assert_eq!(outbox.offer("a".into(), Instant::now), Offered::Taken);
        assert_eq!(outbox.offer("b".into(), Instant::now), Offered::Taken);
        assert_eq!((woken.times(), outbox.take_due(), outbox.take_due()), (1, true, false));
        assert_eq!(outbox.drain().as_slice(), ["a", "b"]);
        assert_eq!(outbox.offer("c".into(), Instant::now), Offered::Taken);
        assert_eq!((woken.times(), outbox.take_due()), (2, true));
    }

    #[test]
    fn what_is_held_wakes_nobody_until_the_session_is_woken() {
        let outbox = outbox();
        let woken = Woken::of(&outbox);
        assert_eq!(outbox.hold("a".into(), Instant::now), Offered::Taken);
        assert_eq!((woken.times(), outbox.take_due()), (0, false));
        outbox.wake();
        assert_eq!((woken.times(), outbox.take_due()), (1, true));
    }

    #[test]
    fn a_session_that_begins_to_listen_is_due_for_what_came_before() {
        let outbox = outbox();
        outbox.offer("a".into(), Instant::now);
        assert_eq!((Woken::of(&outbox).times(), outbox.take_due()), (0, true));
    }

    #[test]
    fn more_bytes_than_the_limit_are_never_held() {
        let outbox = outbox();
        assert_eq!(outbox.offer("123456".into(), Instant::now), Offered::Taken);
        assert_eq!(outbox.offer("12345".into(), Instant::now), Offered::Overflow);
        assert_eq!(outbox.offer("1".into(), Instant::now), Offered::Closed);
        assert!(outbox.drain().is_empty());
    }

    #[test]
    fn many_frames_are_fine_as_long_as_somebody_reads() {
        let (outbox, mut now) = (outbox(), Instant::now());
        for _ in 0..10 {
            for frame in ["a", "b", "c", "d"] {
                assert_eq!(outbox.offer(frame.into(), || now), Offered::Taken);
            }
            now += Duration::from_secs(4);
            assert_eq!(outbox.drain().len(), 4);
        }
    }

    #[test]
    fn a_reader_who_leaves_it_full_is_cut_after_a_while() {
        let (outbox, now) = (outbox(), Instant::now());
        for frame in ["a", "b", "c"] {
            outbox.offer(frame.into(), || now);
        }
        assert!(!outbox.close_if_stuck(now + Duration::from_secs(5)));
        assert!(outbox.close_if_stuck(now + Duration::from_secs(6)));
        assert_eq!(outbox.offer("d".into(), || now), Offered::Closed);
    }

    #[test]
    fn a_frame_for_a_reader_who_left_it_full_cuts_them() {
        let (outbox, now) = (outbox(), Instant::now());
        for frame in ["a", "b", "c"] {
            outbox.offer(frame.into(), || now);
        }
        assert_eq!(outbox.offer("d".into(), || now + Duration::from_secs(6)), Offered::Overflow);
    }
}
