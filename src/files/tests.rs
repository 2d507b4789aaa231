//! Files in memory and in a folder.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;

use super::*;
use crate::domain::command::testing::SeededIds;
use crate::domain::id::LicenseId;
use crate::domain::time::Timestamp;

const LICENSE: LicenseId = LicenseId(1_001);
/// A picture of 2 × 3 pixels: only its head, which is all that is looked at.
const GIF: &[u8] = b"GIF89a\x02\x00\x03\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff";

fn in_memory() -> Files {
    Files::new(Arc::new(InMemory::new()), Arc::new(SeededIds::default()))
}

/// The store's own clock stamps what is put, so these tests live in its present.
fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

async fn contents(file: OpenFile) -> Vec<u8> {
    let parts: Vec<Bytes> = file.bytes.try_collect().await.expect("bytes");
    parts.concat()
}

#[tokio::test]
async fn a_file_reads_back_as_it_was_and_is_known_by_its_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_folder = Files::in_folder(&folder.path().join("files"), Arc::new(SeededIds::default()));
    for files in [in_memory(), in_folder.expect("files")] {
        let (id, record) = files.put(LICENSE, "C:\\pic/../cat.exe", GIF.into(), now()).await.expect("a file");
        assert_eq!((record.name.as_str(), record.content_type.as_str()), ("cat.exe", "image/gif"));
        assert_eq!((record.size, record.width, record.height), (GIF.len() as u64, Some(2), Some(3)));
        assert_eq!(files.find(LICENSE, &id, now()).await.expect("a look"), Some(record));
        let open = files.open(LICENSE, &id, now()).await.expect("a look").expect("the file");
        assert_eq!(contents(open).await, GIF);
    }
}

#[tokio::test]
async fn a_file_is_of_its_license_and_found_by_its_whole_id() {
    let files = in_memory();
    let (id, _) = files.put(LICENSE, "a.txt", "hello".into(), now()).await.expect("a file");
    assert_eq!(files.find(LicenseId(1_002), &id, now()).await.expect("a look"), None);
    for id in ["", &id[1..], "../1001/0000000000000000000000000000", "zz"] {
        assert_eq!(files.find(LICENSE, id, now()).await.expect("a look"), None, "{id}");
    }
}

#[tokio::test]
async fn a_file_that_no_event_shows_is_gone_after_a_day() {
    let files = in_memory();
    let (kept, _) = files.put(LICENSE, "kept", "a".into(), now()).await.expect("a file");
    let (lost, _) = files.put(LICENSE, "lost", "b".into(), now()).await.expect("a file");
    files.keep(LICENSE, &kept).await.expect("kept");
    assert_eq!(files.sweep(now()).await.expect("a sweep"), 0);
    let later = now().after(LIFETIME).after(std::time::Duration::from_secs(1));
    assert!(files.find(LICENSE, &lost, later).await.expect("a look").is_none(), "before any sweep");
    assert_eq!(files.sweep(later).await.expect("a sweep"), 1);
    assert!(files.find(LICENSE, &lost, now()).await.expect("a look").is_none());
    assert!(files.open(LICENSE, &kept, later).await.expect("a look").is_some());
}

#[tokio::test]
async fn programs_and_nothing_are_refused() {
    let files = in_memory();
    let elf: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for program in [elf, b"MZ\x90\0\x03\0", b"#!/bin/sh\necho hi\n", b"\0asm\x01\0\0\0"] {
        let refused = files.put(LICENSE, "a.png", Bytes::from_static(program), now()).await;
        assert!(matches!(refused, Err(FileError::Program)), "{program:?}");
    }
    assert!(matches!(files.put(LICENSE, "a", Bytes::new(), now()).await, Err(FileError::Empty)));
}

#[tokio::test]
async fn types_are_those_of_the_bytes_whatever_the_name_says() {
    let files = in_memory();
    for (bytes, expected) in [
        (&b"<!DOCTYPE html><script>alert(1)</script>"[..], "text/html"),
        (b"just words", "text/plain"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\0\x01\x02\x03", "application/octet-stream"),
    ] {
        let (_, record) =
            files.put(LICENSE, "cat.png", Bytes::from_static(bytes), now()).await.expect("a file");
        assert_eq!((record.content_type.as_str(), record.width), (expected, None));
        assert!(!is_shown_inline(expected));
    }
}

#[test]
fn names_are_names() {
    for (given, expected) in [
        ("a b.png", "a b.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "y.txt"),
        ("..", "file"),
        ("", "file"),
        ("a\"b\r\n.txt", "ab.txt"),
    ] {
        assert_eq!(super::name::clean(given), expected, "{given}");
    }
    assert_eq!(super::name::clean(&"ż".repeat(300)).len(), 200);
    assert_eq!(in_address("a b/ż.png"), "a%20b%2F%C5%BC.png");
}
