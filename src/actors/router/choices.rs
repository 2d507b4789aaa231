//! The statuses that agents and bots chose, which outlive the router: bots have theirs until they choose another, and agents who
//! reconnect have what they had before. They stand in one cell of the license.
//!
//! A router reads the cell before it hears of anybody, and puts its term into it. So what a superseded router writes late finds another
//! cell than it knows, and comes to nothing; and what it wrote before that and could not confirm, it has promised to nobody.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use switchboard_cluster::Epoch;

use super::message::Status;
use crate::domain::id::{AgentId, LicenseId};
use crate::store::unknown::{self, Unknown};
use crate::store::{Cas, CasTables, CellKey, CellTable, StoreError};

/// What somebody chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Choice {
    /// Their status while somebody of theirs is not away.
    pub(super) status: Status,
    /// They are away on all of their connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) away: bool,
    /// A bot that had connections has none any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) gone: bool,
}

impl Choice {
    /// The status that others saw last.
    pub(super) fn shown(self) -> Status {
        if self.away { Status::NotAccepting } else { self.status }
    }
}

/// What everybody of a license chose, who chose something.
#[derive(Debug, Default)]
pub(super) struct Choices {
    by_agent: BTreeMap<AgentId, Choice>,
    changes: u64,
}

impl Choices {
    /// Takes in what was chosen before; what was chosen since stands.
    pub(super) fn recall(&mut self, before: BTreeMap<AgentId, Choice>) {
        let since = std::mem::replace(&mut self.by_agent, before);
        self.by_agent.extend(since);
    }

    pub(super) fn get(&self, agent: &AgentId) -> Option<Choice> {
        self.by_agent.get(agent).copied()
    }

    pub(super) fn put(&mut self, agent: &AgentId, choice: Choice) {
        if self.by_agent.insert(agent.clone(), choice) != Some(choice) {
            self.changes += 1;
        }
    }

    pub(super) fn remove(&mut self, agent: &AgentId) {
        self.changes += u64::from(self.by_agent.remove(agent).is_some());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&AgentId, Choice)> {
        self.by_agent.iter().map(|(agent, choice)| (agent, *choice))
    }

    /// How often they were changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}

/// The cell's value. No two writers ever write the same: a term has one router, which counts its changes.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    /// Of the router that wrote it.
    term: Epoch,
    change: u64,
    choices: BTreeMap<AgentId, Choice>,
}

/// The same, borrowed.
#[derive(Serialize)]
struct RecordRef<'a> {
    term: Epoch,
    change: u64,
    choices: &'a BTreeMap<AgentId, Choice>,
}

/// What stands in the cell, as far as this router knows.
#[derive(Debug, Default)]
pub(super) struct Stands {
    bytes: Option<Bytes>,
    /// Beside what is known here.
    unknown: Unknown,
    /// Of the router that wrote it.
    pub(super) term: Epoch,
    /// What was chosen until this router began.
    pub(super) choices: BTreeMap<AgentId, Choice>,
}

/// What became of an attempt to write.
pub(super) enum Written {
    /// This stands there.
    Stands(Bytes),
    /// Something of an earlier router stood there, or of an attempt whose outcome was not known.
    Differs(Option<Bytes>),
    /// A later router has begun.
    Superseded,
}

fn key(license: LicenseId) -> CellKey {
    CellKey::new(CellTable::RoutingStatuses, license, "chosen")
}

/// Reads the cell. One that cannot be understood is as if there were none, since a license without a router is worse.
///
/// # Errors
/// The store's.
pub(super) async fn read(
    store: &(impl CasTables + ?Sized),
    license: LicenseId,
) -> Result<Stands, StoreError> {
    let Some(bytes) = store.read_cell(&key(license)).await? else { return Ok(Stands::default()) };
    Ok(match unknown::decode::<Record>(&bytes) {
        Ok((Record { term, choices, .. }, unknown)) => Stands { bytes: Some(bytes), unknown, term, choices },
        Err(error) => {
            tracing::error!(license.id = %license, %error, "what agents chose cannot be understood");
            Stands { bytes: Some(bytes), ..Stands::default() }
        }
    })
}

impl Stands {
    /// The next value of the cell, and what it takes the place of.
    pub(super) fn next(&self, term: Epoch, choices: &Choices) -> (Option<Bytes>, Bytes) {
        let record = RecordRef { term, change: choices.changes, choices: &choices.by_agent };
        let next = self.unknown.with(&record).expect("a record has a JSON form");
        (self.bytes.clone(), Bytes::from(next))
    }

    /// This is what stands there.
    pub(super) fn are(&mut self, bytes: Option<Bytes>) {
        self.bytes = bytes;
    }
}

/// Tries once to write the cell, for the router of a term.
///
/// # Errors
/// The store's. It may have been written all the same.
pub(super) async fn write(
    store: &(impl CasTables + ?Sized),
    license: LicenseId,
    term: Epoch,
    (expected, next): (Option<Bytes>, Bytes),
) -> Result<Written, StoreError> {
    let Cas::Conflict(found) = store.swap(&key(license), expected, Some(next.clone())).await? else {
        return Ok(Written::Stands(next));
    };
    let writer = found.as_ref().and_then(|found| serde_json::from_slice::<Record>(found).ok());
    Ok(if found.as_ref() == Some(&next) {
        Written::Stands(next)
    } else if writer.is_some_and(|writer| writer.term > term) {
        Written::Superseded
    } else {
        Written::Differs(found)
    })
}
