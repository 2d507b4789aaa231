//! What is known of the shard table, and which claims follow from it. Pure: no clock, no store.

use crate::placement::{self, Seat};
use crate::{Claim, Epoch, Incarnation, Member, Shard, ShardCount, ShardRow};

/// What the tables said when they were read.
///
/// The shards must be read **before** the members. Whoever owned a shard then had joined before, so a living owner is
/// surely among the members; read the other way round, a node that joins and claims in between would look dead.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Every shard that was ever claimed.
    pub shards: Vec<(Shard, ShardRow)>,
    /// Every incarnation on record.
    pub members: Vec<Member>,
}

impl Picture {
    /// The incarnations that are not fenced.
    pub fn live(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.fenced)
    }

    /// Whether an incarnation is on record and not fenced.
    pub fn is_live(&self, incarnation: Incarnation) -> bool {
        self.live().any(|member| member.incarnation == incarnation)
    }

    /// The claims that `me` should make: shards that placement over `seats` gives to it and whose owner is dead.
    ///
    /// Nothing that is learnt later makes these claims wrong: who is dead stays dead, and a claim of a row that changed
    /// meanwhile is lost.
    pub fn claims(&self, me: Incarnation, count: ShardCount, seats: &[Seat], now_us: i64) -> Vec<Claim> {
        let mut rows = vec![None; count.get() as usize];
        for (shard, row) in &self.shards {
            if let Some(known) = rows.get_mut(shard.0 as usize) {
                *known = Some(*row);
            }
        }
        let live: Vec<Incarnation> = self.live().map(|member| member.incarnation).collect();
        count
            .all()
            .zip(rows)
            .filter(|(_, row)| row.is_none_or(|row| !live.contains(&row.owner)))
            .filter(|(shard, _)| placement::owner_of(*shard, seats) == Some(me))
            .map(|(shard, expected)| Claim::of(shard, expected, me, now_us))
            .collect()
    }
}

/// One node's knowledge of the shard table. It may be stale; a claim carries what was known, so a stale one loses and
/// learns the truth. A row never gives way to one with a smaller epoch.
#[derive(Clone, Debug)]
pub struct ShardTable {
    rows: Vec<Option<ShardRow>>,
}

impl ShardTable {
    /// Nothing is known yet.
    pub fn new(count: ShardCount) -> Self {
        Self { rows: vec![None; count.get() as usize] }
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

    /// Takes a row in if it is newer than what is known, and says whether it is.
    pub fn learn(&mut self, shard: Shard, row: ShardRow) -> bool {
        match self.rows.get_mut(shard.0 as usize) {
            Some(known) if known.is_none_or(|known| known.epoch < row.epoch) => {
                *known = Some(row);
                true
            }
            _ => false,
        }
    }

    /// Every shard with its row.
    pub fn rows(&self) -> impl Iterator<Item = (Shard, ShardRow)> {
        self.rows.iter().zip(0..).filter_map(|(row, number)| Some((Shard(number), (*row)?)))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::NodeName;

    const ME: Incarnation = Incarnation(Uuid::from_u128(1));
    const OTHER: Incarnation = Incarnation(Uuid::from_u128(2));
    const DEAD: Incarnation = Incarnation(Uuid::from_u128(3));

    fn count() -> ShardCount {
        ShardCount::new(256).expect("a power of two")
    }

    fn picture(owner: Option<Incarnation>) -> Picture {
        let member = |incarnation: Incarnation, fenced| Member {
            fenced,
            ..Member::new(incarnation, NodeName::new(incarnation.to_string()))
        };
        let row = |owner| ShardRow { owner, epoch: Epoch(50) };
        let shards = owner.map(|owner| count().all().map(|shard| (shard, row(owner))).collect());
        Picture {
            shards: shards.unwrap_or_default(),
            members: vec![member(ME, false), member(OTHER, false), member(DEAD, true)],
        }
    }

    fn seats(picture: &Picture) -> Vec<Seat> {
        picture.live().map(Seat::of).collect()
    }

    #[test]
    fn a_single_member_claims_every_shard() {
        let picture = picture(None);
        let seats = [seats(&picture)[0]];
        let claims = picture.claims(ME, count(), &seats, 7);
        assert_eq!(claims.len(), 256);
        assert!(claims.iter().all(|c| c.expected.is_none() && c.wanted.epoch == Epoch(7)));
    }

    #[test]
    fn shards_of_a_living_owner_are_left_alone() {
        let picture = picture(Some(OTHER));
        assert!(picture.claims(ME, count(), &seats(&picture), 7).is_empty());
    }

    #[test]
    fn shards_of_a_dead_owner_are_shared_and_their_epochs_grow() {
        let picture = picture(Some(DEAD));
        let mine = picture.claims(ME, count(), &seats(&picture), 7);
        let theirs = picture.claims(OTHER, count(), &seats(&picture), 7);
        assert_eq!(mine.len() + theirs.len(), 256);
        assert!(
            mine.iter().all(|c| c.wanted.epoch == Epoch(51) && theirs.iter().all(|t| t.shard != c.shard))
        );
    }

    #[test]
    fn an_owner_that_is_not_on_record_counts_as_dead() {
        let mut picture = picture(Some(DEAD));
        picture.members.retain(|member| member.incarnation != DEAD);
        assert!(!picture.claims(ME, count(), &seats(&picture), 7).is_empty());
    }

    #[test]
    fn a_row_never_gives_way_to_an_older_one() {
        let mut table = ShardTable::new(count());
        let row = |owner, epoch| ShardRow { owner, epoch: Epoch(epoch) };
        assert!(table.learn(Shard(3), row(OTHER, 9)));
        assert!(!table.learn(Shard(3), row(ME, 8)));
        assert_eq!(table.row(Shard(3)), Some(row(OTHER, 9)));
        assert_eq!(table.epoch_of(Shard(3), ME), None);
        assert!(!table.learn(Shard(999), row(ME, 1)), "no such shard");
    }
}
