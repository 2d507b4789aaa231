//! Which nodes want the pushes of which licenses.
//!
//! A node tells the others of the licenses that it has sessions of, and a login is answered only after all that can be
//! reached have noted it: from then on the session misses nothing. A node that could not be reached notes it later, and
//! then tells how far its chats have come.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;
use switchboard_cluster::Incarnation;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Nodes;
use super::message::{Answer, CallRef, InterestUpdate};
use super::peers::{self, Peer};
use crate::domain::id::LicenseId;
use crate::domain::time::Timestamp;

/// How long a login waits for nodes that do not answer.
const LOGIN_WAITS: Duration = Duration::from_secs(1);
/// How long a node may take to note an update.
const LIMIT: Duration = Duration::from_secs(2);
/// Before an update that was not noted is told again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often licenses without sessions are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The licenses that this node has sessions of.
#[derive(Default)]
pub(super) struct OurInterest {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Since which version, and since when.
    present: HashMap<LicenseId, (u64, Timestamp)>,
    /// What each version changed.
    changes: BTreeMap<u64, LicenseId>,
    version: u64,
}

/// Changes that are remembered; a node that is further behind is told everything.
const CHANGES: usize = 4_096;

impl State {
    fn change(&mut self, license: LicenseId) -> u64 {
        self.version += 1;
        self.changes.insert(self.version, license);
        if self.changes.len() > CHANGES {
            self.changes.pop_first();
        }
        self.version
    }
}

impl OurInterest {
    /// The version since which the license is wanted.
    fn add(&self, license: LicenseId, now: Timestamp) -> u64 {
        let mut state = self.state.lock();
        if let Some((since, _)) = state.present.get(&license) {
            return *since;
        }
        let version = state.change(license);
        state.present.insert(license, (version, now));
        self.version.send_replace(version);
        version
    }

    fn remove_if(&self, is_over: impl Fn(LicenseId) -> bool) {
        let mut state = self.state.lock();
        let over: Vec<LicenseId> =
            state.present.keys().copied().filter(|license| is_over(*license)).collect();
        for license in over {
            state.present.remove(&license);
            let version = state.change(license);
            self.version.send_replace(version);
        }
    }

    /// Since when the license is wanted; none if it is not.
    pub(super) fn since(&self, license: LicenseId) -> Option<Timestamp> {
        self.state.lock().present.get(&license).map(|(_, since)| *since)
    }

    /// What a node has to be told that has noted a version (0 for none).
    fn update(&self, noted: u64) -> InterestUpdate {
        let state = self.state.lock();
        let first = state.changes.keys().next().copied().unwrap_or(state.version + 1);
        let mut update = InterestUpdate { version: state.version, ..InterestUpdate::default() };
        if noted == 0 || noted + 1 < first {
            update.add = state.present.keys().copied().collect();
            return update;
        }
        update.since = noted;
        let changed: HashSet<LicenseId> =
            state.changes.range(noted + 1..).map(|(_, license)| *license).collect();
        (update.add, update.remove) =
            changed.into_iter().partition(|license| state.present.contains_key(license));
        update
    }
}

/// The licenses that other nodes have sessions of.
#[derive(Default)]
pub(super) struct Interest {
    nodes: DashMap<LicenseId, Vec<Incarnation>>,
    of: Mutex<HashMap<Incarnation, (u64, HashSet<LicenseId>)>>,
}

impl Interest {
    /// The nodes that want a license's pushes.
    pub(super) fn nodes(&self, license: LicenseId) -> Vec<Incarnation> {
        self.nodes.get(&license).map(|nodes| nodes.clone()).unwrap_or_default()
    }

    /// The licenses whose pushes a node wants.
    pub(super) fn of(&self, node: Incarnation) -> Vec<LicenseId> {
        self.of.lock().get(&node).map(|(_, licenses)| licenses.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether a node has said whose pushes it wants.
    pub(super) fn is_told_by(&self, node: Incarnation) -> bool {
        self.of.lock().contains_key(&node)
    }

    /// Notes an update; false if one before it was missed.
    pub(super) fn note(&self, node: Incarnation, update: &InterestUpdate) -> bool {
        let mut of = self.of.lock();
        let (version, licenses) = of.entry(node).or_default();
        if update.version < *version {
            // One that was given up and told anew, and comes after what took its place.
            return true;
        }
        if update.since == 0 {
            let wanted: HashSet<LicenseId> = update.add.iter().copied().collect();
            for license in licenses.difference(&wanted) {
                self.remove(*license, node);
            }
            licenses.clear();
        } else if update.since != *version {
            return update.version == *version;
        }
        *version = update.version;
        for license in &update.remove {
            licenses.remove(license);
            self.remove(*license, node);
        }
        for license in &update.add {
            licenses.insert(*license);
            let mut nodes = self.nodes.entry(*license).or_default();
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        true
    }

    /// A node is no more.
    pub(super) fn forget(&self, node: Incarnation) {
        let Some((_, licenses)) = self.of.lock().remove(&node) else { return };
        licenses.into_iter().for_each(|license| self.remove(license, node));
    }

    fn remove(&self, license: LicenseId, node: Incarnation) {
        if let Some(mut nodes) = self.nodes.get_mut(&license) {
            nodes.retain(|other| *other != node);
        }
        self.nodes.remove_if(&license, |_, nodes| nodes.is_empty());
    }
}

impl Nodes {
    /// A session of the license is registered here: returns once every node that can be reached sends pushes for it.
    pub(super) async fn interested(&self, license: LicenseId) {
        let version = self.ours.add(license, self.parts.clock.now());
        // Who is known to the link by now may have chats already.
        if let Some(this) = self.this.upgrade() {
            this.meet();
        }
        if !self.has_peers() {
            return;
        }
        let until = Instant::now() + LOGIN_WAITS;
        let peers: Vec<Arc<Peer>> = self.peers.iter().map(|entry| entry.value().clone()).collect();
        for peer in peers {
            let (mut noted, mut lives) = (peer.noted.subscribe(), peer.lives.subscribe());
            tokio::select! {
                _ = noted.wait_for(|noted| *noted >= version) => {}
                _ = lives.wait_for(|lives| !lives) => {}
                () = tokio::time::sleep_until(until) => {
                    tracing::warn!(node = %peer.node, "a login does not wait any longer for a node");
                }
            }
        }
    }

    /// Notes what another node is interested in, and tells it how far the chats of what it did not want before have come:
    /// something may have been told since its session came, and before this node knew.
    pub(super) fn note(&self, node: Incarnation, update: &InterestUpdate) -> Answer {
        // That node may be met only later; whatever is told until then has to be found then.
        self.begin_heads();
        let Some(peer) = self.peers.get(&node).map(|peer| peer.clone()) else {
            return answer(self.theirs.note(node, update));
        };
        let mut is_noted = false;
        let change = || {
            let before: HashSet<LicenseId> = self.theirs.of(node).into_iter().collect();
            is_noted = self.theirs.note(node, update);
            let added = self.theirs.of(node).into_iter().filter(|license| !before.contains(license));
            added.flat_map(|license| peers::heads_of(self, license)).collect()
        };
        peer.outgoing.begin(change, |frame| self.send_frame(node, frame));
        answer(is_noted)
    }
}

fn answer(is_noted: bool) -> Answer {
    if is_noted { Answer::Noted } else { Answer::TellAll }
}

/// Tells a node what we are interested in, and every change of it, for as long as it lives.
pub(super) async fn tell(nodes: Arc<Nodes>, peer: Arc<Peer>) {
    let (mut version, mut lives) = (nodes.ours.version.subscribe(), peer.lives.subscribe());
    let mut is_first = true;
    loop {
        let noted = *peer.noted.borrow();
        tokio::select! {
            _ = version.wait_for(|version| *version > noted || is_first) => {}
            _ = lives.wait_for(|lives| !lives) => return,
        }
        let update = nodes.ours.update(noted);
        match nodes.call(peer.node, CallRef::Interest(&update), LIMIT).await {
            Ok(Answer::Noted) => {
                is_first = false;
                peer.noted.send_replace(update.version);
            }
            Ok(Answer::TellAll) => {
                peer.noted.send_replace(0);
                is_first = true;
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Looks for licenses that nobody is connected of any more, for ever.
pub(super) async fn sweep(nodes: Arc<Nodes>) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        // A session is registered before its license is added: one that comes now is seen, or adds it again.
        nodes.ours.remove_if(|license| !nodes.parts.sessions.has(license));
        nodes.heads.prune(nodes.parts.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use switchboard_cluster::Incarnation;
    use uuid::Uuid;

    use super::*;

    const A: LicenseId = LicenseId(1);
    const B: LicenseId = LicenseId(2);
    const NODE: Incarnation = Incarnation(Uuid::from_u128(7));

    #[test]
    fn changes_are_told_as_such_and_a_missed_one_as_everything() {
        let (ours, theirs) = (OurInterest::default(), Interest::default());
        ours.add(A, Timestamp(1));
        let first = ours.update(0);
        assert!(!theirs.is_told_by(NODE));
        assert!(theirs.note(NODE, &first));
        assert!(theirs.is_told_by(NODE));
        let second = ours.add(B, Timestamp(2));
        assert_eq!(ours.add(B, Timestamp(3)), second, "it is wanted already");
        ours.remove_if(|license| license == A);
        let update = ours.update(first.version);
        assert_eq!((update.add.as_slice(), update.remove.as_slice()), (&[B][..], &[A][..]));
        assert!(theirs.note(NODE, &update));
        assert_eq!((theirs.nodes(A), theirs.nodes(B)), (vec![], vec![NODE]));
        assert!(theirs.note(NODE, &update), "what comes twice changes nothing");
        let skipped = InterestUpdate { since: 9, version: 10, ..InterestUpdate::default() };
        assert!(!theirs.note(NODE, &skipped));
        let all = InterestUpdate { since: 0, version: 10, add: vec![A], remove: vec![] };
        assert!(theirs.note(NODE, &all));
        assert_eq!((theirs.nodes(A), theirs.nodes(B)), (vec![NODE], vec![]));
        assert!(
            theirs.note(NODE, &first),
            "one that comes late changes nothing, though it once was everything"
        );
        let last = InterestUpdate { since: 10, version: 11, add: vec![B], remove: vec![] };
        assert!(theirs.note(NODE, &last));
        assert!(theirs.note(NODE, &all), "nor does this one");
        assert_eq!((theirs.nodes(A), theirs.nodes(B)), (vec![NODE], vec![NODE]));
        theirs.forget(NODE);
        assert!(theirs.nodes(A).is_empty() && theirs.of(NODE).is_empty());
    }
}
