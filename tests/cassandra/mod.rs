//! A real CQL server for tests: that of `SWITCHBOARD_TEST_CQL=host:port` if given, else an Apache Cassandra of our own.
//!
//! Our own is started once for each test binary, on free ports and a scratch folder, from jars that Maven brings once (see
//! `pom.xml`). It is stopped by its process id when the test binary ends, in whatever way, and its folder removed: a shell between
//! the two waits for the end of its stdin, which only the test binary holds open. Needs Java 17 and Maven; where they are missing the test fails
//! and says what to install.

#![allow(dead_code, unused_imports, reason = "each test binary that includes this file uses a part of it")]

mod jars;
mod node;

use std::sync::OnceLock;

pub(crate) use node::{Cluster, Node, ROLE};

/// The server that all tests of this binary share, and how it is reached.
static SHARED: OnceLock<(String, Option<Node>)> = OnceLock::new();

/// The contact point of a server that all tests of this binary share.
pub(crate) fn contact_point() -> &'static str {
    let (contact_point, _running) = SHARED.get_or_init(|| match std::env::var("SWITCHBOARD_TEST_CQL") {
        Ok(contact_point) => (contact_point, None),
        Err(_) => {
            let node = Node::start_alone();
            (node.contact_point(), Some(node))
        }
    });
    contact_point
}

/// The process of that server, if it is one of ours that runs.
pub(crate) fn process_id() -> Option<i32> {
    SHARED.get()?.1.as_ref()?.process_id()
}
