//! The whole server on a real Cassandra: commands, archives, crashes, and the database away or slow.
//!
//! One Cassandra, which takes clients by TLS and with a password only, serves all tests of this binary, one after another:
//! most of them end it or freeze it.

#[path = "../it/chats/archive_scenes.rs"]
mod archive_scenes;
#[path = "../cassandra/mod.rs"]
mod cassandra;
#[path = "../it/chats/paging_scenes.rs"]
mod paging_scenes;
#[path = "../it/support/mod.rs"]
mod support;
#[path = "../support/tables.rs"]
#[allow(dead_code, reason = "other test binaries use the rest of it")]
mod tables;

mod archives;
mod away;
mod commands;
mod crash;
mod customer;
mod database;
mod explain;
mod lists;
mod operators;
mod ownership;
mod ready;
#[allow(dead_code, reason = "other test binaries use the rest of it")]
mod robust;
