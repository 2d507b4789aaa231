//! Which living incarnation should own a shard: rendezvous hashing. Pure.
//!
//! Every node computes the same answer from the same members without asking anyone, and when a member goes only
//! its own shards move.

use xxhash_rust::xxh3::xxh3_64;

use crate::{Incarnation, Shard};

/// The member that should own `shard`, or none where there are no members.
pub fn owner_of(shard: Shard, members: &[Incarnation]) -> Option<Incarnation> {
    members.iter().copied().max_by_key(|member| (weight(shard, *member), *member))
}

fn weight(shard: Shard, member: Incarnation) -> u64 {
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(member.0.as_bytes());
    bytes[16..].copy_from_slice(&shard.0.to_le_bytes());
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::ShardCount;

    fn members(seed: u128, count: usize) -> Vec<Incarnation> {
        (0..count as u128)
            .map(|n| Incarnation(Uuid::from_u128(seed.wrapping_mul(31).wrapping_add(n))))
            .collect()
    }

    #[test]
    fn nobody_owns_a_shard_of_an_empty_cluster() {
        assert_eq!(owner_of(Shard(3), &[]), None);
    }

    #[test]
    fn five_members_share_fairly() {
        let members = members(99, 5);
        let mut held: HashMap<Incarnation, u32> = HashMap::new();
        for shard in ShardCount::DEFAULT.all() {
            *held.entry(owner_of(shard, &members).expect("a member")).or_default() += 1;
        }
        assert!(held.values().all(|&n| (140..270).contains(&n)), "{held:?}");
    }

    proptest! {
        #[test]
        fn a_leaving_member_moves_only_its_own_shards(seed: u128, count in 2..8_usize, gone in 0..8_usize) {
            let all = members(seed, count);
            let gone = all[gone % count];
            let rest: Vec<_> = all.iter().copied().filter(|member| *member != gone).collect();
            for shard in ShardCount::DEFAULT.all() {
                let before = owner_of(shard, &all);
                if before != Some(gone) {
                    prop_assert_eq!(before, owner_of(shard, &rest));
                }
            }
        }

        #[test]
        fn the_order_of_members_does_not_matter(seed: u128, count in 1..8_usize) {
            let all = members(seed, count);
            let mut turned = all.clone();
            turned.reverse();
            for shard in ShardCount::DEFAULT.all() {
                prop_assert_eq!(owner_of(shard, &all), owner_of(shard, &turned));
            }
        }
    }
}
