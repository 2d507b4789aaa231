//! An ordered set that also knows how many members lie before a given one: the queue's position lookup.
//!
//! A treap with subtree sizes in one arena: every operation is O(log n) expected. Its coin is a hash of the
//! node's number, since the domain draws no randomness; keys do not influence it, so nobody can unbalance it.

use std::ops::Bound;

const NIL: u32 = u32::MAX;

/// An ordered set with ranks.
#[derive(Clone, Debug)]
pub(super) struct RankedSet<K> {
    nodes: Vec<Node<K>>,
    spare: Vec<u32>,
    root: u32,
    made: u64,
}

#[derive(Clone, Debug)]
struct Node<K> {
    key: K,
    heap: u64,
    left: u32,
    right: u32,
    size: u32,
}

impl<K: Ord + Copy> RankedSet<K> {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), spare: Vec::new(), root: NIL, made: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.size(self.root)
    }

    /// The least key.
    pub(super) fn first(&self) -> Option<K> {
        self.next(Bound::Unbounded)
    }

    /// How many keys are less than `key`, whether or not it is a member.
    pub(super) fn rank(&self, key: K) -> u32 {
        let (mut at, mut before) = (self.root, 0);
        while at != NIL {
            let node = &self.nodes[at as usize];
            if node.key < key {
                before += self.size(node.left) + 1;
                at = node.right;
            } else {
                at = node.left;
            }
        }
        before
    }

    /// The least key at or behind the bound.
    pub(super) fn next(&self, from: Bound<K>) -> Option<K> {
        let (mut at, mut found) = (self.root, None);
        while at != NIL {
            let node = &self.nodes[at as usize];
            let is_in = match from {
                Bound::Unbounded => true,
                Bound::Included(from) => node.key >= from,
                Bound::Excluded(from) => node.key > from,
            };
            if is_in {
                found = Some(node.key);
                at = node.left;
            } else {
                at = node.right;
            }
        }
        found
    }

    /// Adds a key that is no member yet.
    pub(super) fn insert(&mut self, key: K) {
        self.made += 1;
        let node = Node { key, heap: scatter(self.made), left: NIL, right: NIL, size: 1 };
        let new = match self.spare.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        let (less, more) = self.split(self.root, key);
        let left = self.merge(less, new);
        self.root = self.merge(left, more);
    }

    /// Removes a member; false if it is none.
    pub(super) fn remove(&mut self, key: K) -> bool {
        let (less, rest) = self.split(self.root, key);
        let (found, rest) = self.cut_first(rest);
        let hit = found != NIL && self.nodes[found as usize].key == key;
        if hit {
            self.spare.push(found);
            self.root = self.merge(less, rest);
        } else {
            let rest = if found == NIL { rest } else { self.merge(found, rest) };
            self.root = self.merge(less, rest);
        }
        hit
    }

    fn size(&self, at: u32) -> u32 {
        if at == NIL { 0 } else { self.nodes[at as usize].size }
    }

    fn resize(&mut self, at: u32) {
        let (left, right) = (self.nodes[at as usize].left, self.nodes[at as usize].right);
        self.nodes[at as usize].size = self.size(left) + self.size(right) + 1;
    }

    /// Keys less than `key`, and the others.
    fn split(&mut self, at: u32, key: K) -> (u32, u32) {
        if at == NIL {
            return (NIL, NIL);
        }
        if self.nodes[at as usize].key < key {
            let (less, more) = self.split(self.nodes[at as usize].right, key);
            self.nodes[at as usize].right = less;
            self.resize(at);
            (at, more)
        } else {
            let (less, more) = self.split(self.nodes[at as usize].left, key);
            self.nodes[at as usize].left = more;
            self.resize(at);
            (less, at)
        }
    }

    /// Joins two trees of which every key of the first is less than every key of the second.
    fn merge(&mut self, less: u32, more: u32) -> u32 {
        if less == NIL {
            return more;
        }
        if more == NIL {
            return less;
        }
        if self.nodes[less as usize].heap > self.nodes[more as usize].heap {
            let right = self.merge(self.nodes[less as usize].right, more);
            self.nodes[less as usize].right = right;
            self.resize(less);
            less
        } else {
            let left = self.merge(less, self.nodes[more as usize].left);
            self.nodes[more as usize].left = left;
            self.resize(more);
            more
        }
    }

    /// The node of the least key, cut out alone, and the rest.
    fn cut_first(&mut self, at: u32) -> (u32, u32) {
        if at == NIL {
            return (NIL, NIL);
        }
        let left = self.nodes[at as usize].left;
        if left == NIL {
            let rest = self.nodes[at as usize].right;
            self.nodes[at as usize].right = NIL;
            self.resize(at);
            return (at, rest);
        }
        let (first, rest) = self.cut_first(left);
        self.nodes[at as usize].left = rest;
        self.resize(at);
        (first, at)
    }
}

/// SplitMix64's finisher: spreads consecutive numbers evenly.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_sorted_list_does(steps in proptest::collection::vec((any::<bool>(), 0u16..200), 0..400)) {
            let (mut set, mut list) = (RankedSet::new(), BTreeSet::new());
            for (add, key) in steps {
                if add && list.insert(key) {
                    set.insert(key);
                } else if !add {
                    prop_assert_eq!(set.remove(key), list.remove(&key));
                }
                prop_assert_eq!(set.len() as usize, list.len());
                prop_assert_eq!(set.rank(key) as usize, list.range(..key).count());
                prop_assert_eq!(set.first(), list.first().copied());
                prop_assert_eq!(set.next(Bound::Included(key)), list.range(key..).next().copied());
                prop_assert_eq!(set.next(Bound::Excluded(key)), list.range(key + 1..).next().copied());
            }
        }
    }

    #[test]
    fn a_long_queue_in_order_of_arrival_stays_shallow() {
        fn depth(set: &RankedSet<u32>, at: u32) -> u32 {
            if at == NIL {
                return 0;
            }
            let node = &set.nodes[at as usize];
            1 + depth(set, node.left).max(depth(set, node.right))
        }
        let mut set = RankedSet::new();
        (0..100_000).for_each(|key| set.insert(key));
        assert!(depth(&set, set.root) < 60);
    }
}
