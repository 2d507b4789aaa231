//! What is known of the shard table, and which claims follow from it. Pure: no clock, no store.

use crate::{Claim, ClaimOutcome, Epoch, Incarnation, Shard, ShardCount, ShardRow, placement};

/// One node's picture of the shard table. It may be stale; a claim carries what the picture says, so a stale one
/// loses and learns the truth.
#[derive(Clone, Debug)]
pub struct ShardTable {
    rows: Vec<Option<ShardRow>>,
}

impl ShardTable {
    /// A picture made of what the table holds. Rows outside the layout are ignored.
    pub fn new(count: ShardCount, rows: impl IntoIterator<Item = (Shard, ShardRow)>) -> Self {
        let mut table = Self { rows: vec![None; count.get() as usize] };
        for (shard, row) in rows {
            table.learn(shard, Some(row));
        }
        table
    }

    /// The row of a shard, if it was ever claimed.
    pub fn row(&self, shard: Shard) -> Option<ShardRow> {
        self.rows.get(shard.0 as usize).copied().flatten()
    }

    /// The term under which `owner` holds the shard, if it does.
    pub fn epoch_of(&self, shard: Shard, owner: Incarnation) -> Option<Epoch> {
        self.row(shard).filter(|row| row.owner == owner).map(|row| row.epoch)
    }

    /// Whether `incarnation` owns any shard.
    pub fn holds_any(&self, incarnation: Incarnation) -> bool {
        self.rows.iter().flatten().any(|row| row.owner == incarnation)
    }

    /// Takes over what the table was seen to say.
    pub fn learn(&mut self, shard: Shard, row: Option<ShardRow>) {
        if let Some(known) = self.rows.get_mut(shard.0 as usize) {
            *known = row;
        }
    }

    /// Takes somebody's word for a row, if it is newer than what is known.
    pub fn hear(&mut self, shard: Shard, row: ShardRow) {
        if self.row(shard).is_none_or(|known| known.epoch < row.epoch) {
            self.learn(shard, Some(row));
        }
    }

    /// The claims that `me` should make: shards that placement over `live` gives to it and whose owner is not alive.
    ///
    /// `live` are the incarnations that a quorum read showed on record and not fenced. That the read came before the
    /// claim is what makes the claim allowed.
    pub fn plan(&self, me: Incarnation, live: &[Incarnation], now_us: i64) -> Vec<Claim> {
        self.rows
            .iter()
            .enumerate()
            .map(|(number, row)| (Shard(number as u32), *row))
            .filter(|(_, row)| row.is_none_or(|row| !live.contains(&row.owner)))
            .filter(|(shard, _)| placement::owner_of(*shard, live) == Some(me))
            .map(|(shard, expected)| Claim {
                shard,
                expected,
                wanted: ShardRow {
                    owner: me,
                    epoch: expected.map(|row| row.epoch).unwrap_or_default().next(now_us),
                },
            })
            .collect()
    }

    /// Notes what became of a claim.
    pub fn settle(&mut self, claim: &Claim, outcome: ClaimOutcome) {
        match outcome {
            ClaimOutcome::Won => self.learn(claim.shard, Some(claim.wanted)),
            ClaimOutcome::Lost(row) => self.learn(claim.shard, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ME: Incarnation = Incarnation(Uuid::from_u128(1));
    const OTHER: Incarnation = Incarnation(Uuid::from_u128(2));
    const DEAD: Incarnation = Incarnation(Uuid::from_u128(3));

    fn count() -> ShardCount {
        ShardCount::new(256).expect("a power of two")
    }

    fn owned_by(owner: Incarnation) -> ShardTable {
        ShardTable::new(count(), count().all().map(|shard| (shard, ShardRow { owner, epoch: Epoch(50) })))
    }

    #[test]
    fn a_single_member_claims_every_shard() {
        let claims = ShardTable::new(count(), []).plan(ME, &[ME], 7);
        assert_eq!(claims.len(), 256);
        assert!(claims.iter().all(|c| c.expected.is_none() && c.wanted.epoch == Epoch(7)));
    }

    #[test]
    fn shards_of_a_living_owner_are_left_alone() {
        assert!(owned_by(OTHER).plan(ME, &[ME, OTHER], 7).is_empty());
    }

    #[test]
    fn shards_of_a_dead_owner_are_shared_and_their_epochs_grow() {
        let table = owned_by(DEAD);
        let mine = table.plan(ME, &[ME, OTHER], 7);
        let theirs = table.plan(OTHER, &[ME, OTHER], 7);
        assert_eq!(mine.len() + theirs.len(), 256);
        assert!(
            mine.iter().all(|c| c.wanted.epoch == Epoch(51) && theirs.iter().all(|t| t.shard != c.shard))
        );
    }

    #[test]
    fn a_lost_claim_teaches_the_winner() {
        let mut table = owned_by(DEAD);
        let claim = table.plan(ME, &[ME], 100)[0];
        let winner = ShardRow { owner: OTHER, epoch: Epoch(90) };
        table.settle(&claim, ClaimOutcome::Lost(Some(winner)));
        assert_eq!(table.row(claim.shard), Some(winner));
        assert_eq!(table.epoch_of(claim.shard, ME), None);
    }
}
