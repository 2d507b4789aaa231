//! Whole nodes in one process: the loop, tables in memory, links that are cut. Time is paused and jumps while all wait.

mod tables;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchboard_cluster::link::memory::{MemoryLink, Network};
use switchboard_cluster::link::{Link as _, Transport};
use switchboard_cluster::node::{End, OrderError};
use switchboard_cluster::steward::Times;
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Incarnation, Layout, Member, Node, NodeName, NodeOptions, NotValid, Occupant,
    Owner, Ownership, OwnershipTables, Shard, ShardCount, ShardEvent, ShardRow, TableError,
};
use tables::{Tables, ToldToFail};
use uuid::Uuid;

const SHARDS: u32 = 256;

/// The tables as one node reaches them.
struct Reached {
    tables: Arc<Tables>,
    cut: AtomicBool,
    /// So many newcomers are put on record without a word.
    silent_joins: AtomicUsize,
    /// Milliseconds that claims take.
    slow_claims: AtomicU64,
}

impl Reached {
    fn check(&self) -> Result<(), TableError> {
        match self.cut.load(Ordering::SeqCst) {
            true => Err(TableError::Unavailable(Arc::new(ToldToFail))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl OwnershipTables for Reached {
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError> {
        self.check()?;
        self.tables.agree_layout(wanted).await
    }
    async fn members(&self) -> Result<Vec<Member>, TableError> {
        self.check()?;
        self.tables.members().await
    }
    async fn join(&self, member: Member) -> Result<(), TableError> {
        self.check()?;
        self.tables.join(member).await?;
        let silent = self.silent_joins.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match silent {
            Ok(_) => Err(TableError::Unavailable(Arc::new(ToldToFail))),
            Err(_) => Ok(()),
        }
    }
    async fn vote(&self, a: Incarnation, v: Incarnation, yes: bool) -> Result<Vec<Incarnation>, TableError> {
        self.check()?;
        self.tables.vote(a, v, yes).await
    }
    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.check()?;
        self.tables.fence(incarnation).await
    }
    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.check()?;
        self.tables.forget(incarnation).await
    }
    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError> {
        self.check()?;
        self.tables.is_valid(incarnation).await
    }
    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        self.check()?;
        self.tables.shards().await
    }
    async fn shard_rows(&self, shards: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        self.check()?;
        self.tables.shard_rows(shards).await
    }
    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError> {
        self.check()?;
        tokio::time::sleep(Duration::from_millis(self.slow_claims.load(Ordering::SeqCst))).await;
        self.tables.claim(claims).await
    }
}

/// Nodes that share tables and a network.
struct Cluster {
    network: Network,
    tables: Arc<Tables>,
    runs: Arc<AtomicU64>,
}

struct Running {
    node: Node,
    store: Arc<Reached>,
    link: Arc<MemoryLink>,
}

impl Running {
    fn owned(&self) -> usize {
        self.node.ownership().owned().len()
    }

    fn run(&self) -> Incarnation {
        self.node.ownership().incarnation()
    }
}

impl Cluster {
    fn new() -> Self {
        Self { network: Network::default(), tables: Tables::open(), runs: Arc::default() }
    }

    async fn start(&self, name: &str) -> Running {
        self.start_slowly(name, Duration::ZERO).await
    }

    /// Starts a node whose claims take so long.
    async fn start_slowly(&self, name: &str, claims: Duration) -> Running {
        let store = Arc::new(Reached {
            tables: self.tables.clone(),
            cut: AtomicBool::new(false),
            silent_joins: AtomicUsize::default(),
            slow_claims: AtomicU64::new(claims.as_millis() as u64),
        });
        let link = self.network.transport();
        let runs = self.runs.clone();
        let options = NodeOptions {
            node: NodeName::new(name),
            shards: ShardCount::new(SHARDS).expect("a power of two"),
            clock: Arc::new(|| 1),
            fresh: Arc::new(move || {
                Incarnation(Uuid::from_u128(u128::from(runs.fetch_add(1, Ordering::SeqCst)) + 1))
            }),
            times: Times { rebalance_after: Duration::from_secs(10), ..Times::default() },
            vacate_within: Duration::from_secs(1),
        };
        let transport: Arc<dyn Transport> = link.clone();
        let node = Node::start(store.clone(), transport, options).await.expect("a start");
        Running { node, store, link }
    }

    /// Three nodes that have evened out their shares.
    async fn three(&self) -> [Running; 3] {
        let nodes = [self.start("a").await, self.start("b").await, self.start("c").await];
        until("shares are even", || nodes.iter().all(|node| node.owned() > 50)).await;
        until("nothing moves", || nodes.iter().map(Running::owned).sum::<usize>() == SHARDS as usize).await;
        nodes
    }

    /// Nothing passes between a node and the others any more.
    fn isolate(&self, one: &Running, others: &[&Running]) {
        others.iter().for_each(|other| self.network.cut(one.run(), other.run()));
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(600), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(start_paused = true)]
async fn links_know_those_who_come_later_and_forget_those_who_go() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let linked = |node: &Running| -> Vec<Incarnation> {
        let mut peers: Vec<_> = node.link.peers().borrow().iter().map(|peer| peer.incarnation).collect();
        peers.sort();
        peers
    };
    assert_eq!(linked(&a), [b.run(), c.run()]);
    assert_eq!(linked(&b), [a.run(), c.run()]);
    assert_eq!(linked(&c), [a.run(), b.run()]);
    b.node.leave(Duration::from_secs(60)).await;
    until("b is forgotten", || linked(&a) == [c.run()] && linked(&c) == [a.run()]).await;
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_its_share_and_everybody_knows() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    for shard in (0..SHARDS).map(Shard) {
        let owners: Vec<Owner> = [&a, &b, &c].map(|one| one.node.ownership().owner(shard)).to_vec();
        let here = owners.iter().filter(|owner| matches!(owner, Owner::Here(_))).count();
        assert_eq!(here, 1, "{shard}: {owners:?}");
    }
    let status = a.node.status().await.expect("a status");
    assert_eq!((status.members.len(), status.unowned), (3, 0));
    assert_eq!(status.members.iter().map(|member| member.shards).sum::<u32>(), SHARDS);
    assert!(status.members.iter().all(|member| !member.suspect && !member.draining));
}

#[tokio::test(start_paused = true)]
async fn shards_of_a_node_that_fell_silent_are_taken_by_the_others() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let (shard, epoch) = c.node.ownership().owned()[0];
    let began = tokio::time::Instant::now();
    cluster.isolate(&c, &[&a, &b]);
    c.store.cut.store(true, Ordering::SeqCst);
    until("two own all", || a.owned() + b.owned() == SHARDS as usize).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let taken = [&a, &b].into_iter().find_map(|one| one.node.ownership().epoch(shard));
    assert!(taken.expect("an owner") > epoch);
    let counts = a.node.counts();
    assert!(counts.claims > 0 && counts.conditional_writes >= counts.claims);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_cut_off_acknowledges_nothing_and_comes_back_as_another_run() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let former = c.run();
    let (shard, epoch) = c.node.ownership().owned()[0];
    let mut events = c.node.ownership().events();
    cluster.isolate(&c, &[&a, &b]);
    c.store.cut.store(true, Ordering::SeqCst);
    until("two own all", || a.owned() + b.owned() == SHARDS as usize).await;
    c.store.cut.store(false, Ordering::SeqCst);
    assert!(c.node.ownership().validate(shard, epoch).await.is_err());
    until("another run", || c.run() != former).await;
    assert!(matches!(c.node.ownership().validate(shard, epoch).await, Err(NotValid::Moved)));
    until("shares are even", || c.owned() > 50).await;
    let mut lost = 0;
    while let Ok(event) = events.try_recv() {
        lost += usize::from(matches!(event, ShardEvent::Lost(..)));
    }
    assert!(lost > 50, "{lost}");
    assert_eq!(c.node.counts().rebirths, 1);
    assert!(c.node.ended().borrow().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_at_its_claims_is_not_taken_for_dead() {
    const SLOW: Duration = Duration::from_secs(10);
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    // Started again, it claims what its former run had.
    drop(c);
    let c = cluster.start_slowly("c", SLOW).await;
    let first = c.run();
    until("all is owned", || a.owned() + b.owned() + c.owned() == SHARDS as usize && c.owned() > 50).await;
    assert_eq!((c.run(), c.node.counts().rebirths), (first, 0));
    assert_eq!((a.node.counts().votes, b.node.counts().votes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_its_own_that_could_not_begin_is_no_other_process() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let former = c.run();
    c.store.silent_joins.store(2, Ordering::SeqCst);
    cluster.isolate(&c, &[&a, &b]);
    until("c works again", || c.node.ended().borrow().is_some() || (c.run() != former && c.owned() > 50))
        .await;
    assert!(c.node.ended().borrow().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_was_drained_stays_so_when_it_goes_on_as_another_run() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    a.node.drain("c").await.expect("an order");
    until("c is empty", || c.owned() == 0).await;
    let former = c.run();
    cluster.isolate(&c, &[&a, &b]);
    until("c is another run", || c.run() != former).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((c.owned(), a.owned() + b.owned()), (0, SHARDS as usize));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_begin_anew_says_so_to_its_operator() {
    let cluster = Cluster::new();
    let [_a, _b, c] = cluster.three().await;
    let former = c.run();
    cluster.tables.fence(former).await.expect("fenced");
    until("c knows", || c.node.ownership().is_fenced()).await;
    c.store.cut.store(true, Ordering::SeqCst);
    let asked = tokio::time::timeout(Duration::from_secs(60), c.node.status()).await;
    assert!(matches!(asked, Ok(Err(OrderError::BetweenRuns))), "{asked:?}");
    c.store.cut.store(false, Ordering::SeqCst);
    until("c is another run", || c.run() != former).await;
    c.node.status().await.expect("a status");
}

#[tokio::test(start_paused = true)]
async fn who_lost_sight_of_the_others_is_fenced_not_they() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let runs = [a.run(), b.run()];
    let former = c.run();
    cluster.isolate(&c, &[&a, &b]);
    until("c is another run", || c.run() != former).await;
    assert_eq!([a.run(), b.run()], runs);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_reach_the_tables_is_relieved_though_it_answers_pings() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    c.store.cut.store(true, Ordering::SeqCst);
    until("two own all", || a.owned() + b.owned() == SHARDS as usize).await;
    assert!(*c.node.ownership().impaired().borrow());
}

#[tokio::test(start_paused = true)]
async fn when_nobody_reaches_the_tables_nobody_is_accused() {
    let cluster = Cluster::new();
    let nodes = cluster.three().await;
    let runs: Vec<_> = nodes.iter().map(Running::run).collect();
    nodes.iter().for_each(|node| node.store.cut.store(true, Ordering::SeqCst));
    tokio::time::sleep(Duration::from_secs(20)).await;
    nodes.iter().for_each(|node| node.store.cut.store(false, Ordering::SeqCst));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(nodes.iter().map(Running::run).collect::<Vec<_>>(), runs);
    assert!(nodes.iter().all(|node| node.owned() > 50));
}

/// Notes for which shards work was ended.
struct Diary {
    ownership: Ownership,
    announced: Mutex<Vec<Shard>>,
    ended: Mutex<Vec<Shard>>,
    last: Vec<Shard>,
}

#[async_trait]
impl Occupant for Diary {
    async fn announce(&self, shard: Shard, to: Incarnation) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(self.ownership.epoch(shard).is_some(), "work goes on while the next owner prepares itself");
        assert_ne!(to, self.ownership.incarnation());
        self.announced.lock().expect("a diary").push(shard);
    }

    fn leave_last(&self) -> Vec<Shard> {
        self.last.clone()
    }

    async fn vacate(&self, shard: Shard, epoch: Epoch) {
        assert!(self.announced.lock().expect("a diary").contains(&shard), "the next owner was told first");
        assert!(self.ownership.epoch(shard).is_none(), "nothing new begins");
        assert!(self.ownership.holds(shard, epoch), "what is under way can be answered");
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.ended.lock().expect("a diary").push(shard);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_hands_its_shards_over_and_nobody_is_suspected() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    let ownership = c.node.ownership().clone();
    let all: Vec<Shard> = ownership.owned().into_iter().map(|(shard, _)| shard).collect();
    // Neither the first nor the last in order.
    let mut last = vec![all[1], all[all.len() / 2]];
    let (announced, ended) = (Mutex::default(), Mutex::default());
    let diary = Arc::new(Diary { ownership, announced, ended, last: last.clone() });
    c.node.ownership().occupied_by(diary.clone());
    // The node asks which shards go last from time to time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let owned = c.owned();
    let claims = || a.node.counts().claims + b.node.counts().claims;
    let before = claims();
    let (shard, epoch) = c.node.ownership().owned()[0];
    c.node.leave(Duration::from_secs(30)).await;
    let ended = diary.ended.lock().expect("a diary").clone();
    assert_eq!(ended.len(), owned);
    let mut went_last = ended[owned - last.len()..].to_vec();
    went_last.sort();
    last.sort();
    assert_eq!(went_last, last);
    until("two own all", || a.owned() + b.owned() == SHARDS as usize).await;
    assert!(c.node.ownership().validate(shard, epoch).await.is_err());
    assert_eq!(c.node.counts().hand_overs, owned as u64);
    assert_eq!((claims(), a.node.counts().fences), (before, 0), "nothing was claimed, nobody fenced");
    until("it has ended", || *c.node.ended().borrow() == Some(End::Left)).await;
}

#[tokio::test(start_paused = true)]
async fn a_drained_node_stays_without_shards() {
    let cluster = Cluster::new();
    let [a, b, c] = cluster.three().await;
    assert!(matches!(a.node.drain("nobody").await, Err(OrderError::NoSuchNode(_))));
    a.node.drain("b").await.expect("an order");
    until("b is empty", || b.owned() == 0 && a.owned() + c.owned() == SHARDS as usize).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(b.owned(), 0);
    a.node.rebalance().await.expect("an order");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(b.owned(), 0, "it wants none");
}

#[tokio::test(start_paused = true)]
async fn the_last_node_cannot_be_drained() {
    let cluster = Cluster::new();
    let a = cluster.start("a").await;
    assert!(matches!(a.node.drain("a").await, Err(OrderError::NobodyElse)));
    a.node.leave(Duration::from_secs(5)).await;
    until("it has ended", || a.node.ended().borrow().is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_with_one_name_the_elder_ends() {
    let cluster = Cluster::new();
    let elder = cluster.start("a").await;
    let younger = cluster.start("a").await;
    until("the elder ends", || matches!(*elder.node.ended().borrow(), Some(End::Replaced(_)))).await;
    assert_eq!((elder.owned(), younger.owned()), (0, SHARDS as usize));
    younger.node.ownership().confirm().await.expect("valid");
}
