//! Tests of the stores: the suite that every store must pass, and the proofs that belong to one of them.

#[path = "../cassandra/mod.rs"]
mod cassandra;
mod child;
mod conformance;
mod cql;
mod embedded;
mod kill;
