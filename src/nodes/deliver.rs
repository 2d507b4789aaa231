//! What the chats and routers of this node tell: to the sessions here, and to the nodes that have others.

use std::sync::Arc;

use switchboard_cluster::Incarnation;

use super::message::{PushesRef, ToldRef};
use super::news::News;
use super::whereabouts::Named;
use super::{Asker, Cut, Nodes, Whose};
use crate::actors::delivery::{Cause, Delivery, Mark};
use crate::actors::{Origin, SessionId};
use crate::domain::id::{ChatId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::Push;
use crate::domain::time::Timestamp;

impl Delivery for Nodes {
    fn deliver(&self, license: &Arc<License>, pushes: &[Push], cause: Cause<'_>) {
        let asker = self.asker(cause);
        if !self.has_peers() {
            self.notice(license, pushes);
            self.parts.sessions.deliver(license, pushes, cause.mark, asker);
            return;
        }
        self.place(license, pushes, cause.mark, asker);
        self.send(license, pushes, cause);
    }

    fn loaded(&self, license: &Arc<License>, mark: &Mark, last_at: Timestamp) {
        if !self.has_peers() {
            return;
        }
        self.compare(
            license.id,
            &super::message::Head {
                chat: mark.chat.clone(),
                thread: mark.thread.clone(),
                place: mark.to,
                last_at,
            },
        );
        let nodes = self.theirs.nodes(license.id);
        if nodes.is_empty() {
            return;
        }
        let head = super::message::Head {
            chat: mark.chat.clone(),
            thread: mark.thread.clone(),
            place: mark.to,
            last_at,
        };
        let told = ToldRef::Heads { license: license.id, heads: &[head] };
        let item = serde_json::to_vec(&told).expect("a message has a JSON form");
        for node in nodes {
            self.push_to(node, Some((license.id, &mark.chat)), &item);
        }
    }

    fn wake(&self, origin: &Origin) {
        if origin.session.node == self.me() {
            self.parts.sessions.wake(origin.session.number);
        }
    }

    fn evict(&self, session: SessionId) {
        let cut = Cut { whose: Whose::Session(session.number), reason: "connection_evicted" };
        if session.node == self.me() {
            self.parts.sessions.cut(&cut);
        } else if let (Some(actors), Some(this)) = (self.actors.get(), self.this.upgrade()) {
            actors.spawn(async move { this.tell_one(session.node, &News::Cut(cut)).await });
        }
    }
}

impl Nodes {
    /// The session that asked, if it is one of this node.
    fn asker<'a>(&self, cause: Cause<'a>) -> Option<Asker<'a>> {
        let origin = cause.origin.filter(|origin| origin.session.node == self.me())?;
        Some(Asker {
            session: origin.session.number,
            request_id: origin.request_id.as_deref(),
            before_answer: cause.before_answer,
        })
    }

    /// To each node that has sessions of the license, and not only others than these are for, encoded once; the one whose session
    /// asked is told so.
    fn send(&self, license: &License, pushes: &[Push], cause: Cause<'_>) {
        let nodes = self.theirs.nodes(license.id);
        if nodes.is_empty() {
            return;
        }
        let (id, version, mark) = (license.id, license.version, cause.mark);
        let encode = |origin| {
            let pushes = PushesRef { license: id, version, mark, origin, pushes };
            serde_json::to_vec(&ToldRef::Pushes(pushes)).expect("a message has a JSON form")
        };
        let chat = mark.map(|mark| (id, &mark.chat));
        let sparing = mark.and_then(|mark| Some((mark, named_only(mark, pushes)?)));
        let mut plain: Option<Vec<u8>> = None;
        for node in nodes {
            if let Some(origin) = cause.origin.filter(|origin| origin.session.node == node) {
                self.push_to(node, chat, &encode(Some(origin)));
                continue;
            }
            if let Some((mark, named)) = &sparing
                && let Some(version) = self.whereabouts.lacks(node, id, named)
            {
                if let Some(peer) = self.peers.get(&node) {
                    peer.outgoing.spare(id, mark, named, version);
                }
                continue;
            }
            self.push_to(node, chat, plain.get_or_insert_with(|| encode(None)));
        }
    }

    fn push_to(&self, node: Incarnation, chat: Option<(LicenseId, &ChatId)>, item: &[u8]) {
        if let Some(peer) = self.peers.get(&node).map(|peer| peer.clone()) {
            peer.outgoing.push(chat, item, |frame| self.send_frame(node, frame));
        }
    }
}

/// Whom the pushes are for, if they are for nobody else and may be spared others. What stands in no log could not be found again
/// by a node that was spared it for want of knowing, so of that only what nobody would look for is.
fn named_only(mark: &Mark, pushes: &[Push]) -> Option<Named> {
    let stands_in_the_log = mark.from < mark.to;
    let may_be_spared = stands_in_the_log || pushes.iter().all(|push| push.body.is_fleeting());
    if may_be_spared { Named::by(pushes) } else { None }
}
