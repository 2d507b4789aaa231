//! What waits to go to one node: pushes are gathered for a moment and leave as one frame of the ordered stream.
//!
//! A frame that the link does not take, or a stream that broke, is a loss. What is told after it is not sent: first the
//! heads of all chats go, by which the other side finds what it missed.
//!
//! What the node is [spared](super::whereabouts) is kept for each chat, and told before anything else of that chat, or
//! after a while: so the node knows how far each chat has been told, and of whom.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::message::{Spared, ToldRef, append, append_encoded};
use super::whereabouts::Named;
use crate::actors::delivery::Mark;
use crate::domain::id::{ChatId, LicenseId};

/// How long the first push of a frame waits for others.
pub(super) const GATHER: Duration = Duration::from_millis(1);
/// A frame of this size leaves at once.
const FULL: usize = 64 * 1024;
/// Chats of one message of what was spared.
const SPARED: usize = 500;

#[derive(Default)]
pub(super) struct Outgoing {
    state: Mutex<State>,
    /// There is something to send, or a loss to be mended.
    pub(super) wake: Notify,
}

struct State {
    frame: BytesMut,
    spared: HashMap<(LicenseId, ChatId), Spared>,
    /// Something was lost: nothing is sent until the heads have been.
    is_lost: bool,
}

impl Default for State {
    fn default() -> Self {
        // Nobody knows what went before: a stream begins with the heads.
        Self { frame: BytesMut::new(), spared: HashMap::new(), is_lost: true }
    }
}

impl State {
    /// Appends what was spared.
    fn append_spared(&mut self) {
        let mut of: HashMap<LicenseId, Vec<Spared>> = HashMap::new();
        for ((license, _), spared) in self.spared.drain() {
            of.entry(license).or_default().push(spared);
        }
        for (license, spared) in of {
            for spared in spared.chunks(SPARED) {
                append(&mut self.frame, &ToldRef::Spared { license, spared });
            }
        }
    }
}

impl Outgoing {
    /// Appends something encoded, which tells of a chat, or of none.
    pub(super) fn push(
        &self,
        chat: Option<(LicenseId, &ChatId)>,
        item: &[u8],
        send: impl FnOnce(Bytes) -> bool,
    ) {
        let mut state = self.state.lock();
        if state.is_lost {
            return;
        }
        let was_empty = state.frame.is_empty();
        if let Some((license, chat)) = chat
            && !state.spared.is_empty()
            && let Some(spared) = state.spared.remove(&(license, chat.clone()))
        {
            append(&mut state.frame, &ToldRef::Spared { license, spared: &[spared] });
        }
        append_encoded(&mut state.frame, item);
        self.sends_soon(&mut state, was_empty, send);
    }

    /// Keeps what the node is spared by a version of its users. Of what stands in no log there is nothing to keep.
    pub(super) fn spare(&self, license: LicenseId, mark: &Mark, named: &Named, version: u64) {
        let mut state = self.state.lock();
        if state.is_lost || mark.from == mark.to {
            return;
        }
        let fresh = || Spared { version, mark: mark.clone(), named: named.clone() };
        let of = state.spared.entry((license, mark.chat.clone()));
        of.and_modify(|spared| {
            (spared.mark.thread, spared.mark.to) = (mark.thread.clone(), mark.to);
            spared.named.add(named);
        })
        .or_insert_with(fresh);
    }

    /// Tells all that was spared.
    pub(super) fn tell_spared(&self) {
        self.state.lock().append_spared();
    }

    fn sends_soon(&self, state: &mut State, was_empty: bool, send: impl FnOnce(Bytes) -> bool) {
        if state.frame.len() >= FULL {
            self.send(state, send);
        } else if was_empty && !state.frame.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Sends what was gathered.
    pub(super) fn flush(&self, send: impl FnOnce(Bytes) -> bool) {
        let mut state = self.state.lock();
        if !state.frame.is_empty() && !state.is_lost {
            self.send(&mut state, send);
        }
    }

    fn send(&self, state: &mut State, send: impl FnOnce(Bytes) -> bool) {
        let frame = state.frame.split().freeze();
        if !send(frame) {
            state.is_lost = true;
            self.wake.notify_one();
        }
    }

    /// Changes what is told from now on, after all that was told before. Then come the frames that it makes: the heads of
    /// what is told anew.
    pub(super) fn begin(&self, change: impl FnOnce() -> Vec<Bytes>, mut send: impl FnMut(Bytes) -> bool) {
        let mut state = self.state.lock();
        state.append_spared();
        if !state.frame.is_empty() && !state.is_lost {
            self.send(&mut state, &mut send);
        }
        let frames = change();
        if !state.is_lost && !frames.into_iter().all(send) {
            state.is_lost = true;
            self.wake.notify_one();
        }
    }

    /// The stream broke, or begins anew.
    pub(super) fn lost(&self) {
        let mut state = self.state.lock();
        state.is_lost = true;
        state.frame.clear();
        state.spared.clear();
        self.wake.notify_one();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.lock().is_lost
    }

    /// Tells the heads, if there is a stream that takes a `first` frame: to gather them for a node that is dead costs those that live.
    /// If all of them were taken, pushes go on after them. What is told meanwhile waits for the end of this, and comes after.
    pub(super) fn mend(
        &self,
        first: Bytes,
        frames: impl FnOnce() -> Vec<Bytes>,
        mut send: impl FnMut(Bytes) -> bool,
    ) {
        let mut state = self.state.lock();
        state.frame.clear();
        state.spared.clear();
        state.is_lost = !(send(first) && frames().into_iter().all(send));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream takes first.
    const FIRST: Bytes = Bytes::from_static(b"first");

    #[test]
    fn after_a_loss_nothing_leaves_before_the_heads() {
        let outgoing = Outgoing::default();
        let sent = Mutex::new(Vec::new());
        let send = |frame: Bytes| {
            sent.lock().push(frame);
            true
        };
        outgoing.push(None, b"before the stream", send);
        outgoing.flush(send);
        assert!(sent.lock().is_empty() && outgoing.is_lost());
        outgoing.mend(FIRST, || vec![Bytes::from_static(b"heads")], send);
        outgoing.push(None, b"a", send);
        outgoing.push(None, b"b", send);
        outgoing.flush(send);
        assert_eq!(*sent.lock(), [&b"first"[..], b"heads", b"\0\0\0\x01a\0\0\0\x01b"]);
        outgoing.push(None, b"c", send);
        outgoing.flush(|_| false);
        outgoing.push(None, b"d", send);
        outgoing.flush(send);
        assert!(outgoing.is_lost() && sent.lock().len() == 3);
        let mut taken = 0;
        let one = |_| {
            taken += 1;
            taken == 1
        };
        outgoing.mend(FIRST, || vec![Bytes::from_static(b"heads")], one);
        assert!(outgoing.is_lost(), "heads that were not taken mend nothing");
        outgoing.mend(FIRST, || panic!("nobody takes them"), |_| false);
        assert!(outgoing.is_lost());
    }

    #[test]
    fn what_is_told_anew_begins_with_its_heads() {
        let outgoing = Outgoing::default();
        let sent = Mutex::new(Vec::new());
        let send = |frame: Bytes| {
            sent.lock().push(frame);
            true
        };
        outgoing.begin(|| vec![Bytes::from_static(b"early")], send);
        assert!(sent.lock().is_empty(), "the heads of all come first, and these are among them");
        outgoing.mend(FIRST, Vec::new, send);
        outgoing.push(None, b"a", send);
        outgoing.begin(|| vec![Bytes::from_static(b"heads")], send);
        outgoing.push(None, b"b", send);
        outgoing.flush(send);
        assert_eq!(*sent.lock(), [&b"first"[..], b"\0\0\0\x01a", b"heads", b"\0\0\0\x01b"]);
        outgoing.begin(|| vec![Bytes::from_static(b"heads")], |_| false);
        assert!(outgoing.is_lost(), "heads that were not taken are told again");
    }

    #[test]
    fn a_large_frame_leaves_by_itself() {
        let outgoing = Outgoing::default();
        outgoing.mend(FIRST, Vec::new, |_| true);
        let sent = Mutex::new(0);
        for _ in 0..70 {
            outgoing.push(None, &[b' '; 1024], |frame| {
                *sent.lock() += frame.len();
                true
            });
        }
        assert_eq!(*sent.lock(), 64 * 1028);
    }
}
