//! What a router has to learn before it may assign: every open chat of its license, on whatever node, and every agent who is
//! connected, also to nodes without chats.
//!
//! The new router asks the owner of each shard, and tells its own term with the question. An owner that answers refuses
//! from then on whatever a router of an earlier term decided, and it waits first until nothing of the kind is under way;
//! so what it answers is exact. An owner that gains a shard later reads the term of every router from the table of shards
//! after its claim, before it obeys a router in that shard. The new router's claim came before its questions: so either the
//! answer has what an earlier router did, or the owner refuses it.
//!
//! What decides is in `rule`, pure, and is played with mutants in `model`.

#[cfg(test)]
mod model;
mod rule;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Epoch, Incarnation, Shard};

use self::rule::Answered;
use super::Actors;
use super::forward::Owner;
use super::reports::Book;
use super::roll::RollCall;
use super::router::Report;
use crate::domain::id::LicenseId;

/// How long an owner may take: turns that store something are waited for.
const LIMIT: Duration = Duration::from_secs(5);
/// How long is waited for nodes without shards, without which the router can begin.
const OTHERS_WAIT: Duration = Duration::from_secs(1);
/// Before those are asked again who could not answer.
const PAUSE: Duration = Duration::from_millis(100);

/// A new router's question to a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RebuildCall {
    /// Whose router.
    pub license: LicenseId,
    /// Its term.
    pub term: Epoch,
}

/// What a node answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RebuildAnswer {
    /// The shards it answers for, with its terms.
    pub shards: Vec<(Shard, Epoch)>,
    /// The open chats in them.
    pub reports: Vec<Report>,
    /// The agents who have sessions on it.
    #[serde(default)]
    pub roll: RollCall,
    /// The largest term of a router of the license that this node obeyed before; 0 for none.
    #[serde(default)]
    pub earlier: u64,
}

/// All that a router has to know.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) reports: Vec<Report>,
    pub(super) rolls: Vec<(Incarnation, RollCall)>,
    /// The term of the router before this one, if a node has known it.
    pub(super) earlier: u64,
}

impl Actors {
    /// Asks until every shard has answered. None if the router is not ours any more.
    pub(super) async fn gather(self: &Arc<Self>, license: LicenseId, term: Epoch) -> Option<Known> {
        let call = RebuildCall { license, term };
        let mut answered = Answered::default();
        let mut known = Known::default();
        loop {
            if self.router_owner(license) != Owner::Here(term) {
                return None;
            }
            let missing = self.unanswered(&answered);
            if missing.is_none() {
                self.ask_the_others(&call, &mut known).await;
                return Some(known);
            }
            let mut is_complete = true;
            for node in missing.into_iter().flatten() {
                match self.ask_node(node, &call).await {
                    Some(answer) => {
                        answered.note(&answer.shards);
                        known.reports.extend(answer.reports);
                        known.rolls.push((node, answer.roll));
                        known.earlier = known.earlier.max(answer.earlier);
                    }
                    None => is_complete = false,
                }
            }
            if !is_complete || self.unanswered(&answered).is_some() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Agents may be connected to nodes that have no shards. One that does not answer in time says by itself who is there
    /// ([`super::roll`]).
    async fn ask_the_others(self: &Arc<Self>, call: &RebuildCall, known: &mut Known) {
        let answered: HashSet<Incarnation> = known.rolls.iter().map(|(node, _)| *node).collect();
        let peers = self.parts.ownership.peers().borrow().clone();
        let others = peers.iter().map(|peer| peer.incarnation).filter(|node| !answered.contains(node));
        let asked = others.map(async |node| {
            let answer = tokio::time::timeout(OTHERS_WAIT, self.ask_node(node, call)).await;
            Some((node, answer.ok().flatten()?))
        });
        for (node, answer) in join_all(asked).await.into_iter().flatten() {
            known.rolls.push((node, answer.roll));
            known.earlier = known.earlier.max(answer.earlier);
        }
    }

    /// The nodes that have shards for which nobody answered under their present term; none if there are no such shards.
    /// The set is empty while nobody is known to own the rest.
    fn unanswered(&self, answered: &Answered) -> Option<HashSet<Incarnation>> {
        let ownership = &self.parts.ownership;
        let mut nodes = HashSet::new();
        let mut is_any = false;
        for shard in ownership.shards().all() {
            if !answered.lacks(shard, ownership.known_owner(shard)) {
                continue;
            }
            is_any = true;
            match self.owner(shard) {
                Owner::Here(_) => drop(nodes.insert(ownership.incarnation())),
                Owner::There(node) => drop(nodes.insert(node)),
                Owner::Unknown => {}
            }
        }
        is_any.then_some(nodes)
    }

    async fn ask_node(self: &Arc<Self>, node: Incarnation, call: &RebuildCall) -> Option<RebuildAnswer> {
        if node == self.parts.ownership.incarnation() {
            let answer = tokio::time::timeout(LIMIT, self.serve_rebuild(call)).await;
            return answer.ok().flatten();
        }
        self.parts.elsewhere.rebuild(node, call, LIMIT).await.ok()
    }

    /// Answers a router that takes over. None if this node may not speak now.
    pub async fn serve_rebuild(self: &Arc<Self>, call: &RebuildCall) -> Option<RebuildAnswer> {
        let book = self.reports.of(call.license);
        let earlier = book.raise_floor(rule::number(call.term)).await;
        let owned = self.parts.ownership.owned();
        let shards = rule::answerable(owned, |shard, term| self.shards.is_recovered(shard, term));
        let wanted: HashSet<Shard> = shards.iter().map(|(shard, _)| *shard).collect();
        let reports = book.all(|shard| wanted.contains(&shard));
        self.parts.ownership.confirm().await.ok()?;
        let shards = rule::still_held(shards, |shard| self.parts.ownership.epoch(shard));
        Some(RebuildAnswer { shards, reports, roll: self.roll.call(call.license), earlier })
    }

    /// Whether a router of the license of this term was not superseded, as far as is known here.
    pub(super) fn router_counts(&self, license: LicenseId, book: &Book, term: u64) -> bool {
        let table = self.shards.floor(self.router_shard(license));
        rule::counts(term, rule::floor(book.floor(), table))
    }
}
