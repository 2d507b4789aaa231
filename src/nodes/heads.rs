//! How far each chat has been told on this node, for a while after it was.
//!
//! A chat has one entry, whether it is this node's or another's, if it was told anything lately. An entry is looked at and
//! changed under the lock of its stripe, and what is delivered by it is delivered under that lock: so a chat keeps its
//! order, whoever tells of it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::incoming::Healing;
use super::message::Head;
use crate::actors::delivery::Place;
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::time::Timestamp;

const STRIPES: usize = 64;
/// How long an entry is kept after the chat was last told.
pub(super) const KEPT: Duration = Duration::from_secs(15 * 60);
/// Entries of a stripe at most; more, and the oldest go early.
const MOST: usize = 8_192;

pub(super) struct Heads {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    /// Of what was told before this moment there may be no entry any more.
    horizon: AtomicI64,
}

pub(super) type Stripe = HashMap<(LicenseId, ChatId), Entry>;

/// How far a chat has been told here.
pub(super) struct Entry {
    pub(super) thread: ThreadId,
    pub(super) place: Place,
    /// When it was last told.
    pub(super) at: Timestamp,
    /// What came in between is being read; what comes waits.
    pub(super) healing: Option<Box<Healing>>,
}

impl Heads {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            horizon: AtomicI64::new(now.0),
        }
    }

    /// The entries among which the chat's is.
    pub(super) fn stripe(&self, license: LicenseId, chat: &ChatId) -> MutexGuard<'_, Stripe> {
        let hash = self.hasher.hash_one((license, chat.as_str()));
        self.stripes[(hash % STRIPES as u64) as usize].lock()
    }

    /// Whatever was told before this moment may have no entry.
    pub(super) fn horizon(&self) -> Timestamp {
        Timestamp(self.horizon.load(Ordering::Acquire))
    }

    /// From now on everything that is told has an entry.
    pub(super) fn begin(&self, now: Timestamp) {
        self.horizon.fetch_max(now.0, Ordering::AcqRel);
    }

    /// How far the chats of a license have been told, of those that have entries.
    pub(super) fn digest(&self, license: LicenseId) -> Vec<Head> {
        let mut heads = Vec::new();
        for stripe in &self.stripes {
            let stripe = stripe.lock();
            let own = stripe.iter().filter(|((of, _), _)| *of == license);
            heads.extend(own.map(|((_, chat), entry)| Head {
                chat: chat.clone(),
                thread: entry.thread.clone(),
                place: entry.place,
                last_at: entry.at,
            }));
        }
        heads
    }

    /// Forgets what was told long ago.
    pub(super) fn prune(&self, now: Timestamp) {
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            let mut since = Timestamp(now.0 - KEPT.as_micros() as i64);
            if stripe.len() > MOST {
                let mut times: Vec<Timestamp> = stripe.values().map(|entry| entry.at).collect();
                let middle = times.len() - MOST / 2;
                since = since.max(*times.select_nth_unstable(middle).1);
            }
            let before = stripe.len();
            stripe.retain(|_, entry| entry.at >= since || entry.healing.is_some());
            if stripe.len() < before {
                self.horizon.fetch_max(since.0, Ordering::AcqRel);
            }
        }
    }
}
