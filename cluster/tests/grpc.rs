//! The network link, over real sockets and real TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use switchboard_cluster::link::grpc::GrpcLink;
use switchboard_cluster::link::{Control, Identity, Link, Transport};
use switchboard_cluster::{CallError, Incarnation, Member, NodeName, SendError, Service, Way};
use uuid::Uuid;

const A: Incarnation = Incarnation(Uuid::from_u128(1));
const B: Incarnation = Incarnation(Uuid::from_u128(2));
const SOON: Duration = Duration::from_secs(20);
/// For calls that are never answered: even on a slow machine they have begun by then.
const LATE: Duration = Duration::from_secs(5);

/// Answers with what it was asked, and keeps a diary.
#[derive(Default)]
struct Echo(Mutex<Vec<String>>);

impl Echo {
    fn note(&self, text: String) {
        self.0.lock().expect("a diary").push(text);
    }

    fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    fn count(&self, text: &str) -> usize {
        self.0.lock().expect("a diary").iter().filter(|note| *note == text).count()
    }
}

#[async_trait]
impl Service for Echo {
    async fn call(&self, from: Incarnation, request: Bytes) -> Bytes {
        if request == "sleep" {
            std::future::pending::<()>().await;
        }
        self.note(format!("called by {from}"));
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

/// Answers in capitals, and counts strangers.
#[derive(Default)]
struct Capitals(Mutex<usize>);

#[async_trait]
impl Control for Capitals {
    async fn control(&self, _from: Incarnation, request: Bytes) -> Bytes {
        request.to_ascii_uppercase().into()
    }

    fn stranger(&self) {
        *self.0.lock().expect("a number") += 1;
    }
}

struct Node {
    link: Arc<GrpcLink>,
    echo: Arc<Echo>,
    capitals: Arc<Capitals>,
    row: Member,
}

fn member(incarnation: Incarnation, identity: Identity) -> Member {
    let Identity { address, certificate } = identity;
    Member { address, certificate, ..Member::new(incarnation, NodeName::new(incarnation.to_string())) }
}

fn node(incarnation: Incarnation) -> Node {
    let anywhere: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let link = GrpcLink::bind(anywhere, None).expect("a port");
    let row = member(incarnation, link.begin(incarnation));
    let (echo, capitals) = (Arc::new(Echo::default()), Arc::new(Capitals::default()));
    link.serve(echo.clone());
    link.serve_control(capitals.clone());
    Node { link, echo, capitals, row }
}

/// Two nodes that know each other, and are connected: a call waits only for a moment until its node is.
async fn two() -> (Node, Node) {
    let (a, b) = (node(A), node(B));
    let living = [a.row.clone(), b.row.clone()];
    a.link.know(&living);
    b.link.know(&living);
    until("streams both ways", || a.echo.has("opened to") && b.echo.has("opened to")).await;
    (a, b)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_control_reach_the_peer_that_is_meant() {
    let (a, b) = two().await;
    assert_eq!(a.link.call(B, Bytes::from("hello"), SOON).await.expect("an answer"), "hello");
    assert!(b.echo.has(&format!("called by {A}")));
    assert_eq!(b.link.control(A, Bytes::from("hello"), SOON).await.expect("an answer"), "HELLO");
    let large = Bytes::from(vec![7; 1_000_000]);
    assert_eq!(a.link.call(B, large.clone(), SOON).await.expect("an answer"), large);
    assert_eq!(a.link.peers().borrow()[0].incarnation, B);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_get_their_own_answers() {
    let (a, b) = two().await;
    let asker = |number: u32| {
        let link = a.link.clone();
        async move {
            let (request, within) = match number.is_multiple_of(10) {
                true => ("sleep".to_owned(), LATE),
                false => (number.to_string(), SOON),
            };
            (number, link.call(B, Bytes::from(request), within).await)
        }
    };
    let asked: Vec<_> = (0..1_000).map(|number| tokio::spawn(asker(number))).collect();
    for one in asked {
        let (number, answer) = one.await.expect("an outcome");
        match number.is_multiple_of(10) {
            true => assert!(matches!(answer, Err(CallError::OutcomeUnknown(_))), "{answer:?}"),
            false => assert_eq!(answer.expect("an answer"), number.to_string()),
        }
    }
    assert_eq!(b.echo.count(&format!("called by {A}")), 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_calls_are_told_apart() {
    let (a, b) = two().await;
    a.link.call(B, Bytes::new(), SOON).await.expect("connected");
    let late = a.link.call(B, Bytes::from("sleep"), LATE).await;
    assert!(matches!(late, Err(CallError::OutcomeUnknown(_))), "{late:?}");
    let nobody = a.link.call(Incarnation(Uuid::from_u128(9)), Bytes::new(), SOON).await;
    assert!(matches!(nobody, Err(CallError::NoSuchPeer)), "{nobody:?}");
    let huge = a.link.call(B, Bytes::from(vec![0; 17 * 1024 * 1024]), SOON).await;
    assert!(matches!(huge, Err(CallError::NotSent(_))), "{huge:?}");
    // B does not count A among the living any more.
    b.link.know(std::slice::from_ref(&b.row));
    let refused = a.link.call(B, Bytes::new(), SOON).await;
    // Refused on the connection that was there, or not sent once it has ended: in either case known not to have begun.
    assert!(matches!(refused, Err(CallError::Refused | CallError::NotSent(_))), "{refused:?}");
    until("the stream has ended", || a.echo.has("closed to")).await;
    let kept_out = a.link.call(B, Bytes::new(), Duration::from_secs(2)).await;
    assert!(matches!(kept_out, Err(CallError::NotSent(_))), "{kept_out:?}");
    a.link.know(std::slice::from_ref(&a.row));
    let gone = a.link.call(B, Bytes::new(), SOON).await;
    assert!(matches!(gone, Err(CallError::NoSuchPeer)), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_where_nobody_listens() {
    let a = node(A);
    let mut dead = member(B, Identity { address: "127.0.0.1:1".to_owned(), certificate: a.row.certificate });
    a.link.know(&[a.row.clone(), dead.clone()]);
    let unreachable = a.link.call(B, Bytes::new(), Duration::from_millis(300)).await;
    assert!(matches!(unreachable, Err(CallError::NotSent(_))), "{unreachable:?}");
    assert_eq!(a.link.send(B, Bytes::new()), Err(SendError::Gone));
    // Somebody listens who would let this node in, but has another certificate than the row says.
    let other = node(Incarnation(Uuid::from_u128(3)));
    other.link.know(&[other.row.clone(), a.row.clone()]);
    dead.address = other.row.address.clone();
    a.link.know(std::slice::from_ref(&a.row));
    a.link.know(&[a.row.clone(), dead]);
    let impostor = a.link.call(B, Bytes::new(), Duration::from_millis(600)).await;
    assert!(matches!(impostor, Err(CallError::NotSent(_))), "{impostor:?}");
    assert!(!other.echo.has(&format!("called by {A}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_let_in_once_the_record_shows_it() {
    let (a, b) = (node(A), node(B));
    let living = [a.row.clone(), b.row.clone()];
    a.link.know(&living);
    until("b saw a stranger", || *b.capitals.0.lock().expect("a number") > 0).await;
    let early = a.link.call(B, Bytes::new(), Duration::from_millis(100)).await;
    assert!(early.is_err() && b.echo.0.lock().expect("a diary").is_empty());
    b.link.know(&living);
    until("it is let in", || b.echo.has("opened from")).await;
    a.link.call(B, Bytes::new(), SOON).await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_arrive_in_order_and_both_ends_hear_of_the_end() {
    let (a, b) = two().await;
    for number in 0..2_000 {
        a.link.send(B, Bytes::from(format!("frame {number}"))).expect("room");
    }
    until("all arrived", || b.echo.has("frame 1999")).await;
    {
        let diary = b.echo.0.lock().expect("a diary");
        let frames: Vec<&String> = diary.iter().filter(|note| note.starts_with("frame")).collect();
        assert!(frames.iter().enumerate().all(|(number, note)| **note == format!("frame {number}")));
        assert_eq!(frames.len(), 2_000);
    }
    // B begins another run: what A had with the former is over.
    let living = [a.row.clone(), member(B, b.link.begin(B))];
    until("both heard", || a.echo.has("closed to") && b.echo.has("closed from")).await;
    a.link.know(std::slice::from_ref(&a.row));
    a.link.know(&living);
    b.link.know(&living);
    until("it opens again", || a.echo.count("opened to") >= 2 && b.echo.count("opened from") >= 2).await;
    a.link.send(B, Bytes::from("anew")).expect("room");
    until("it arrives", || b.echo.has("anew")).await;
}

/// Counts frames while nobody holds the lock.
#[derive(Default)]
struct Stuck {
    reads: Mutex<()>,
    count: AtomicUsize,
}

#[async_trait]
impl Service for Stuck {
    async fn call(&self, _from: Incarnation, request: Bytes) -> Bytes {
        request
    }

    fn frame(&self, _from: Incarnation, _frame: Bytes) {
        drop(self.reads.lock());
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn stream_opened(&self, _peer: Incarnation, _way: Way) {}

    fn stream_closed(&self, _peer: Incarnation, _way: Way) {}
}

async fn two_of_which_one_is_stuck() -> (Node, Node, Arc<Stuck>) {
    let (a, b) = (node(A), node(B));
    let stuck = Arc::new(Stuck::default());
    b.link.serve(stuck.clone());
    let living = [a.row.clone(), b.row.clone()];
    a.link.know(&living);
    b.link.know(&living);
    until("a stream", || a.echo.has("opened to")).await;
    (a, b, stuck)
}

/// HTTP/2 libraries take many small pieces that nobody reads for an attack. Here it is a busy node.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_small_frames_that_are_read_late_are_no_attack() {
    let (a, _b, stuck) = two_of_which_one_is_stuck().await;
    let waiting = tokio::task::spawn_blocking({
        let (stuck, link) = (stuck.clone(), a.link.clone());
        move || {
            let _hold = stuck.reads.lock().expect("a lock");
            for _ in 0..1_000 {
                link.send(B, Bytes::from("small")).expect("room");
                // Each in a piece of its own.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    waiting.await.expect("all sent");
    until("all arrived", || stuck.count.load(Ordering::SeqCst) == 1_000).await;
    assert!(!a.echo.has("closed to"), "the connection was ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_fills_the_queue_and_no_more() {
    let (a, _b, stuck) = two_of_which_one_is_stuck().await;
    let hold = stuck.reads.lock().expect("a lock");
    let frame = Bytes::from(vec![1; 64 * 1024]);
    let mut taken = 0;
    let full = loop {
        match a.link.send(B, frame.clone()) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000, "the queue has no bound");
    };
    assert_eq!(full, SendError::Full);
    drop(hold);
}
