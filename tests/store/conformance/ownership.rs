//! The ownership tables, and the crate `cluster` on top of them.

use std::sync::Arc;

use futures_util::future::join_all;
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Fingerprint, Layout, Member, NodeName, NotValid, Ownership, OwnershipOptions,
    OwnershipTables, Shard, ShardCount, ShardRow,
};

use super::{Setting, incarnation};

/// The layout of every store of this suite.
fn count() -> ShardCount {
    ShardCount::new(256).expect("a power of two")
}

pub(super) async fn a_layout_is_fixed_once(s: Setting) {
    let layout = s.store.agree_layout(Layout::new(count())).await.expect("an answer");
    assert_eq!(layout, Layout::new(count()));
    let again = s.store.agree_layout(Layout::new(ShardCount::DEFAULT)).await.expect("an answer");
    assert_eq!(again, layout);
}

pub(super) async fn members_join_are_fenced_and_forgotten(s: Setting) {
    let me = incarnation(0x4001);
    let other = incarnation(0x4002);
    assert!(!s.store.is_valid(me).await.expect("an answer"), "who is not on record is not valid");
    for (incarnation, node) in [(me, "a"), (other, "b")] {
        let node = NodeName::new(node);
        let certificate = Some(Fingerprint([7; 32]));
        let address = "host:7000".to_owned();
        let member = Member { address, certificate, ..Member::new(incarnation, node) };
        s.store.join(member.clone()).await.expect("a place");
        s.store.join(member.clone()).await.expect("twice is no error");
        assert!(s.store.is_valid(incarnation).await.expect("an answer"));
        assert!(s.store.members().await.expect("members").contains(&member));
    }
    for _ in 0..2 {
        s.store.fence(me).await.expect("a fence");
        assert!(!s.store.is_valid(me).await.expect("an answer"));
    }
    assert!(s.store.is_valid(other).await.expect("an answer"));
    let fenced =
        s.store.members().await.expect("members").into_iter().find(|member| member.incarnation == me);
    assert!(fenced.is_some_and(|member| member.fenced && member.node.as_str() == "a"));
    s.store.forget(me).await.expect("an answer");
    assert!(!s.store.is_valid(me).await.expect("an answer"));
    let members = s.store.members().await.expect("members");
    assert!(members.iter().all(|member| member.incarnation != me));
    s.store.fence(incarnation(0x4003)).await.expect("to fence nobody is no error");
    assert!(!s.store.is_valid(incarnation(0x4003)).await.expect("an answer"));
}

pub(super) async fn a_claim_is_won_only_from_the_expected_row(s: Setting) {
    let (a, b) = (incarnation(1), incarnation(2));
    let row = |owner, epoch| ShardRow { owner, epoch: Epoch(epoch) };
    let claim = |expected, wanted| Claim { shard: s.shard, expected, wanted };
    let cases = [
        (claim(Some(row(a, 5)), row(b, 6)), ClaimOutcome::Lost(None)),
        (claim(None, row(a, 5)), ClaimOutcome::Won),
        (claim(None, row(b, 6)), ClaimOutcome::Lost(Some(row(a, 5)))),
        (claim(Some(row(a, 4)), row(b, 6)), ClaimOutcome::Lost(Some(row(a, 5)))),
        (claim(Some(row(b, 5)), row(b, 6)), ClaimOutcome::Lost(Some(row(a, 5)))),
        (claim(Some(row(a, 5)), row(b, 6)), ClaimOutcome::Won),
        (claim(Some(row(a, 5)), row(a, 7)), ClaimOutcome::Lost(Some(row(b, 6)))),
    ];
    for (claim, wanted) in cases {
        assert_eq!(s.store.claim(&[claim]).await.expect("an answer"), [wanted], "{claim:?}");
    }
    let shards = s.store.shards().await.expect("shards");
    let mine: Vec<_> = shards.into_iter().filter(|(shard, _)| *shard == s.shard).collect();
    assert_eq!(mine, [(s.shard, row(b, 6))]);
    let read = s.store.shard_rows(&[s.shard, Shard(4_000)]).await.expect("rows");
    assert_eq!(read, [(s.shard, row(b, 6))], "one that was never claimed is left out");
}

pub(super) async fn votes_stand_against_the_living_only(s: Setting) {
    let [accused, one, other] = [0x4101, 0x4102, 0x4103].map(incarnation);
    let vote = async |voter, against| {
        let mut votes = s.store.vote(accused, voter, against).await.expect("an answer");
        votes.sort();
        votes
    };
    assert_eq!(vote(one, true).await, [], "who is not on record cannot be accused");
    s.store.join(Member::new(accused, NodeName::new("c"))).await.expect("a place");
    assert_eq!(vote(one, true).await, [one]);
    assert_eq!(vote(one, true).await, [one]);
    assert_eq!(vote(other, true).await, [one, other]);
    assert_eq!(vote(one, false).await, [other]);
    assert!(s.store.is_valid(accused).await.expect("an answer"), "a vote alone does nothing");
    s.store.fence(accused).await.expect("a fence");
    assert_eq!(vote(one, true).await, []);
    s.store.forget(accused).await.expect("an answer");
    assert!(!s.store.members().await.expect("members").iter().any(|member| member.incarnation == accused));
}

pub(super) async fn of_racing_claimers_one_wins(s: Setting) {
    let racers = (1..=5).map(|number| {
        let s = s.clone();
        let wanted = ShardRow { owner: incarnation(number), epoch: Epoch(number as i64) };
        tokio::spawn(async move {
            let claim = Claim { shard: s.shard, expected: None, wanted };
            (wanted, s.store.claim(&[claim]).await.expect("an answer")[0])
        })
    });
    let outcomes: Vec<_> = join_all(racers).await.into_iter().map(|racer| racer.expect("a racer")).collect();
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == ClaimOutcome::Won).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let winner = winners[0].0;
    for (wanted, outcome) in &outcomes {
        assert!(*wanted == winner || *outcome == ClaimOutcome::Lost(Some(winner)), "{outcomes:?}");
    }
}

pub(super) async fn a_restarted_node_takes_its_shards_back(s: Setting) {
    let start = |number: u128, now_us: i64| {
        let tables: Arc<dyn OwnershipTables> = s.store.clone();
        Ownership::start(
            tables,
            OwnershipOptions {
                node: NodeName::new("restarted"),
                address: String::new(),
                certificate: None,
                incarnation: incarnation(number),
                shards: count(),
                clock: Arc::new(move || now_us),
            },
        )
    };
    // Where cases share a store, other members and owners may be on record; this node gets what they leave.
    for member in s.store.members().await.expect("members") {
        s.store.fence(member.incarnation).await.expect("a fence");
    }
    let first = start(0x5001, 5_000_000).await.expect("a start");
    assert_eq!(first.owned().len(), 256);
    first.confirm().await.expect("valid");
    let second = start(0x5002, 1).await.expect("a start");
    assert_eq!(second.owned().len(), 256);
    for ((shard, before), (_, after)) in first.owned().iter().zip(second.owned()) {
        assert!(after > *before, "shard {shard}");
    }
    second.confirm().await.expect("valid");
    assert!(matches!(first.confirm().await, Err(NotValid::Fenced)));
    assert_eq!(first.epoch(Shard(0)), None);
}

pub(super) async fn the_store_is_healthy_and_counts_its_work(s: Setting) {
    s.store.check().await.expect("health");
    assert!(s.store.failed().borrow().is_none());
    s.own(incarnation(1), Epoch(1)).await;
    let before = s.store.pulse();
    s.store.append(s.rows(Epoch(1), "H", 1, &["a", "b", "c"])).await.expect("an append");
    let after = s.store.pulse();
    assert!(after.rows >= before.rows + 3 && after.operations > before.operations);
    assert!(after.commits.total > before.commits.total);
    assert!(after.commits.counts.iter().sum::<u64>() > before.commits.counts.iter().sum::<u64>());
}
