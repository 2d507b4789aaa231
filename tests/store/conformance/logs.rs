//! The logs of threads.

use bytes::Bytes;
use switchboard::domain::id::LicenseId;
use switchboard::store::{
    Append, AppendError, IndexKey, IndexScan, IndexTable, IndexWrite, LogKey, Order, StoreError, Version,
};
use switchboard_cluster::Epoch;

use super::{Setting, incarnation};

const FIRST: Epoch = Epoch(1_000);
const SECOND: Epoch = Epoch(2_000);

async fn owned(setting: &Setting) {
    setting.own(incarnation(1), FIRST).await;
}

async fn append(setting: &Setting, append: Append) {
    setting.store.append(append).await.expect("an append");
}

fn row(seq: u64, epoch: Epoch, body: &str) -> (u64, i64, String) {
    (seq, epoch.0, body.to_owned())
}

pub(super) async fn appended_rows_are_read_in_order(s: Setting) {
    owned(&s).await;
    assert!(s.whole("T").await.is_empty());
    append(&s, s.rows(FIRST, "T", 1, &["a", "b"])).await;
    append(&s, s.rows(FIRST, "T", 3, &["c"])).await;
    assert_eq!(s.whole("T").await, [row(1, FIRST, "a"), row(2, FIRST, "b"), row(3, FIRST, "c")]);
}

pub(super) async fn reads_are_bounded_by_from_to_and_limit(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["1", "2", "3", "4", "5", "6"])).await;
    let cases: [(u64, Option<u64>, usize, &[u64]); 9] = [
        (1, None, 100, &[1, 2, 3, 4, 5, 6]),
        (0, None, 2, &[1, 2]),
        (3, None, 100, &[3, 4, 5, 6]),
        (3, Some(4), 100, &[3, 4]),
        (3, Some(100), 2, &[3, 4]),
        (6, Some(6), 1, &[6]),
        (7, None, 100, &[]),
        (4, Some(3), 100, &[]),
        (1, None, 0, &[]),
    ];
    for (from, to, limit, wanted) in cases {
        let rows = s.store.read(&s.log("T"), from, to, limit).await.expect("a read");
        let seqs: Vec<u64> = rows.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, wanted, "from {from} to {to:?} limit {limit}");
    }
}

pub(super) async fn the_tail_is_the_last_rows(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["1", "2", "3", "4", "5"])).await;
    for (max_rows, wanted) in [(2, 4..=5), (5, 1..=5), (50, 1..=5)] {
        let rows = s.store.tail(&s.log("T"), max_rows).await.expect("a tail");
        assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }
    assert!(s.store.tail(&s.log("none"), 5).await.expect("a tail").is_empty());
    assert!(s.store.tail(&s.log("T"), 0).await.expect("a tail").is_empty());
}

pub(super) async fn repeating_an_append_changes_nothing(s: Setting) {
    owned(&s).await;
    for _ in 0..3 {
        append(&s, s.rows(FIRST, "T", 1, &["a", "b"])).await;
    }
    assert_eq!(s.whole("T").await, [row(1, FIRST, "a"), row(2, FIRST, "b")]);
}

pub(super) async fn a_restamp_keeps_the_rows_and_renews_their_epoch(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["a", "b", "c"])).await;
    s.own(incarnation(2), SECOND).await;
    append(&s, s.rows(SECOND, "T", 2, &["b", "c"])).await;
    assert_eq!(s.whole("T").await, [row(1, FIRST, "a"), row(2, SECOND, "b"), row(3, SECOND, "c")]);
}

pub(super) async fn late_rows_of_a_superseded_owner_are_never_seen(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["a", "b"])).await;
    s.own(incarnation(2), SECOND).await;
    append(&s, s.rows(SECOND, "T", 1, &["a", "b"])).await;
    append(&s, s.rows(SECOND, "T", 3, &["new"])).await;
    // The old owner wakes up: over the new rows, and past them. It may be told so or not.
    for late in [s.rows(FIRST, "T", 3, &["old", "old", "old"]), s.rows(FIRST, "T", 4, &["older"])] {
        let result = s.store.append(late).await;
        assert!(matches!(result, Ok(()) | Err(AppendError::Fenced)), "{result:?}");
    }
    let wanted = [row(1, SECOND, "a"), row(2, SECOND, "b"), row(3, SECOND, "new")];
    assert_eq!(s.whole("T").await, wanted);
    let after = s.store.read(&s.log("T"), 4, None, 100).await.expect("a read");
    assert!(after.is_empty(), "{after:?}");
    let tail = s.store.tail(&s.log("T"), 2).await.expect("a tail");
    assert_eq!(tail.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 3]);
    // The new owner goes on over the leftovers.
    append(&s, s.rows(SECOND, "T", 4, &["newer"])).await;
    assert_eq!(s.whole("T").await[3..], [row(4, SECOND, "newer")]);
}

pub(super) async fn a_new_owner_replaces_what_its_predecessor_left_unfinished(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["old", "old", "old"])).await;
    s.own(incarnation(2), SECOND).await;
    // It adopts one row and puts another in the place of the second; the third is past the end now.
    append(&s, s.rows(SECOND, "T", 1, &["old", "new"])).await;
    assert_eq!(s.whole("T").await, [row(1, SECOND, "old"), row(2, SECOND, "new")]);
    let tail = s.store.tail(&s.log("T"), 2).await.expect("a tail");
    assert_eq!(tail.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
}

pub(super) async fn logs_do_not_mix(s: Setting) {
    owned(&s).await;
    append(&s, s.rows(FIRST, "T", 1, &["mine"])).await;
    append(&s, s.rows(FIRST, "T2", 1, &["another thread"])).await;
    let foreign = LogKey { license: LicenseId(s.license.0 + 1), thread: "T".into() };
    append(&s, Append { log: foreign.clone(), ..s.rows(FIRST, "T", 1, &["another license"]) }).await;
    assert_eq!(s.whole("T").await, [row(1, FIRST, "mine")]);
    assert_eq!(s.whole("T2").await, [row(1, FIRST, "another thread")]);
    let rows = s.store.read(&foreign, 1, None, 10).await.expect("a read");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].body, "another license");
}

pub(super) async fn a_long_log_goes_on_across_buckets(s: Setting) {
    owned(&s).await;
    let length = Append::BUCKET_ROWS + 200;
    let mut next = 1;
    while next <= length {
        let count = Append::room(next).min((length - next + 1) as usize);
        let bodies: Vec<String> = (next..).take(count).map(|seq| seq.to_string()).collect();
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        append(&s, s.rows(FIRST, "T", next, &bodies)).await;
        next += count as u64;
    }
    let rows = s.whole("T").await;
    assert_eq!(rows.len() as u64, length);
    assert!(rows.iter().zip(1..).all(|((seq, _, body), n)| *seq == n && *body == n.to_string()));
    let border = Append::BUCKET_ROWS;
    for (from, to, limit, wanted) in [
        (border - 2, Some(border + 1), 100, border - 2..=border + 1),
        (border, None, 3, border..=border + 2),
        (border - 5, Some(border - 1), 100, border - 5..=border - 1),
    ] {
        let rows = s.store.read(&s.log("T"), from, to, limit).await.expect("a read");
        assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }
    let tail = s.store.tail(&s.log("T"), 300).await.expect("a tail");
    assert_eq!(
        tail.iter().map(|row| row.seq).collect::<Vec<_>>(),
        (length - 299..=length).collect::<Vec<_>>()
    );
}

pub(super) async fn appends_past_the_bounds_are_refused(s: Setting) {
    owned(&s).await;
    let too_many = s.rows(FIRST, "T", 1, &["x"; Append::MAX_ROWS + 1]);
    let mut too_large = s.rows(FIRST, "T", 1, &["x"]);
    too_large.rows[0] = Bytes::from(vec![0; Append::MAX_BYTES + 1]);
    let across = s.rows(FIRST, "T", Append::BUCKET_ROWS - 1, &["x", "x"]);
    for append in [too_many, too_large, across] {
        let refused = s.store.append(append).await;
        assert!(matches!(refused, Err(AppendError::Store(StoreError::TooLarge { .. }))), "{refused:?}");
    }
    let zeroth = s.store.append(s.rows(FIRST, "T", 0, &["x"])).await;
    assert!(matches!(zeroth, Err(AppendError::Store(StoreError::Hole { .. }))), "{zeroth:?}");
    assert!(s.whole("T").await.is_empty());
}

pub(super) async fn bodies_come_back_byte_by_byte(s: Setting) {
    owned(&s).await;
    let bodies: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(&[0]),
        Bytes::from((0..=255).collect::<Vec<u8>>()),
        Bytes::from(vec![0xff; 16 * 1024]),
        Bytes::from("{\"text\":\"żółć 🦀\"}"),
    ];
    let whole_window = vec![Bytes::from(vec![7; 16 * 1024]); Append::MAX_ROWS];
    for (thread, bodies) in [("T", bodies), ("W", whole_window)] {
        append(&s, Append { rows: bodies.clone(), ..s.rows(FIRST, thread, 1, &[]) }).await;
        let rows = s.store.read(&s.log(thread), 1, None, 100).await.expect("a read");
        assert_eq!(rows.into_iter().map(|row| row.body).collect::<Vec<_>>(), bodies);
    }
}

pub(super) async fn index_rows_of_an_append_are_written(s: Setting) {
    owned(&s).await;
    let key = IndexKey {
        table: IndexTable::ThreadsByChat,
        owner: s.license.0,
        bucket: "C".to_owned(),
        position: 1,
        id: "T".to_owned(),
    };
    let write = |seq, body: &'static str| IndexWrite {
        key: key.clone(),
        version: Version { thread_no: 1, seq },
        body: Bytes::from_static(body.as_bytes()),
    };
    append(&s, Append { index: vec![write(1, "open")], ..s.rows(FIRST, "T", 1, &["a"]) }).await;
    append(&s, Append { index: vec![write(2, "closed")], ..s.rows(FIRST, "T", 2, &["b"]) }).await;
    let scan = IndexScan::bucket(IndexTable::ThreadsByChat, s.license.0, "C", Order::Descending, 10);
    let rows = s.store.scan_index(scan).await.expect("a scan");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].position, &*rows[0].id, &rows[0].body[..]), (1, "T", &b"closed"[..]));
}

pub(super) async fn a_row_that_has_ended_can_say_so_and_be_found(s: Setting) {
    owned(&s).await;
    let row = |position, thread_no, body: &'static str| IndexWrite {
        key: IndexKey {
            table: IndexTable::ChatsByLicense,
            owner: s.license.0,
            bucket: "2026-11".to_owned(),
            position,
            id: "C".to_owned(),
        },
        version: Version { thread_no, seq: 1 },
        body: Bytes::from_static(body.as_bytes()),
    };
    let found = async || {
        let scan =
            IndexScan::bucket(IndexTable::ChatsByLicense, s.license.0, "2026-11", Order::Descending, 10);
        let rows = s.store.scan_index(scan).await.expect("a scan");
        let text = |body: &Bytes| String::from_utf8_lossy(body).into_owned();
        rows.iter().map(|row| (row.position, text(&row.body))).collect::<Vec<_>>()
    };
    let wanted = |rows: &[(i64, &str)]| {
        rows.iter().map(|(position, body)| (*position, (*body).to_owned())).collect::<Vec<_>>()
    };
    append(&s, Append { index: vec![row(10, 1, "here")], ..s.rows(FIRST, "T1", 1, &["a"]) }).await;
    append(&s, Append { index: vec![row(20, 2, "here")], ..s.rows(FIRST, "T2", 1, &["a"]) }).await;
    s.store.write_ends(FIRST, vec![row(10, 2, "until 20")]).await;
    assert_eq!(found().await, wanted(&[(20, "here"), (10, "until 20")]));
    // What comes late of the time before changes nothing.
    append(&s, Append { index: vec![row(10, 1, "here")], ..s.rows(FIRST, "T1", 1, &["a"]) }).await;
    assert_eq!(found().await, wanted(&[(20, "here"), (10, "until 20")]));
    s.store.write_ends(FIRST, vec![row(10, 3, "")]).await;
    assert_eq!(found().await, wanted(&[(20, "here")]), "gone at last");
}

pub(super) async fn many_logs_are_written_at_once(s: Setting) {
    owned(&s).await;
    let writers = (0..100).map(|number| {
        let s = s.clone();
        async move {
            for seq in 1..=5 {
                append(&s, s.rows(FIRST, &format!("T{number}"), seq, &["x"])).await;
            }
        }
    });
    futures_util::future::join_all(writers).await;
    for number in 0..100 {
        assert_eq!(s.whole(&format!("T{number}")).await.len(), 5);
    }
}
