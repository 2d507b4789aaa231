//! What many ask for at once is looked up once for all of them.
//!
//! Nobody is given something older than the question: who asks is answered by a look that began after that. So a look that
//! is under way serves those who came before it, and all who come meanwhile share the next one. A login relies on it: what it
//! is told by pushes begins when it asks.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use tokio::sync::Mutex;

/// The looks that are under way, by what is looked up.
pub(super) struct Together<K, V> {
    lanes: DashMap<K, Arc<Lane<V>>>,
}

struct Lane<V> {
    /// Looks that began.
    begun: AtomicU64,
    /// The last look that ended, and what it saw; held by whoever looks.
    seen: Mutex<Option<(u64, V)>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Default for Together<K, V> {
    fn default() -> Self {
        Self { lanes: DashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Together<K, V> {
    /// What a look that begins from now on sees.
    pub(super) async fn see(&self, what: &K, look: impl AsyncFnOnce() -> V) -> V {
        let lane = self.lane(what);
        let begun = lane.begun.load(Ordering::SeqCst);
        let seen = {
            let mut last = lane.seen.lock().await;
            match &*last {
                Some((number, seen)) if *number > begun => seen.clone(),
                _ => {
                    let number = lane.begun.fetch_add(1, Ordering::SeqCst) + 1;
                    let seen = look().await;
                    *last = Some((number, seen.clone()));
                    seen
                }
            }
        };
        drop(lane);
        self.lanes.remove_if(what, |_, lane| Arc::strong_count(lane) == 1);
        seen
    }

    fn lane(&self, what: &K) -> Arc<Lane<V>> {
        if let Some(lane) = self.lanes.get(what) {
            return lane.clone();
        }
        let lane = || Arc::new(Lane { begun: AtomicU64::new(0), seen: Mutex::new(None) });
        self.lanes.entry(what.clone()).or_insert_with(lane).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_at_the_same_time_shares_a_look() {
        let (together, looks) = (Together::<u8, u64>::default(), AtomicU64::new(0));
        let look = async || {
            let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
            number
        };
        let first = join_all((0..100).map(|_| together.see(&1, look)));
        let later = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            join_all((0..100).map(|_| together.see(&1, look))).await
        };
        let (first, later) = tokio::join!(first, later);
        assert_eq!(first[0], 1);
        assert!(first[1..].iter().all(|seen| *seen <= 2), "{first:?}");
        assert!(later.iter().all(|seen| *seen == 2), "a look that was under way is too old: {later:?}");
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        together.see(&2, look).await;
        assert_eq!(looks.load(Ordering::SeqCst), 3, "something else");
        assert!(together.lanes.is_empty(), "what nobody asks for takes no room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_given_up_is_made_by_the_next() {
        let together = Together::<u8, u8>::default();
        let given_up = together.see(&1, async || {
            std::future::pending::<()>().await;
            1
        });
        assert!(tokio::time::timeout(Duration::from_millis(5), given_up).await.is_err());
        assert_eq!(together.see(&1, async || 2).await, 2);
        assert!(together.lanes.is_empty());
    }
}
