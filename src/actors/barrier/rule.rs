//! The rule of the barrier, pure: who still has to answer a new router, for what an owner may answer, and which routers
//! count.

use std::collections::HashMap;

use switchboard_cluster::{Epoch, Shard, ShardRow};

/// The shards that answered a new router, with the terms of the owners who did.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    terms: HashMap<Shard, Epoch>,
}

impl Answered {
    /// An owner answered for these.
    pub(super) fn note(&mut self, shards: &[(Shard, Epoch)]) {
        self.terms.extend(shards.iter().copied());
    }

    /// Whether the owner of a shard, as far as is known, has not answered under its present term.
    pub(super) fn lacks(&self, shard: Shard, row: Option<ShardRow>) -> bool {
        row.is_none_or(|row| self.terms.get(&shard) != Some(&row.epoch))
    }
}

/// Those of its shards for which an owner may answer: all of whose open chats it knows.
pub(super) fn answerable(
    held: Vec<(Shard, Epoch)>,
    is_recovered: impl Fn(Shard, Epoch) -> bool,
) -> Vec<(Shard, Epoch)> {
    held.into_iter().filter(|(shard, term)| is_recovered(*shard, *term)).collect()
}

/// Those of them that are still its own after it confirmed that it was not fenced. The others are another's to answer for.
pub(super) fn still_held(
    shards: Vec<(Shard, Epoch)>,
    present: impl Fn(Shard) -> Option<Epoch>,
) -> Vec<(Shard, Epoch)> {
    shards.into_iter().filter(|(shard, term)| present(*shard) == Some(*term)).collect()
}

/// The smallest term of a router that counts: that of the newest that asked, or that stood in the table when shards were
/// entered.
pub(super) fn floor(asked: u64, table: Epoch) -> u64 {
    asked.max(number(table))
}

/// Whether a router of this term was not superseded.
pub(super) fn counts(term: u64, floor: u64) -> bool {
    term >= floor
}

/// A router's term as decisions carry it.
pub(super) fn number(term: Epoch) -> u64 {
    u64::try_from(term.0).unwrap_or(0)
}
