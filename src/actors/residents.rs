//! The chats in memory, by shard: a shard that moves costs what its own chats cost, however many others there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Addr;
use parking_lot::Mutex;
use switchboard_cluster::{Epoch, Shard, ShardCount};

use super::ChatKey;
use super::chat::ChatActor;

/// A chat that is in memory. Shared, since a copy of an address is made of several pieces, and everybody who writes needs one.
pub(super) struct Resident {
    pub(super) address: Addr<ChatActor>,
    /// Messages on their way to it: while there are any it must not leave memory.
    pub(super) on_the_way: Arc<AtomicUsize>,
    /// The term of ours that it works under.
    pub(super) epoch: Epoch,
}

/// Those of one shard.
type Chats = Mutex<HashMap<ChatKey, Arc<Resident>>>;

/// All of them.
pub(super) struct Residents {
    shards: Box<[Chats]>,
}

impl Residents {
    pub(super) fn new(count: ShardCount) -> Self {
        Self { shards: count.all().map(|_| Mutex::default()).collect() }
    }

    fn of(&self, shard: Shard) -> &Chats {
        &self.shards[shard.0 as usize]
    }

    /// The chat's actor of this term, counted as written to; it is started where there is none. The second is one of an
    /// earlier term, which it took the place of.
    pub(super) fn find(
        &self,
        key: &ChatKey,
        (shard, epoch): (Shard, Epoch),
        start: impl Fn() -> Resident,
    ) -> (Arc<Resident>, Option<Arc<Resident>>) {
        let mut chats = self.of(shard).lock();
        let mut replaced = None;
        let resident = match chats.get_mut(key) {
            Some(resident) => {
                if resident.epoch < epoch {
                    replaced = Some(std::mem::replace(resident, Arc::new(start())));
                }
                resident.clone()
            }
            None => chats.entry(key.clone()).or_insert_with(|| Arc::new(start())).clone(),
        };
        resident.on_the_way.fetch_add(1, Ordering::SeqCst);
        (resident, replaced)
    }

    /// Forgets a chat, if nobody writes to its actor at this moment.
    pub(super) fn release(&self, key: &ChatKey, shard: Shard, address: &Addr<ChatActor>) -> bool {
        let mut chats = self.of(shard).lock();
        let is_idle = chats.get(key).is_some_and(|resident| {
            resident.address == *address && resident.on_the_way.load(Ordering::Acquire) == 0
        });
        if is_idle {
            chats.remove(key);
        }
        is_idle
    }

    /// Forgets a chat, if it still has this actor.
    pub(super) fn forget(&self, key: &ChatKey, shard: Shard, address: &Addr<ChatActor>) {
        let mut chats = self.of(shard).lock();
        if chats.get(key).is_some_and(|resident| resident.address == *address) {
            chats.remove(key);
        }
    }

    /// Whether something is on its way to a chat of the shard.
    pub(super) fn is_written_to(&self, shard: Shard) -> bool {
        self.of(shard).lock().values().any(|resident| resident.on_the_way.load(Ordering::SeqCst) > 0)
    }

    /// The chats of a shard, with their actors.
    pub(super) fn in_shard(&self, shard: Shard) -> Vec<(ChatKey, Addr<ChatActor>)> {
        let chats = self.of(shard).lock();
        chats.iter().map(|(key, resident)| (key.clone(), resident.address.clone())).collect()
    }

    /// Forgets the chats of a shard that work under a term of ours up to this one, and gives them back.
    pub(super) fn take(&self, shard: Shard, term: Epoch) -> Vec<Arc<Resident>> {
        let mut chats = self.of(shard).lock();
        chats.extract_if(|_, resident| resident.epoch <= term).map(|(_, resident)| resident).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|chats| chats.lock().len()).sum()
    }
}
