//! Several real servers on one real Cassandra: who owns the shards when one of them dies, is frozen, or leaves.

#[path = "../cassandra/mod.rs"]
mod cassandra;
mod harness;
mod ownership;
