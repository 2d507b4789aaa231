//! Who owns which shard of the data, and how a node that was superseded is kept from doing harm.
//!
//! This crate knows nodes, shards, epochs and bytes, and nothing of chats. Its promise: at any moment at most one
//! incarnation can get work of a shard acknowledged, whatever pauses, lost messages and clocks do. It does not
//! promise that a shard always has an owner.
//!
//! The cast:
//!
//! - [`Shard`], [`ShardCount`], [`shard_of`](shard::shard_of): which part of the data a key belongs to.
//! - [`Incarnation`]: one run of one node. [`Epoch`]: one term of ownership of one shard, always growing.
//! - [`placement`]: which living incarnation should own a shard (pure).
//! - [`claims`]: what is known of the shard table, and the claims that follow from it (pure).
//! - [`OwnershipTables`]: the two tables that decide; every store implements them.
//! - [`gate`]: the validation gate, through which everything passes that leaves the node.
//! - [`Link`]: talk between nodes; [`Service`]: what a node does with what peers ask.
//! - [`Ownership`]: these parts put together; the rest of the server holds this one.
//!
//! The life of an acknowledgement: the owner appends under its epoch, then calls [`Ownership::validate`], and only
//! then answers. A fence that was committed before the validation began makes it fail; one that comes later finds
//! the append already in the log. No clock takes part. `docs/cluster.md` has the argument in full, and
//! `tests/takeover_model.rs` the randomised model with every rule taken away in turn.
//!
//! A single node runs exactly this code with one member that owns every shard.

pub mod claims;
mod epoch;
pub mod gate;
pub mod link;
mod member;
pub mod node;
mod ownership;
pub mod placement;
mod run;
pub mod shard;
pub mod steward;
mod tables;

pub use epoch::Epoch;
pub use gate::NotValid;
pub use link::{CallError, Link, Peer, SendError, Service, Way};
pub use member::{Fingerprint, Incarnation, Member, NodeName};
pub use node::{Node, NodeOptions};
pub use ownership::{Occupant, Owner, Ownership, OwnershipOptions, ShardEvent, StartError, WallClock};
pub use shard::{Layout, Shard, ShardCount};
pub use tables::{Cause, Claim, ClaimOutcome, OwnershipTables, ShardRow, TableError};
