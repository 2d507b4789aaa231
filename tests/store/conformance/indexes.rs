//! Index rows: order, bounds, versions.

use bytes::Bytes;
use switchboard::store::{IndexKey, IndexScan, IndexTable, IndexWrite, Order, Version};
use switchboard_cluster::Epoch;

use super::Setting;

const EPOCH: Epoch = Epoch(1_000);
const TABLE: IndexTable = IndexTable::ChatsByLicense;

fn write(s: &Setting, bucket: &str, position: i64, id: &str, seq: u64, body: &str) -> IndexWrite {
    IndexWrite {
        key: IndexKey {
            table: TABLE,
            owner: s.license.0,
            bucket: bucket.to_owned(),
            position,
            id: id.to_owned(),
        },
        version: Version { thread_no: 1, seq },
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

async fn put(s: &Setting, epoch: Epoch, writes: Vec<IndexWrite>) {
    s.store.write_index(epoch, writes).await.expect("a write");
}

fn scan_of(s: &Setting, bucket: &str, order: Order) -> IndexScan {
    IndexScan::bucket(TABLE, s.license.0, bucket, order, 1000)
}

async fn places(s: &Setting, scan: IndexScan) -> Vec<(i64, String)> {
    let rows = s.store.scan_index(scan).await.expect("a scan");
    rows.into_iter().map(|row| (row.position, row.id)).collect()
}

async fn body_of(s: &Setting, bucket: &str) -> Option<String> {
    let rows = s.store.scan_index(scan_of(s, bucket, Order::Ascending)).await.expect("a scan");
    rows.first().map(|row| String::from_utf8_lossy(&row.body).into_owned())
}

fn owned(places: &[(i64, &str)]) -> Vec<(i64, String)> {
    places.iter().map(|(position, id)| (*position, (*id).to_owned())).collect()
}

const PLACES: [(i64, &str); 7] =
    [(i64::MIN, "a"), (-7, "a"), (0, "a"), (0, "ab"), (0, "b"), (9, "a"), (i64::MAX, "z")];

async fn fill(s: &Setting) {
    let writes = PLACES.iter().rev().map(|(position, id)| write(s, "b", *position, id, 1, "x")).collect();
    put(s, EPOCH, writes).await;
}

pub(super) async fn several_buckets_are_read_at_once(s: Setting) {
    fill(&s).await;
    let gone = write(&s, "c", 2, "gone", 2, "");
    put(&s, EPOCH, vec![write(&s, "c", 1, "a", 1, "x"), gone, write(&s, "d", 1, "a", 1, "x")]).await;
    let buckets = ["b", "c", "empty"].map(str::to_owned);
    let rows = s.store.scan_buckets(TABLE, s.license.0, &buckets).await.expect("a scan");
    let mut found: Vec<(i64, String)> = rows.into_iter().map(|row| (row.position, row.id)).collect();
    found.sort_unstable();
    let mut wanted = owned(&PLACES);
    wanted.push((1, "a".to_owned()));
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert!(s.store.scan_buckets(TABLE, s.license.0, &[]).await.expect("a scan").is_empty());
}

pub(super) async fn rows_are_scanned_in_both_orders(s: Setting) {
    fill(&s).await;
    let mut wanted = owned(&PLACES);
    assert_eq!(places(&s, scan_of(&s, "b", Order::Ascending)).await, wanted);
    wanted.reverse();
    assert_eq!(places(&s, scan_of(&s, "b", Order::Descending)).await, wanted);
}

pub(super) async fn a_scan_is_bounded_by_positions_and_goes_on_after_a_row(s: Setting) {
    fill(&s).await;
    let up = scan_of(&s, "b", Order::Ascending);
    let down = scan_of(&s, "b", Order::Descending);
    let after = |position, id: &str| Some((position, id.to_owned()));
    let cases = [
        (IndexScan { positions: -7..=0, ..up.clone() }, &PLACES[1..5]),
        (IndexScan { positions: 1..=8, ..up.clone() }, &[]),
        (IndexScan { limit: 2, ..up.clone() }, &PLACES[..2]),
        (IndexScan { after: after(0, "a"), ..up.clone() }, &PLACES[3..]),
        (IndexScan { after: after(0, "aa"), limit: 2, ..up.clone() }, &PLACES[3..5]),
        (IndexScan { after: after(-100, ""), positions: 0..=8, ..up.clone() }, &PLACES[2..5]),
        (IndexScan { after: after(100, ""), positions: 0..=8, ..up.clone() }, &[]),
        (IndexScan { positions: 0..=9, limit: 2, ..down.clone() }, &[(9, "a"), (0, "b")]),
        (IndexScan { after: after(0, "ab"), ..down.clone() }, &[(0, "a"), (-7, "a"), (i64::MIN, "a")]),
        (IndexScan { after: after(0, "ab"), positions: 0..=9, ..down.clone() }, &[(0, "a")]),
        (IndexScan { after: after(100, "x"), positions: 0..=9, limit: 1, ..down.clone() }, &[(9, "a")]),
        (IndexScan { after: after(-100, "x"), positions: 0..=9, ..down.clone() }, &[]),
    ];
    for (scan, wanted) in cases {
        assert_eq!(places(&s, scan.clone()).await, owned(wanted), "{scan:?}");
    }
}

pub(super) async fn gone_rows_are_skipped_and_do_not_count(s: Setting) {
    fill(&s).await;
    put(&s, EPOCH, vec![write(&s, "b", 0, "a", 2, ""), write(&s, "b", 0, "ab", 2, "")]).await;
    let scan = IndexScan { positions: -7..=9, limit: 3, ..scan_of(&s, "b", Order::Ascending) };
    assert_eq!(places(&s, scan).await, owned(&[(-7, "a"), (0, "b"), (9, "a")]));
    put(&s, EPOCH, vec![write(&s, "b", 0, "a", 3, "back")]).await;
    let scan = IndexScan { positions: 0..=0, ..scan_of(&s, "b", Order::Ascending) };
    assert_eq!(places(&s, scan).await, owned(&[(0, "a"), (0, "b")]));
}

pub(super) async fn the_later_version_stands_whatever_arrives_last(s: Setting) {
    let at = |thread_no, seq, body: &str| IndexWrite {
        version: Version { thread_no, seq },
        ..write(&s, "v", 1, "a", 0, body)
    };
    put(&s, EPOCH, vec![at(1, 5, "z five")]).await;
    put(&s, EPOCH, vec![at(1, 4, "zz four")]).await;
    assert_eq!(body_of(&s, "v").await.as_deref(), Some("z five"));
    put(&s, EPOCH, vec![at(1, 256, "a later")]).await;
    assert_eq!(body_of(&s, "v").await.as_deref(), Some("a later"));
    put(&s, EPOCH, vec![at(2, 1, "a next thread")]).await;
    put(&s, EPOCH, vec![at(1, 999, "z")]).await;
    assert_eq!(body_of(&s, "v").await.as_deref(), Some("a next thread"));
    put(&s, EPOCH, vec![at(2, 3, "three"), at(2, 2, "z two")]).await;
    assert_eq!(body_of(&s, "v").await.as_deref(), Some("three"), "within one call as well");
    put(&s, EPOCH, vec![at(2, 4, "")]).await;
    assert_eq!(body_of(&s, "v").await, None, "gone is a state like any other");
}

pub(super) async fn a_newer_epoch_beats_every_version(s: Setting) {
    put(&s, Epoch(2_000), vec![write(&s, "e", 1, "a", 1, "new owner")]).await;
    put(&s, Epoch(1_000), vec![write(&s, "e", 1, "a", 100, "zombie")]).await;
    assert_eq!(body_of(&s, "e").await.as_deref(), Some("new owner"));
    put(&s, Epoch(3_000), vec![write(&s, "e", 1, "a", 0, "newest owner")]).await;
    assert_eq!(body_of(&s, "e").await.as_deref(), Some("newest owner"));
}

pub(super) async fn buckets_owners_and_tables_do_not_mix(s: Setting) {
    let mine = write(&s, "m", 1, "a", 1, "mine");
    put(&s, EPOCH, vec![mine.clone()]).await;
    for table in IndexTable::ALL {
        for (owner, bucket) in
            [(s.license.0, "m"), (s.license.0 + 1, "m"), (s.license.0, "m2"), (s.license.0, "")]
        {
            let scan = IndexScan::bucket(table, owner, bucket, Order::Ascending, 10);
            let found = places(&s, scan).await.len();
            let wanted = usize::from(table == TABLE && owner == s.license.0 && bucket == "m");
            assert_eq!(found, wanted, "{table:?} {owner} {bucket:?}");
        }
    }
    for table in IndexTable::ALL {
        let key = IndexKey { table, bucket: "t".to_owned(), ..mine.key.clone() };
        put(&s, EPOCH, vec![IndexWrite { key, ..mine.clone() }]).await;
        let scan = IndexScan::bucket(table, s.license.0, "t", Order::Descending, 10);
        assert_eq!(places(&s, scan).await, owned(&[(1, "a")]), "{table:?}");
    }
}

pub(super) async fn a_large_bucket_is_scanned_whole(s: Setting) {
    let writes: Vec<_> = (0..2_500).map(|n| write(&s, "large", n, &format!("c{n}"), 1, "x")).collect();
    for part in writes.chunks(500) {
        put(&s, EPOCH, part.to_vec()).await;
    }
    let scan = IndexScan { limit: 10_000, ..scan_of(&s, "large", Order::Descending) };
    let found = places(&s, scan).await;
    assert_eq!(found.len(), 2_500);
    assert!(found.iter().zip((0..2_500).rev()).all(|((position, _), n)| *position == n));
}

pub(super) async fn a_retired_bucket_can_be_used_again(s: Setting) {
    let timer = |position| {
        let mut write = write(&s, "2026-11-21T12:00", position, "1001/C", 1, "x");
        write.key.table = IndexTable::Due;
        write
    };
    put(&s, EPOCH, vec![timer(1), timer(2)]).await;
    let bucket = "2026-11-21T12:00";
    s.store.retire_bucket(IndexTable::Due, s.license.0, bucket).await.expect("an answer");
    put(&s, EPOCH, vec![timer(3)]).await;
    let scan = IndexScan::bucket(IndexTable::Due, s.license.0, bucket, Order::Descending, 1);
    assert_eq!(places(&s, scan).await, owned(&[(3, "1001/C")]));
}
