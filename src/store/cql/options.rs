//! How to reach the database.

use std::sync::Arc;
use std::time::Duration;

use scylla::statement::{Consistency, SerialConsistency};

use super::OpenError;

/// How many copies of the data the database keeps. Used once, when the keyspace is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// Copies; 3 survives the loss of one database node.
    pub factor: u16,
    /// The data centre that keeps them; none lets the server choose by its own topology.
    pub datacenter: Option<String>,
}

/// Who we are to the database.
#[derive(Clone)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Everything that opening needs.
#[derive(Clone, Debug)]
pub struct CqlOptions {
    /// Hosts or `host:port` of some of the database's nodes; the others are found through them.
    pub contact_points: Vec<String>,
    /// The keyspace: small letters, digits, `_`.
    pub keyspace: String,
    /// Copies of the data, for the moment when the keyspace is made.
    pub replication: Replication,
    /// With a data centre, LOCAL_QUORUM and LOCAL_SERIAL in it; without, QUORUM and SERIAL. The same on all nodes of a
    /// cluster, and all of them in one data centre.
    pub datacenter: Option<String>,
    /// Role and password, where the database asks for them.
    pub login: Option<Login>,
    /// TLS to the database, with the certificates that it is to be believed by.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// How long a request may take in all. Default 4 s. Too short, and a slow database is taken for a lost one; too long, and
    /// senders wait for one that is lost.
    pub request_timeout: Duration,
    /// How long a conditional write, which is sent to one coordinator only, may take before its fate is looked into. Default
    /// 1.5 s.
    pub attempt_timeout: Duration,
    /// After how long a request that may be repeated is sent to a second coordinator as well. Default 750 ms.
    pub speculate_after: Duration,
    /// Appends in flight at once; more wait a second, then are refused. Default 2048.
    pub max_in_flight: usize,
    /// Pause between attempts to reach a database that is away, at the start. Default 2 s.
    pub reconnect_every: Duration,
}

impl CqlOptions {
    /// The defaults, for a keyspace behind these contact points.
    pub fn new(contact_points: Vec<String>, keyspace: impl Into<String>) -> Self {
        Self {
            contact_points,
            keyspace: keyspace.into(),
            replication: Replication { factor: 3, datacenter: None },
            datacenter: None,
            login: None,
            tls: None,
            request_timeout: Duration::from_secs(4),
            attempt_timeout: Duration::from_millis(1_500),
            speculate_after: Duration::from_millis(750),
            max_in_flight: 2048,
            reconnect_every: Duration::from_secs(2),
        }
    }

    /// The keyspace's name stands in statements as it is, so it must be a plain one.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts = self.keyspace.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || self.keyspace.len() > 48 || !self.keyspace.chars().all(plain) {
            return Err(OpenError::KeyspaceName(self.keyspace.clone()));
        }
        Ok(())
    }

    /// Level of reads and plain writes, and of the commit of conditional ones. Never less: an append is safe only if every
    /// later read meets it.
    pub(super) fn consistency(&self) -> Consistency {
        if self.datacenter.is_some() { Consistency::LocalQuorum } else { Consistency::Quorum }
    }

    /// Level at which a conditional write decides.
    pub(super) fn serial_consistency(&self) -> SerialConsistency {
        if self.datacenter.is_some() { SerialConsistency::LocalSerial } else { SerialConsistency::Serial }
    }

    /// Level of a read that also settles conditional writes that are still under way.
    pub(super) fn serial_read(&self) -> Consistency {
        if self.datacenter.is_some() { Consistency::LocalSerial } else { Consistency::Serial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_keyspace_names_are_taken() {
        let check = |name: &str| CqlOptions::new(Vec::new(), name).check();
        for good in ["switchboard", "s1", "a_b"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "x".repeat(49);
        for bad in ["", "1a", "_a", "A", "a-b", "a;drop", "a b", "ä", &long] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
