//! The other living nodes: one comes, one goes, its stream breaks and begins again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use switchboard_cluster::Incarnation;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::message::{ToldRef, append};
use super::outgoing::{GATHER, Outgoing};
use super::{Nodes, interest, whereabouts};
use crate::domain::id::LicenseId;

/// What this node knows of another.
pub(super) struct Peer {
    pub(super) node: Incarnation,
    pub(super) outgoing: Outgoing,
    /// The version of our interest that it has noted.
    pub(super) noted: watch::Sender<u64>,
    /// The version of our users that it has noted.
    pub(super) users_noted: watch::Sender<u64>,
    /// False once it is no more.
    pub(super) lives: watch::Sender<bool>,
}

/// Before heads that were not taken are told again.
const MEND_EVERY: Duration = Duration::from_millis(100);
/// How often a node is told what it was spared.
const SPARED_EVERY: Duration = Duration::from_millis(500);
/// Heads of one frame.
const HEADS: usize = 500;

/// Follows who lives, for ever.
pub(super) async fn follow(nodes: Arc<Nodes>) {
    let mut peers = nodes.parts.link.peers();
    let mut run = nodes.me();
    loop {
        let live: HashSet<Incarnation> =
            peers.borrow_and_update().iter().map(|peer| peer.incarnation).collect();
        let former = std::mem::replace(&mut run, nodes.me());
        let known: Vec<Incarnation> = nodes.peers.iter().map(|entry| *entry.key()).collect();
        for node in known {
            if !live.contains(&node) {
                nodes.gone(node);
            } else if run != former {
                nodes.part(node);
            }
        }
        nodes.meet();
        if peers.changed().await.is_err() {
            return;
        }
    }
}

impl Nodes {
    /// Meets the nodes that the link knows by now.
    pub(super) fn meet(self: &Arc<Self>) {
        let live: Vec<Incarnation> =
            self.parts.link.peers().borrow().iter().map(|peer| peer.incarnation).collect();
        live.into_iter().for_each(|node| drop(self.peer(node)));
    }

    /// From now on it is remembered how far each chat has been told: there is another node.
    pub(super) fn begin_heads(&self) {
        if !self.has_peers.swap(true, Ordering::AcqRel) {
            self.heads.begin(self.parts.clock.now());
        }
    }

    /// What is known of a node; it is met now if it was not before.
    pub(super) fn peer(self: &Arc<Self>, node: Incarnation) -> Arc<Peer> {
        if let Some(peer) = self.peers.get(&node) {
            return peer.clone();
        }
        self.begin_heads();
        let mut is_new = false;
        let peer = self.peers.entry(node).or_insert_with(|| {
            is_new = true;
            Arc::new(Peer {
                node,
                outgoing: Outgoing::default(),
                noted: watch::Sender::new(0),
                users_noted: watch::Sender::new(0),
                lives: watch::Sender::new(true),
            })
        });
        let peer = peer.clone();
        if is_new {
            tracing::info!(node = %node, "another node is there");
            actix_rt::spawn(send(self.clone(), peer.clone()));
            actix_rt::spawn(interest::tell(self.clone(), peer.clone()));
            actix_rt::spawn(whereabouts::tell(self.clone(), peer.clone()));
        }
        peer
    }

    /// This node is another run: that one has forgotten what it noted of the former one, and is met anew. It may have told the
    /// new one of its own sessions already.
    fn part(&self, node: Incarnation) {
        if let Some((_, peer)) = self.peers.remove(&node) {
            peer.lives.send_replace(false);
        }
    }

    /// A node is no more.
    fn gone(&self, node: Incarnation) {
        if let Some((_, peer)) = self.peers.remove(&node) {
            tracing::info!(node = %node, "another node is gone");
            peer.lives.send_replace(false);
        }
        self.parts.sessions.orphaned(self.theirs.of(node));
        self.theirs.forget(node);
        self.whereabouts.forget(node);
        self.late.forget(node);
        if let Some(actors) = self.actors.get() {
            actors.node_gone(node);
        }
    }

    pub(super) fn send_frame(&self, node: Incarnation, frame: Bytes) -> bool {
        self.parts.link.send(node, frame).is_ok()
    }
}

/// Sends what is gathered for a node, and the heads after a loss, for as long as it lives.
async fn send(nodes: Arc<Nodes>, peer: Arc<Peer>) {
    let mut lives = peer.lives.subscribe();
    let mut spared = tokio::time::interval(SPARED_EVERY);
    spared.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let pause = if peer.outgoing.is_lost() { MEND_EVERY } else { Duration::from_secs(3600) };
        tokio::select! {
            () = peer.outgoing.wake.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(pause) => {}
            _ = spared.tick() => peer.outgoing.tell_spared(),
            _ = lives.wait_for(|lives| !lives) => return,
        }
        let send = |frame| nodes.send_frame(peer.node, frame);
        if peer.outgoing.is_lost() {
            let first = frame(&ToldRef::Heads { license: LicenseId(0), heads: &[] });
            peer.outgoing.mend(first, || heads(&nodes, peer.node), send);
        } else {
            peer.outgoing.flush(send);
        }
    }
}

/// How far the chats have been told in which a node is interested.
fn heads(nodes: &Nodes, node: Incarnation) -> Vec<Bytes> {
    nodes.theirs.of(node).into_iter().flat_map(|license| heads_of(nodes, license)).collect()
}

/// How far the chats of a license have been told.
pub(super) fn heads_of(nodes: &Nodes, license: LicenseId) -> Vec<Bytes> {
    let heads = nodes.heads.digest(license);
    heads.chunks(HEADS).map(|heads| frame(&ToldRef::Heads { license, heads })).collect()
}

fn frame(told: &ToldRef<'_>) -> Bytes {
    let mut frame = BytesMut::new();
    append(&mut frame, told);
    frame.freeze()
}
