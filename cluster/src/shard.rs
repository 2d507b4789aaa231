//! Virtual shards: the unit in which ownership moves.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// One of the cluster's virtual shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u32);

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many shards a cluster has: a power of two up to 4096, fixed when the cluster is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardCount(u32);

impl ShardCount {
    /// The usual number.
    pub const DEFAULT: Self = Self(1024);

    /// Checks that `count` is a power of two from 1 to 4096.
    pub fn new(count: u32) -> Option<Self> {
        (count.is_power_of_two() && count <= 4096).then_some(Self(count))
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Every shard, in order.
    pub fn all(self) -> impl ExactSizeIterator<Item = Shard> {
        (0..self.0).map(Shard)
    }
}

/// What every node of a cluster must agree on before it may touch a key; recorded once in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Number of shards.
    pub shards: ShardCount,
    /// Version of the function from key to shard.
    pub hash_version: u32,
}

impl Layout {
    /// The version of [`shard_of`]. A change of the function needs a new number, since it moves every key.
    pub const HASH_VERSION: u32 = 1;

    /// The layout that this build makes for a new cluster of `shards` shards.
    pub fn new(shards: ShardCount) -> Self {
        Self { shards, hash_version: Self::HASH_VERSION }
    }
}

/// Bytes of a key that is hashed where it is put together.
const SHORT: usize = 56;

/// The shard that `key` of tenant `license` lives in. What belongs to the tenant as a whole has the empty key.
pub fn shard_of(license: i64, key: &str, shards: ShardCount) -> Shard {
    let license = license.to_le_bytes();
    let hash = match key.len() {
        // Ids are shorter, and the shard of one is asked for with every request.
        length @ ..=SHORT => {
            let mut bytes = [0; 8 + SHORT];
            bytes[..8].copy_from_slice(&license);
            bytes[8..8 + length].copy_from_slice(key.as_bytes());
            xxh3_64(&bytes[..8 + length])
        }
        _ => xxh3_64(&[&license, key.as_bytes()].concat()),
    };
    Shard((hash % u64::from(shards.get())) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Literal values: whoever changes the function finds out here that every stored key would move.
    #[test]
    fn the_hash_of_version_one_never_changes() {
        let shards = ShardCount::DEFAULT;
        let got: Vec<u32> = [(1001, ""), (1001, "K600PKZON8QQQQQQ"), (-1, "x"), (1002, "K600PKZON8QQQQQQ")]
            .map(|(license, key)| shard_of(license, key, shards).0)
            .to_vec();
        assert_eq!(got, [645, 544, 288, 589]);
    }

    #[test]
    fn long_keys_are_hashed_as_short_ones_are() {
        let shards = ShardCount::new(4096).expect("a power of two");
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 1_000] {
            let key = "k".repeat(length);
            let whole = [&7_i64.to_le_bytes(), key.as_bytes()].concat();
            let expected = (xxh3_64(&whole) % 4096) as u32;
            assert_eq!(shard_of(7, &key, shards), Shard(expected), "{length}");
        }
    }

    #[test]
    fn keys_spread_over_all_shards() {
        let shards = ShardCount::new(64).expect("a power of two");
        let mut hits = [0_u32; 64];
        for n in 0..64_000 {
            hits[shard_of(7, &format!("CHAT{n}"), shards).0 as usize] += 1;
        }
        assert!(hits.iter().all(|&n| (800..1200).contains(&n)), "{hits:?}");
    }

    #[test]
    fn only_powers_of_two_up_to_4096_are_shard_counts() {
        for good in [1, 256, 1024, 4096] {
            assert!(ShardCount::new(good).is_some(), "{good}");
        }
        for bad in [0, 3, 1000, 8192] {
            assert!(ShardCount::new(bad).is_none(), "{bad}");
        }
    }
}
