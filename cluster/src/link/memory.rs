//! Links between nodes of one process, which a test can cut and mend. Bytes travel as they are, nothing is encrypted.
//!
//! Every two nodes whose services are up have their two streams at once. A cut loses both; calls across it fail as they
//! would on a network that drops everything.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{CallError, Control, Identity, Link, Peer, SendError, Service, Transport, Way};
use crate::{Cause, Incarnation, Member, NodeName};

/// Frames that may wait for one peer.
const QUEUE: usize = 1024;

/// All nodes of a process that know each other. Clones share it.
#[derive(Clone, Default)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    nodes: HashMap<Incarnation, Node>,
    /// Pairs that cannot reach each other, in both orders.
    cuts: HashSet<(Incarnation, Incarnation)>,
    streams: HashMap<(Incarnation, Incarnation), Stream>,
}

/// From one node to another. The next stream of a pair begins only when the former has told its end.
struct Stream {
    queue: Option<mpsc::Sender<Bytes>>,
    task: JoinHandle<()>,
}

struct Node {
    peer: Peer,
    service: Option<Arc<dyn Service>>,
    control: Option<Arc<dyn Control>>,
    peers: watch::Sender<Vec<Peer>>,
    /// Everybody in the network is a peer; else it was told who is.
    knows_all: bool,
}

impl Node {
    fn knows(&self, other: Incarnation) -> bool {
        self.peers.borrow().iter().any(|peer| peer.incarnation == other)
    }
}

/// A link was cut by the test.
#[derive(Debug, thiserror::Error)]
#[error("the link is cut")]
struct Cut;

/// The time given was over.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct Late(Duration);

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// Adds a node; the others see it at once.
    pub fn join(&self, peer: Peer) -> Arc<MemoryLink> {
        let me = peer.incarnation;
        let mut state = self.lock();
        let peers = watch::Sender::new(Vec::new());
        let node = Node { peer, service: None, control: None, peers: peers.clone(), knows_all: true };
        state.nodes.insert(me, node);
        state.tell_peers();
        Arc::new(MemoryLink { network: self.clone(), me: Mutex::new(me), peers, served: Mutex::default() })
    }

    /// The transport of a node that is told by its loop who its peers are.
    pub fn transport(&self) -> Arc<MemoryLink> {
        let peers = watch::Sender::new(Vec::new());
        let me = Mutex::new(Incarnation(Uuid::nil()));
        Arc::new(MemoryLink { network: self.clone(), me, peers, served: Mutex::default() })
    }

    /// Takes a node away, as a fence does: its streams end, the others see it no more.
    pub fn leave(&self, gone: Incarnation) {
        let mut state = self.lock();
        state.close_streams(|from, to| from == gone || to == gone);
        state.nodes.remove(&gone);
        state.tell_peers();
    }

    /// Nothing passes between two nodes any more.
    pub fn cut(&self, one: Incarnation, other: Incarnation) {
        let mut state = self.lock();
        state.cuts.extend([(one, other), (other, one)]);
        state.close_streams(|from, to| (from, to) == (one, other) || (from, to) == (other, one));
    }

    /// Ends a cut; the streams open again.
    pub fn mend(&self, one: Incarnation, other: Incarnation) {
        let mut state = self.lock();
        state.cuts.remove(&(one, other));
        state.cuts.remove(&(other, one));
        state.open_streams();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell_peers(&mut self) {
        for (me, node) in self.nodes.iter().filter(|(_, node)| node.knows_all) {
            let others = self.nodes.values().map(|other| other.peer.clone());
            node.peers.send_replace(others.filter(|peer| peer.incarnation != *me).collect());
        }
        self.open_streams();
    }

    fn open_streams(&mut self) {
        let ready: Vec<(Incarnation, Arc<dyn Service>)> =
            self.nodes.iter().filter_map(|(id, node)| Some((*id, node.service.clone()?))).collect();
        for (from, sender) in &ready {
            for (to, receiver) in &ready {
                let pair = (*from, *to);
                let is_open = self.streams.get(&pair).is_some_and(|stream| stream.queue.is_some());
                let known = self.nodes[from].knows(*to) && self.nodes[to].knows(*from);
                if from == to || is_open || !known || self.cuts.contains(&pair) {
                    continue;
                }
                let former = self.streams.remove(&pair).map(|stream| stream.task);
                let (queue, frames) = mpsc::channel(QUEUE);
                let deliver = deliver(pair, sender.clone(), receiver.clone(), frames);
                let task = tokio::spawn(async move {
                    if let Some(former) = former {
                        drop(former.await);
                    }
                    deliver.await;
                });
                self.streams.insert(pair, Stream { queue: Some(queue), task });
            }
        }
    }

    fn close_streams(&mut self, gone: impl Fn(Incarnation, Incarnation) -> bool) {
        for ((from, to), stream) in &mut self.streams {
            if gone(*from, *to) {
                stream.queue = None;
            }
        }
    }
}

async fn deliver(
    (from, to): (Incarnation, Incarnation),
    sender: Arc<dyn Service>,
    receiver: Arc<dyn Service>,
    mut frames: mpsc::Receiver<Bytes>,
) {
    receiver.stream_opened(from, Way::From);
    sender.stream_opened(to, Way::To);
    while let Some(frame) = frames.recv().await {
        receiver.frame(from, frame);
    }
    sender.stream_closed(to, Way::To);
    receiver.stream_closed(from, Way::From);
}

/// A node's end in a [`Network`].
pub struct MemoryLink {
    network: Network,
    me: Mutex<Incarnation>,
    peers: watch::Sender<Vec<Peer>>,
    /// Kept for the runs to come.
    served: Mutex<Served>,
}

#[derive(Default)]
struct Served {
    service: Option<Arc<dyn Service>>,
    control: Option<Arc<dyn Control>>,
}

impl std::fmt::Debug for MemoryLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLink").field("me", &self.me()).finish_non_exhaustive()
    }
}

impl MemoryLink {
    fn me(&self) -> Incarnation {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the peer's part that shall answer, asks it, and judges what comes of it.
    async fn ask<S, F>(
        &self,
        to: Incarnation,
        deadline: Duration,
        part: impl Fn(&Node) -> Option<S>,
        ask: impl FnOnce(S, Incarnation) -> F,
    ) -> Result<Bytes, CallError>
    where
        F: Future<Output = Bytes>,
    {
        let me = self.me();
        let asked = {
            let state = self.network.lock();
            if state.cuts.contains(&(me, to)) {
                return Err(CallError::NotSent(Arc::new(Cut)));
            }
            let node = state.nodes.get(&to).ok_or(CallError::NoSuchPeer)?;
            part(node).ok_or(CallError::Refused)?
        };
        let lost = |cause: Cause| CallError::OutcomeUnknown(cause);
        let answer = tokio::time::timeout(deadline, ask(asked, me)).await;
        let answer = answer.map_err(|_| lost(Arc::new(Late(deadline))))?;
        if self.network.lock().cuts.contains(&(me, to)) {
            return Err(lost(Arc::new(Cut)));
        }
        Ok(answer)
    }
}

#[async_trait]
impl Link for MemoryLink {
    async fn call(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        let part = |node: &Node| node.service.clone();
        self.ask(to, deadline, part, async move |service: Arc<dyn Service>, me| {
            service.call(me, request).await
        })
        .await
    }

    fn send(&self, to: Incarnation, frame: Bytes) -> Result<(), SendError> {
        let state = self.network.lock();
        let stream = state.streams.get(&(self.me(), to));
        let queue = stream.and_then(|stream| stream.queue.as_ref()).ok_or(SendError::Gone)?;
        queue.try_send(frame).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Gone,
        })
    }

    fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.peers.subscribe()
    }

    fn serve(&self, service: Arc<dyn Service>) {
        self.served().service = Some(service.clone());
        let mut state = self.network.lock();
        if let Some(node) = state.nodes.get_mut(&self.me()) {
            node.service = Some(service);
        }
        state.open_streams();
    }
}

#[async_trait]
impl Transport for MemoryLink {
    fn begin(&self, incarnation: Incarnation) -> Identity {
        let former =
            std::mem::replace(&mut *self.me.lock().unwrap_or_else(PoisonError::into_inner), incarnation);
        self.network.leave(former);
        let address = incarnation.to_string();
        let peer = Peer { incarnation, node: NodeName::new(""), address: address.clone() };
        let Served { service, control } = &*self.served();
        let node = Node {
            peer,
            service: service.clone(),
            control: control.clone(),
            peers: self.peers.clone(),
            knows_all: false,
        };
        self.peers.send_replace(Vec::new());
        self.network.lock().nodes.insert(incarnation, node);
        Identity { address, certificate: None }
    }

    fn know(&self, living: &[Member]) {
        let me = self.me();
        let others = living.iter().filter(|member| member.incarnation != me);
        let others: Vec<Peer> = others.map(Peer::of).collect();
        let mut state = self.network.lock();
        let is_known = |other: Incarnation| others.iter().any(|peer| peer.incarnation == other);
        state.close_streams(|from, to| (from == me && !is_known(to)) || (to == me && !is_known(from)));
        self.peers.send_replace(others);
        state.open_streams();
    }

    async fn control(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        let part = |node: &Node| node.control.clone();
        self.ask(to, deadline, part, async move |control: Arc<dyn Control>, me| {
            control.control(me, request).await
        })
        .await
    }

    fn serve_control(&self, control: Arc<dyn Control>) {
        self.served().control = Some(control.clone());
        if let Some(node) = self.network.lock().nodes.get_mut(&self.me()) {
            node.control = Some(control);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Incarnation = Incarnation(Uuid::from_u128(1));
    const B: Incarnation = Incarnation(Uuid::from_u128(2));
    const SOON: Duration = Duration::from_secs(1);

    /// Answers with what it was asked, and keeps a diary.
    struct Echo(mpsc::Sender<String>);

    #[async_trait]
    impl Service for Echo {
        async fn call(&self, _from: Incarnation, request: Bytes) -> Bytes {
            if request == "sleep" {
                std::future::pending::<()>().await;
            }
            request
        }

        fn frame(&self, _from: Incarnation, frame: Bytes) {
            self.note(String::from_utf8_lossy(&frame).into_owned());
        }

        fn stream_opened(&self, _peer: Incarnation, way: Way) {
            self.note(format!("opened {way}"));
        }

        fn stream_closed(&self, _peer: Incarnation, way: Way) {
            self.note(format!("closed {way}"));
        }
    }

    impl Echo {
        fn note(&self, text: String) {
            self.0.try_send(text).expect("room in the diary");
        }
    }

    fn join(network: &Network, incarnation: Incarnation) -> (Arc<MemoryLink>, mpsc::Receiver<String>) {
        let peer = Peer { incarnation, node: NodeName::new("n"), address: String::new() };
        let link = network.join(peer);
        let (notes, diary) = mpsc::channel(100);
        link.serve(Arc::new(Echo(notes)));
        (link, diary)
    }

    /// What is noted of one way of streams, up to a text.
    async fn until(diary: &mut mpsc::Receiver<String>, last: &str) -> Vec<String> {
        let way = if last == "opened to" { "to" } else { "from" };
        let mut notes: Vec<String> = Vec::new();
        while notes.last().is_none_or(|note| note != last) {
            let noted = tokio::time::timeout(Duration::from_secs(10), diary.recv()).await;
            let noted = noted.expect("in time").expect("a note");
            if !noted.contains(' ') || noted.ends_with(way) {
                notes.push(noted);
            }
        }
        notes
    }

    #[tokio::test]
    async fn calls_are_answered_and_their_failures_told_apart() {
        let network = Network::default();
        let (a, _diary) = join(&network, A);
        let (_b, _diary) = join(&network, B);
        assert_eq!(a.call(B, Bytes::from("hello"), SOON).await.expect("an answer"), "hello");
        let late = a.call(B, Bytes::from("sleep"), Duration::from_millis(5)).await.expect_err("no answer");
        assert!(matches!(late, CallError::OutcomeUnknown(_)) && !late.nothing_was_done());
        network.cut(A, B);
        let cut = a.call(B, Bytes::new(), SOON).await.expect_err("cut");
        assert!(matches!(cut, CallError::NotSent(_)) && cut.nothing_was_done());
        network.leave(B);
        network.mend(A, B);
        assert!(matches!(a.call(B, Bytes::new(), SOON).await, Err(CallError::NoSuchPeer)));
    }

    #[tokio::test]
    async fn frames_keep_their_order_and_a_cut_is_told_to_both_ends() {
        let network = Network::default();
        let (a, mut at_a) = join(&network, A);
        assert_eq!(a.send(B, Bytes::from("early")), Err(SendError::Gone));
        let (_b, mut at_b) = join(&network, B);
        for text in ["1", "2", "3"] {
            a.send(B, Bytes::from(text)).expect("room");
        }
        assert_eq!(until(&mut at_b, "3").await, ["opened from", "1", "2", "3"]);
        network.cut(A, B);
        assert_eq!(a.send(B, Bytes::from("lost")), Err(SendError::Gone));
        network.mend(A, B);
        a.send(B, Bytes::from("4")).expect("room");
        assert_eq!(until(&mut at_b, "4").await, ["closed from", "opened from", "4"]);
        assert_eq!(until(&mut at_a, "opened to").await, ["opened to"]);
        assert_eq!(until(&mut at_a, "opened to").await, ["closed to", "opened to"]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let network = Network::default();
        let (a, _at_a) = join(&network, A);
        let (_b, _at_b) = join(&network, B);
        // The delivering task does not run until this one waits.
        let taken = (0..QUEUE + 10).filter(|_| a.send(B, Bytes::from("x")).is_ok()).count();
        assert_eq!(taken, QUEUE);
        assert_eq!(a.send(B, Bytes::from("x")), Err(SendError::Full));
    }

    #[tokio::test]
    async fn peers_are_those_who_joined() {
        let network = Network::default();
        let (a, _diary) = join(&network, A);
        let mut peers = a.peers();
        assert!(peers.borrow_and_update().is_empty());
        let (_b, _diary) = join(&network, B);
        assert!(peers.has_changed().expect("open"));
        assert_eq!(peers.borrow_and_update()[0].incarnation, B);
        network.leave(B);
        assert!(peers.borrow_and_update().is_empty());
    }
}
