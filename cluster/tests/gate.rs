//! The validation gate and the start of a node, over tables that a test can hold back.

mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use switchboard_cluster::gate::Gate;
use switchboard_cluster::{
    Epoch, Incarnation, Member, NodeName, NotValid, Ownership, OwnershipOptions, OwnershipTables, Shard,
    ShardCount, StartError,
};
use tables::Tables;
use uuid::Uuid;

fn incarnation(number: u128) -> Incarnation {
    Incarnation(Uuid::from_u128(number))
}

fn options(node: &str, number: u128, now_us: i64) -> OwnershipOptions {
    OwnershipOptions {
        node: NodeName::new(node),
        address: String::new(),
        certificate: None,
        incarnation: incarnation(number),
        shards: ShardCount::new(256).expect("a power of two"),
        clock: Arc::new(move || now_us),
    }
}

async fn gate_of(tables: &Arc<Tables>, me: Incarnation) -> Gate {
    tables.join(Member::new(me, NodeName::new("a"))).await.expect("a place");
    Gate::start(tables.clone(), me)
}

/// Lets every task that can run do so; with paused time nothing else moves.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_served_only_by_a_read_that_started_after_it_joined() {
    let tables = Tables::new();
    let gate = gate_of(&tables, incarnation(1)).await;
    let first = tokio::spawn({
        let gate = gate.clone();
        async move { gate.validate().await }
    });
    settle().await;
    assert_eq!(tables.reads_started.load(Ordering::SeqCst), 1);
    // The fence is committed while the first read, which saw "valid", is still on its way.
    tables.fence(incarnation(1)).await.expect("a fence");
    let second = tokio::spawn({
        let gate = gate.clone();
        async move { gate.validate().await }
    });
    settle().await;
    assert_eq!(tables.reads_started.load(Ordering::SeqCst), 2, "the second waiter got a read of its own");
    tables.reads_may_end.add_permits(2);
    first.await.expect("a task").expect("its read began before the fence");
    assert!(matches!(second.await.expect("a task"), Err(NotValid::Fenced)));
}

#[tokio::test(start_paused = true)]
async fn waiters_share_reads_and_at_most_two_overlap() {
    let tables = Tables::new();
    let gate = gate_of(&tables, incarnation(1)).await;
    let mut waiters = Vec::new();
    for _ in 0..100 {
        waiters.push(tokio::spawn({
            let gate = gate.clone();
            async move { gate.validate().await }
        }));
        settle().await;
    }
    assert_eq!(tables.reads_started.load(Ordering::SeqCst), 2);
    tables.reads_may_end.add_permits(3);
    for waiter in waiters {
        waiter.await.expect("a task").expect("valid");
    }
    assert_eq!(tables.reads_started.load(Ordering::SeqCst), 3, "98 waiters shared the third read");
}

#[tokio::test(start_paused = true)]
async fn a_fence_refuses_all_who_wait_and_all_who_come_later() {
    let tables = Tables::new();
    let gate = gate_of(&tables, incarnation(1)).await;
    tables.fence(incarnation(1)).await.expect("a fence");
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            tokio::spawn({
                let gate = gate.clone();
                async move { gate.validate().await }
            })
        })
        .collect();
    settle().await;
    tables.reads_may_end.add_permits(1);
    for waiter in waiters {
        assert!(matches!(waiter.await.expect("a task"), Err(NotValid::Fenced)));
    }
    assert!(*gate.fenced().borrow());
    assert!(matches!(gate.validate().await, Err(NotValid::Fenced)));
}

#[tokio::test(start_paused = true)]
async fn tables_in_memory_are_read_by_each_waiter_itself() {
    let tables = Tables::open();
    tables.local.store(true, Ordering::SeqCst);
    let gate = gate_of(&tables, incarnation(1)).await;
    for reads in 1..=5 {
        gate.validate().await.expect("valid");
        assert_eq!(tables.reads_started.load(Ordering::SeqCst), reads);
    }
    // Trouble is the task's to wait out, and a fence the task's to tell everybody.
    tables.failing_reads.store(3, Ordering::SeqCst);
    gate.validate().await.expect("valid after the trouble");
    tables.fence(incarnation(1)).await.expect("a fence");
    assert!(matches!(gate.validate().await, Err(NotValid::Fenced)));
    assert!(*gate.fenced().borrow());
    let reads = tables.reads_started.load(Ordering::SeqCst);
    assert!(matches!(gate.validate().await, Err(NotValid::Fenced)));
    assert_eq!(tables.reads_started.load(Ordering::SeqCst), reads, "nothing is read once the fence is known");
}

#[tokio::test(start_paused = true)]
async fn a_missing_row_counts_as_fenced() {
    let tables = Tables::open();
    let gate = Gate::start(tables, incarnation(9));
    assert!(matches!(gate.validate().await, Err(NotValid::Fenced)));
}

#[tokio::test(start_paused = true)]
async fn a_short_trouble_of_the_tables_is_waited_out() {
    let tables = Tables::open();
    let gate = gate_of(&tables, incarnation(1)).await;
    tables.failing_reads.store(3, Ordering::SeqCst);
    gate.validate().await.expect("valid after the trouble");
}

#[tokio::test(start_paused = true)]
async fn a_long_trouble_of_the_tables_is_told() {
    let tables = Tables::open();
    let gate = gate_of(&tables, incarnation(1)).await;
    tables.failing_reads.store(1_000_000, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    assert!(matches!(gate.validate().await, Err(NotValid::Unavailable(_))));
    assert!((2..4).contains(&began.elapsed().as_secs()));
    tables.failing_reads.store(0, Ordering::SeqCst);
    gate.validate().await.expect("the gate goes on");
}

#[tokio::test]
async fn a_node_alone_owns_every_shard() {
    let node = Ownership::start(Tables::open(), options("a", 1, 500)).await.expect("a start");
    assert_eq!(node.owned().len(), 256);
    assert_eq!(node.epoch(Shard(0)), Some(Epoch(500)));
    assert_eq!(node.epoch(Shard(256)), None);
    node.confirm().await.expect("valid");
}

#[tokio::test]
async fn a_restart_fences_its_predecessor_and_its_epochs_grow() {
    let tables = Tables::open();
    let first = Ownership::start(tables.clone(), options("a", 1, 500)).await.expect("a start");
    // The clock of the second run is behind that of the first.
    let second = Ownership::start(tables.clone(), options("a", 2, 400)).await.expect("a start");
    assert!(second.owned().iter().all(|(_, epoch)| *epoch == Epoch(501)));
    assert_eq!(second.owned().len(), 256);
    assert!(matches!(first.confirm().await, Err(NotValid::Fenced)));
    assert_eq!(first.epoch(Shard(0)), None);
    assert!(first.is_fenced() && !second.is_fenced());
    let members: Vec<_> = tables.members().await.expect("members");
    assert_eq!(members.len(), 1, "the predecessor is forgotten once it owns nothing: {members:?}");
}

#[tokio::test]
async fn a_second_node_leaves_the_shards_of_the_first_alone() {
    let tables = Tables::open();
    let first = Ownership::start(tables.clone(), options("a", 1, 500)).await.expect("a start");
    let second = Ownership::start(tables.clone(), options("b", 2, 600)).await.expect("a start");
    assert_eq!((first.owned().len(), second.owned().len()), (256, 0));
    assert_eq!(second.known_owner(Shard(7)).map(|row| row.owner), Some(incarnation(1)));
    first.confirm().await.expect("still valid");
}

#[tokio::test]
async fn another_number_of_shards_is_refused() {
    let tables = Tables::open();
    let _node = Ownership::start(tables.clone(), options("a", 1, 500)).await.expect("a start");
    let other = OwnershipOptions { shards: ShardCount::DEFAULT, ..options("b", 2, 500) };
    assert!(matches!(Ownership::start(tables, other).await, Err(StartError::OtherLayout { .. })));
}

#[tokio::test]
async fn stepping_down_fences_oneself() {
    let ticks = Arc::new(AtomicI64::new(0));
    let clock = {
        let ticks = ticks.clone();
        Arc::new(move || ticks.fetch_add(1, Ordering::SeqCst) + 1)
    };
    let node = Ownership::start(Tables::open(), OwnershipOptions { clock, ..options("a", 1, 0) })
        .await
        .expect("a start");
    node.step_down().await.expect("a fence");
    assert!(matches!(node.confirm().await, Err(NotValid::Fenced)));
    assert!(*node.fenced().borrow());
}
