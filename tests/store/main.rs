//! Tests of the stores: the suite that every store must pass, and the proofs that belong to one of them.

mod conformance;
mod embedded;
