//! What the chats and routers of this node tell: to the sessions here, and to the nodes that have others.

use std::sync::Arc;

use super::message::{PushesRef, ToldRef};
use super::news::News;
use super::{Asker, Cut, Nodes, Whose};
use crate::actors::delivery::{Cause, Delivery, Mark};
use crate::actors::{Origin, SessionId};
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
            self.push_to(node, &item);
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

    /// To each node that has sessions of the license, encoded once; the one whose session asked is told so.
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
        let mut plain: Option<Vec<u8>> = None;
        for node in nodes {
            match cause.origin.filter(|origin| origin.session.node == node) {
                Some(origin) => self.push_to(node, &encode(Some(origin))),
                None => self.push_to(node, plain.get_or_insert_with(|| encode(None))),
            }
        }
    }

    fn push_to(&self, node: switchboard_cluster::Incarnation, item: &[u8]) {
        if let Some(peer) = self.peers.get(&node).map(|peer| peer.clone()) {
            peer.outgoing.push(item, |frame| self.send_frame(node, frame));
        }
    }
}
