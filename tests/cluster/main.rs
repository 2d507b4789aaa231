//! Several real servers on one real Cassandra: who owns the shards when one of them dies, is frozen, or leaves; chats whose
//! people are on different nodes; nginx before them; what every node shows of what another acknowledged.

mod awaited;
#[path = "../cassandra/mod.rs"]
mod cassandra;
mod chats;
mod freshness;
mod harness;
mod nginx;
mod orders;
mod ownership;
mod people;
#[path = "../support/reserved.rs"]
#[allow(dead_code, reason = "other test binaries use the rest of it")]
mod reserved;
