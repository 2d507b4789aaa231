//! Which living node should own a shard: rendezvous hashing. Pure.
//!
//! Every node computes the same answer from the same members without asking anyone, and when a member goes only
//! its own shards move. The node's lasting name decides, not its present run: a node that is started again gets back the
//! shards that it had, and nobody else's move.

use xxhash_rust::xxh3::xxh3_64;

use crate::{Incarnation, Member, NodeName, Shard};

/// A member that may be given shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who would own them.
    pub incarnation: Incarnation,
    /// Its node's name, hashed.
    name: u64,
}

impl Seat {
    /// The seat of a run of a node.
    pub fn new(incarnation: Incarnation, node: &NodeName) -> Self {
        Self { incarnation, name: xxh3_64(node.as_str().as_bytes()) }
    }

    /// The seat of a member on record.
    pub fn of(member: &Member) -> Self {
        Self::new(member.incarnation, &member.node)
    }
}

/// The member that should own `shard`, or none where there are no members.
pub fn owner_of(shard: Shard, seats: &[Seat]) -> Option<Incarnation> {
    let best = seats.iter().max_by_key(|seat| (weight(shard, seat.name), seat.incarnation));
    best.map(|seat| seat.incarnation)
}

fn weight(shard: Shard, name: u64) -> u64 {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&name.to_le_bytes());
    bytes[8..].copy_from_slice(&shard.0.to_le_bytes());
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::ShardCount;

    fn seats(seed: u128, count: usize) -> Vec<Seat> {
        let seat = |n: u128| {
            let number = seed.wrapping_mul(31).wrapping_add(n);
            Seat::new(Incarnation(Uuid::from_u128(number)), &NodeName::new(format!("node-{number}")))
        };
        (0..count as u128).map(seat).collect()
    }

    #[test]
    fn nobody_owns_a_shard_of_an_empty_cluster() {
        assert_eq!(owner_of(Shard(3), &[]), None);
    }

    #[test]
    fn five_members_share_fairly() {
        let seats = seats(99, 5);
        let mut held: HashMap<Incarnation, u32> = HashMap::new();
        for shard in ShardCount::DEFAULT.all() {
            *held.entry(owner_of(shard, &seats).expect("a member")).or_default() += 1;
        }
        assert!(held.values().all(|&n| (140..270).contains(&n)), "{held:?}");
    }

    #[test]
    fn a_node_that_is_started_again_gets_the_same_shards() {
        let before = seats(5, 4);
        let mut after = before.clone();
        after[2].incarnation = Incarnation(Uuid::from_u128(77));
        for shard in ShardCount::DEFAULT.all() {
            let (old, new) = (owner_of(shard, &before), owner_of(shard, &after));
            assert!(old == new || (old, new) == (Some(before[2].incarnation), Some(after[2].incarnation)));
        }
    }

    proptest! {
        #[test]
        fn a_leaving_member_moves_only_its_own_shards(seed: u128, count in 2..8_usize, gone in 0..8_usize) {
            let all = seats(seed, count);
            let gone = all[gone % count];
            let rest: Vec<_> = all.iter().copied().filter(|seat| *seat != gone).collect();
            for shard in ShardCount::DEFAULT.all() {
                let before = owner_of(shard, &all);
                if before != Some(gone.incarnation) {
                    prop_assert_eq!(before, owner_of(shard, &rest));
                }
            }
        }

        #[test]
        fn the_order_of_members_does_not_matter(seed: u128, count in 1..8_usize) {
            let all = seats(seed, count);
            let mut turned = all.clone();
            turned.reverse();
            for shard in ShardCount::DEFAULT.all() {
                prop_assert_eq!(owner_of(shard, &all), owner_of(shard, &turned));
            }
        }
    }
}
