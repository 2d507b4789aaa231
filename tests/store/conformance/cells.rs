//! Cells: read, compare-and-set, list.

use bytes::Bytes;
use futures_util::future::join_all;
use switchboard::domain::id::LicenseId;
use switchboard::store::{Cas, CellKey, CellTable};

use super::Setting;

fn chat(s: &Setting, id: &str) -> CellKey {
    CellKey::new(CellTable::Chats, s.license, id)
}

fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

async fn cas(s: &Setting, key: &CellKey, expected: Option<&str>, new: Option<&str>) -> Cas {
    s.store.cas(key, expected.and_then(bytes), new.and_then(bytes)).await.expect("an answer")
}

async fn read(s: &Setting, key: &CellKey) -> Option<Bytes> {
    s.store.read_cell(key).await.expect("a read")
}

pub(super) async fn a_cell_that_is_not_there_reads_as_none(s: Setting) {
    for table in CellTable::ALL {
        assert_eq!(read(&s, &CellKey::new(table, s.license, "none")).await, None, "{table:?}");
    }
}

pub(super) async fn a_cell_is_made_changed_and_removed(s: Setting) {
    for table in CellTable::ALL {
        let key = CellKey::new(table, s.license, "x");
        assert_eq!(cas(&s, &key, None, Some("one")).await, Cas::Applied, "{table:?}");
        assert_eq!(read(&s, &key).await, bytes("one"));
        assert_eq!(cas(&s, &key, Some("one"), Some("two")).await, Cas::Applied);
        assert_eq!(read(&s, &key).await, bytes("two"));
        assert_eq!(cas(&s, &key, Some("two"), None).await, Cas::Applied);
        assert_eq!(read(&s, &key).await, None);
        assert_eq!(cas(&s, &key, None, Some("again")).await, Cas::Applied);
        assert_eq!(read(&s, &key).await, bytes("again"));
    }
}

pub(super) async fn a_conflict_shows_what_stands(s: Setting) {
    let key = chat(&s, "C");
    assert_eq!(cas(&s, &key, Some("x"), Some("y")).await, Cas::Conflict(None));
    assert_eq!(cas(&s, &key, Some("x"), None).await, Cas::Conflict(None));
    assert_eq!(read(&s, &key).await, None, "a lost compare-and-set leaves nothing behind");
    assert_eq!(cas(&s, &key, None, Some("one")).await, Cas::Applied);
    assert_eq!(cas(&s, &key, None, Some("two")).await, Cas::Conflict(bytes("one")));
    assert_eq!(cas(&s, &key, Some("two"), Some("three")).await, Cas::Conflict(bytes("one")));
    assert_eq!(cas(&s, &key, Some("two"), None).await, Cas::Conflict(bytes("one")));
    assert_eq!(read(&s, &key).await, bytes("one"));
}

pub(super) async fn an_empty_value_is_not_an_absent_one(s: Setting) {
    let key = chat(&s, "E");
    assert_eq!(cas(&s, &key, None, Some("")).await, Cas::Applied);
    assert_eq!(read(&s, &key).await, bytes(""));
    assert_eq!(cas(&s, &key, None, Some("x")).await, Cas::Conflict(bytes("")));
    assert_eq!(cas(&s, &key, Some(""), Some("x")).await, Cas::Applied);
}

pub(super) async fn of_racing_writers_each_change_counts_once(s: Setting) {
    let key = chat(&s, "R");
    let writers = (0..6).map(|_| {
        let (s, key) = (s.clone(), key.clone());
        tokio::spawn(async move {
            for _ in 0..3 {
                loop {
                    let current = read(&s, &key).await;
                    let count: u32 = current.as_deref().map_or(0, |body| {
                        std::str::from_utf8(body).expect("text").parse().expect("a number")
                    });
                    let next = bytes(&(count + 1).to_string());
                    if s.store.cas(&key, current, next).await.expect("an answer") == Cas::Applied {
                        break;
                    }
                }
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("a writer");
    }
    assert_eq!(read(&s, &key).await, bytes("18"));
}

pub(super) async fn cells_are_listed_in_byte_order_by_pages(s: Setting) {
    let ids = ["", "a", "a/b", "ab", "b", "z", "ż"];
    for table in CellTable::ALL.into_iter().filter(|table| table.is_listable()) {
        for id in ids.iter().rev().filter(|id| !id.is_empty()) {
            assert_eq!(cas(&s, &CellKey::new(table, s.license, *id), None, Some(id)).await, Cas::Applied);
        }
        let mut found: Vec<String> = Vec::new();
        loop {
            let after = found.last().map(String::as_str);
            let page = s.store.list_cells(table, s.license, after, 2).await.expect("a page");
            assert!(page.len() <= 2 && page.iter().all(|cell| cell.id.as_bytes() == cell.body));
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|cell| cell.id));
        }
        assert_eq!(found, ids[1..], "{table:?}");
    }
}

pub(super) async fn tables_and_licenses_do_not_mix(s: Setting) {
    let key = CellKey::new(CellTable::Licenses, s.license, "m");
    assert_eq!(cas(&s, &key, None, Some("mine")).await, Cas::Applied);
    let other_license = CellKey { license: LicenseId(s.license.0 + 1), ..key.clone() };
    assert_eq!(read(&s, &other_license).await, None);
    for table in CellTable::ALL.into_iter().filter(|table| *table != key.table) {
        assert_eq!(read(&s, &CellKey { table, ..key.clone() }).await, None, "{table:?}");
    }
    let cells = s.store.list_cells(key.table, other_license.license, None, 10).await.expect("a list");
    assert!(cells.is_empty(), "{cells:?}");
}
