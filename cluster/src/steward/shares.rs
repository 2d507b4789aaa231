//! Which shards this run holds, takes and gives away. Pure.
//!
//! Three rules keep two nodes from ever answering for one shard:
//!
//! - A shard is claimed only from an owner that the tables showed dead ([`Picture::claims`]).
//! - A shard that is given away is let go in memory *before* the tables are asked to move it, and an epoch once let go is
//!   never taken up again, whatever a late reading of the tables says: if the move fails, the shard comes back under a new
//!   epoch only.
//! - A shard is taken up only because the tables show this run as its owner.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::dice::Dice;
use super::{CLAIMS_AT_ONCE, Effect, Order};
use crate::claims::{Picture, ShardTable};
use crate::placement::{self, Seat};
use crate::{Claim, ClaimOutcome, Epoch, Incarnation, Shard, ShardCount, ShardRow};

/// Shards on their way out at once while the node drains. About half of them are only announced yet. With more of them each chat's
/// pause is longer, and the drain hardly shorter.
const DRAIN_AT_ONCE: usize = 8;
/// Shards on their way out at once while shares are evened out.
const REBALANCE_AT_ONCE: usize = 2;
/// A node with less than this part of its due share is a reason to even out, in percent.
const FAIR_PERCENT: usize = 90;

/// The shards as this run sees them.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    me: Incarnation,
    count: ShardCount,
    table: ShardTable,
    held: BTreeMap<Shard, Epoch>,
    /// On their way out: the work is being ended, or the tables are asked to move them.
    leaving: BTreeMap<Shard, Leaving>,
    /// They leave when no other is left that has to.
    last: BTreeSet<Shard>,
    /// By shard, the last epoch that this run let go.
    let_go: Box<[Epoch]>,
    claims: VecDeque<Claim>,
    claiming: bool,
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    epoch: Epoch,
    to: Incarnation,
}

impl Shares {
    pub(super) fn new(me: Incarnation, count: ShardCount) -> Self {
        Self {
            me,
            count,
            table: ShardTable::new(count),
            held: BTreeMap::new(),
            leaving: BTreeMap::new(),
            last: BTreeSet::new(),
            let_go: count.all().map(|_| Epoch::default()).collect(),
            claims: VecDeque::new(),
            claiming: false,
        }
    }

    pub(super) fn table(&self) -> &ShardTable {
        &self.table
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// The shards on their way out, and to whom.
    pub(super) fn moves(&self) -> impl Iterator<Item = (Shard, Incarnation)> {
        self.leaving.iter().map(|(shard, leaving)| (*shard, leaving.to))
    }

    pub(super) fn is_claiming(&self) -> bool {
        self.claiming || !self.claims.is_empty()
    }

    /// What was read: takes up what is ours by it.
    pub(super) fn learn(&mut self, rows: &[(Shard, ShardRow)], effects: &mut Vec<Effect>) {
        for (shard, row) in rows {
            self.hear(*shard, *row, effects);
            if row.owner == self.me {
                self.take_up(*shard, row.epoch, effects);
            }
        }
    }

    /// What somebody says: guides forwarding. It is true, since only who saw it in the tables says it, but a shard is taken
    /// up by what this node reads itself.
    pub(super) fn hear(&mut self, shard: Shard, row: ShardRow, effects: &mut Vec<Effect>) {
        if !self.table.learn(shard, row) {
            return;
        }
        effects.push(Effect::Know(shard, row));
        let superseded = self.held.get(&shard).is_some_and(|epoch| *epoch < row.epoch);
        if superseded && row.owner != self.me && !self.leaving.contains_key(&shard) {
            self.let_go(shard, effects);
        }
    }

    /// The claims to make by what was just read: shards of the dead that placement over `seats` gives to us, and own ones
    /// that were let go and did not move.
    pub(super) fn plan(
        &mut self,
        picture: &Picture,
        seats: &[Seat],
        now_us: i64,
        dice: &mut Dice,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_claiming() {
            return;
        }
        let mut claims = picture.claims(self.me, self.count, seats, now_us);
        let stranded = picture.shards.iter().filter(|(shard, row)| {
            row.owner == self.me && !self.held.contains_key(shard) && !self.leaving.contains_key(shard)
        });
        claims.extend(stranded.map(|(shard, row)| Claim::of(*shard, Some(*row), self.me, now_us)));
        // Something newer is known of these already.
        claims.retain(|claim| self.table.row(claim.shard) == claim.expected);
        dice.shuffle(&mut claims);
        self.claims = claims.into();
        self.claim_on(effects);
    }

    /// What became of a lot of claims; none where the tables did not say.
    pub(super) fn claimed(
        &mut self,
        outcomes: Option<Vec<(Claim, ClaimOutcome)>>,
        effects: &mut Vec<Effect>,
    ) {
        self.claiming = false;
        let Some(outcomes) = outcomes else {
            // What became of them is seen at the next reading.
            self.claims.clear();
            effects.push(Effect::ReadTables);
            return;
        };
        let mut won = Vec::new();
        for (claim, outcome) in outcomes {
            match outcome {
                ClaimOutcome::Won => {
                    self.learn(&[(claim.shard, claim.wanted)], effects);
                    won.push((claim.shard, claim.wanted));
                }
                ClaimOutcome::Lost(Some(row)) => self.learn(&[(claim.shard, row)], effects),
                ClaimOutcome::Lost(None) => {}
            }
        }
        if !won.is_empty() {
            effects.push(Effect::Tell(won));
        }
        self.claim_on(effects);
    }

    /// These shards are given away after all others, until other ones are named.
    pub(super) fn leave_last(&mut self, shards: Vec<Shard>) {
        self.last = shards.into_iter().collect();
    }

    /// Gives shards to whom placement names: all when draining, else those that are misplaced.
    pub(super) fn give(&mut self, order: Order, seats: &[Seat], effects: &mut Vec<Effect>) {
        let at_once = match order {
            Order::Drain => DRAIN_AT_ONCE,
            Order::Rebalance => REBALANCE_AT_ONCE,
        };
        let free = at_once.saturating_sub(self.leaving.len());
        if free == 0 {
            return;
        }
        let goes_to = |shard| placement::owner_of(shard, seats).filter(|to| *to != self.me);
        let (last, first): (Vec<_>, Vec<_>) = self
            .held
            .iter()
            .filter(|(shard, _)| !self.leaving.contains_key(shard))
            .filter_map(|(shard, epoch)| Some((*shard, Leaving { epoch: *epoch, to: goes_to(*shard)? })))
            .partition(|(shard, _)| self.last.contains(shard));
        let others_left = first.is_empty() && self.leaving.keys().all(|shard| self.last.contains(shard));
        let next = if others_left { last } else { first };
        for (shard, leaving) in next.into_iter().take(free) {
            self.leaving.insert(shard, leaving);
            effects.push(Effect::Announce(shard, leaving.to));
        }
    }

    /// The next owner has prepared itself: the work for the shard ends.
    pub(super) fn announced(&mut self, shard: Shard, effects: &mut Vec<Effect>) {
        let Some(leaving) = self.leaving.get(&shard) else { return };
        if self.held.get(&shard) == Some(&leaving.epoch) {
            effects.push(Effect::Vacate(shard, leaving.epoch));
        } else {
            self.leaving.remove(&shard);
        }
    }

    /// The work for a shard has ended: let go, then move.
    pub(super) fn vacated(&mut self, shard: Shard, now_us: i64, effects: &mut Vec<Effect>) {
        let Some(leaving) = self.leaving.get(&shard).copied() else { return };
        if self.held.get(&shard) != Some(&leaving.epoch) {
            self.leaving.remove(&shard);
            return;
        }
        self.let_go(shard, effects);
        let expected = ShardRow { owner: self.me, epoch: leaving.epoch };
        effects.push(Effect::HandOver(Claim::of(shard, Some(expected), leaving.to, now_us)));
    }

    /// What became of a move; none where the tables did not say.
    pub(super) fn handed_over(
        &mut self,
        claim: &Claim,
        outcome: Option<ClaimOutcome>,
        effects: &mut Vec<Effect>,
    ) {
        self.leaving.remove(&claim.shard);
        match outcome {
            Some(ClaimOutcome::Won) => {
                self.hear(claim.shard, claim.wanted, effects);
                effects.push(Effect::Tell(vec![(claim.shard, claim.wanted)]));
            }
            Some(ClaimOutcome::Lost(Some(row))) => self.learn(&[(claim.shard, row)], effects),
            Some(ClaimOutcome::Lost(None)) | None => effects.push(Effect::ReadTables),
        }
    }

    /// Whether some node has clearly less than its due share.
    pub(super) fn is_uneven(&self, seats: &[Seat]) -> bool {
        let mut due: BTreeMap<Incarnation, (usize, usize)> =
            seats.iter().map(|seat| (seat.incarnation, (0, 0))).collect();
        for shard in self.count.all() {
            if let Some((due, _)) = placement::owner_of(shard, seats).and_then(|seat| due.get_mut(&seat)) {
                *due += 1;
            }
            if let Some((_, has)) = self.table.row(shard).and_then(|row| due.get_mut(&row.owner)) {
                *has += 1;
            }
        }
        due.values().any(|(due, has)| has * 100 < due * FAIR_PERCENT)
    }

    /// Whether this run holds shards that belong elsewhere.
    pub(super) fn has_misplaced(&self, seats: &[Seat]) -> bool {
        self.held.keys().any(|shard| placement::owner_of(*shard, seats).is_some_and(|to| to != self.me))
    }

    fn claim_on(&mut self, effects: &mut Vec<Effect>) {
        if self.claiming || self.claims.is_empty() {
            return;
        }
        let lot = self.claims.len().min(CLAIMS_AT_ONCE);
        self.claiming = true;
        effects.push(Effect::Claim(self.claims.drain(..lot).collect()));
    }

    /// The rest of the claims of this round is not made.
    pub(super) fn stop_claiming(&mut self) {
        self.claims.clear();
    }

    fn take_up(&mut self, shard: Shard, epoch: Epoch, effects: &mut Vec<Effect>) {
        let Some(let_go) = self.let_go.get(shard.0 as usize).copied() else { return };
        let newest = self.table.epoch_of(shard, self.me) == Some(epoch);
        let is_new = epoch > let_go && self.held.get(&shard).is_none_or(|held| *held < epoch);
        if newest && is_new && !self.leaving.contains_key(&shard) {
            self.held.insert(shard, epoch);
            effects.push(Effect::Take(shard, epoch));
        }
    }

    fn let_go(&mut self, shard: Shard, effects: &mut Vec<Effect>) {
        if let Some(epoch) = self.held.remove(&shard) {
            self.let_go[shard.0 as usize] = epoch;
            effects.push(Effect::Lose(shard, epoch));
        }
    }
}
