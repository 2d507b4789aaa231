//! One suite for all stores: what the traits promise, and nothing that only one store does.
//!
//! A case gets a store and names of its own, so that all cases can share one store. A case that
//! is missing in the list does not compile without a warning.

mod cells;
mod indexes;
mod logs;
mod ownership;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use switchboard::domain::id::LicenseId;
use switchboard::store::{Append, LogKey, Store};
use switchboard_cluster::{Claim, ClaimOutcome, Epoch, Incarnation, Shard, ShardRow};
use uuid::Uuid;

/// A case of the suite.
pub(crate) type Case = fn(Setting) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        /// Every case by name.
        pub(crate) const CASES: &[(&str, Case)] = &[
            $((stringify!($case), |setting| Box::pin($module::$case(setting)))),*
        ];

        /// Each case as a test of its own, on the embedded store.
        mod embedded {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().expect("a scratch folder");
                super::$module::$case(super::Setting::embedded(folder.path())).await;
            })*
        }
    };
}

cases! {
    logs::appended_rows_are_read_in_order,
    logs::reads_are_bounded_by_from_to_and_limit,
    logs::the_tail_is_the_last_rows,
    logs::repeating_an_append_changes_nothing,
    logs::a_restamp_keeps_the_rows_and_renews_their_epoch,
    logs::late_rows_of_a_superseded_owner_are_never_seen,
    logs::a_new_owner_replaces_what_its_predecessor_left_unfinished,
    logs::logs_do_not_mix,
    logs::a_long_log_goes_on_across_buckets,
    logs::appends_past_the_bounds_are_refused,
    logs::bodies_come_back_byte_by_byte,
    logs::index_rows_of_an_append_are_written,
    logs::a_row_that_has_ended_can_say_so_and_be_found,
    logs::many_logs_are_written_at_once,
    cells::a_cell_that_is_not_there_reads_as_none,
    cells::a_cell_is_made_changed_and_removed,
    cells::a_conflict_shows_what_stands,
    cells::an_empty_value_is_not_an_absent_one,
    cells::of_racing_writers_each_change_counts_once,
    cells::cells_are_listed_in_byte_order_by_pages,
    cells::tables_and_licenses_do_not_mix,
    indexes::rows_are_scanned_in_both_orders,
    indexes::several_buckets_are_read_at_once,
    indexes::a_scan_is_bounded_by_positions_and_goes_on_after_a_row,
    indexes::gone_rows_are_skipped_and_do_not_count,
    indexes::the_later_version_stands_whatever_arrives_last,
    indexes::a_newer_epoch_beats_every_version,
    indexes::buckets_owners_and_tables_do_not_mix,
    indexes::a_large_bucket_is_scanned_whole,
    indexes::a_retired_bucket_can_be_used_again,
    ownership::a_layout_is_fixed_once,
    ownership::members_join_are_fenced_and_forgotten,
    ownership::votes_stand_against_the_living_only,
    ownership::a_claim_is_won_only_from_the_expected_row,
    ownership::of_racing_claimers_one_wins,
    ownership::a_restarted_node_takes_its_shards_back,
    ownership::the_store_is_healthy_and_counts_its_work,
}

/// What a case works with.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) store: Arc<dyn Store>,
    /// A license that no other case uses.
    pub(crate) license: LicenseId,
    /// A shard that no other case uses.
    pub(crate) shard: Shard,
}

impl Setting {
    /// A setting with names that no other number gives.
    pub(crate) fn new(store: Arc<dyn Store>, number: u32) -> Self {
        Self { store, license: LicenseId(i64::from(number) * 10 + 1001), shard: Shard(number) }
    }

    fn embedded(folder: &std::path::Path) -> Self {
        Self::new(Arc::new(super::embedded::open(folder)), 7)
    }

    /// Makes `owner` the owner of the shard under `epoch`.
    pub(crate) async fn own(&self, owner: Incarnation, epoch: Epoch) {
        let shards = self.store.shards().await.expect("the shards");
        let expected = shards.into_iter().find(|(shard, _)| *shard == self.shard).map(|(_, row)| row);
        let claim = Claim { shard: self.shard, expected, wanted: ShardRow { owner, epoch } };
        assert_eq!(self.store.claim(&[claim]).await.expect("an answer"), [ClaimOutcome::Won]);
    }

    /// A log of the license.
    pub(crate) fn log(&self, thread: &str) -> LogKey {
        LogKey { license: self.license, thread: thread.into() }
    }

    /// An append without index rows.
    pub(crate) fn rows(&self, epoch: Epoch, thread: &str, first_seq: u64, bodies: &[&str]) -> Append {
        Append {
            shard: self.shard,
            epoch,
            log: self.log(thread),
            first_seq,
            rows: bodies.iter().map(|body| Bytes::copy_from_slice(body.as_bytes())).collect(),
            index: Vec::new(),
        }
    }

    /// What a read of the whole log shows: sequence number, epoch, body.
    pub(crate) async fn whole(&self, thread: &str) -> Vec<(u64, i64, String)> {
        let rows = self.store.read(&self.log(thread), 1, None, 10_000).await.expect("a read");
        rows.into_iter()
            .map(|row| (row.seq, row.epoch.0, String::from_utf8_lossy(&row.body).into_owned()))
            .collect()
    }
}

/// An incarnation by number.
pub(crate) fn incarnation(number: u128) -> Incarnation {
    Incarnation(Uuid::from_u128(number))
}
