//! Files in memory, in a folder, and in a bucket of a server that speaks S3.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;

use s3_server::S3Server;

use super::*;
use crate::config::S3;
use crate::domain::command::testing::SeededIds;
use crate::domain::id::LicenseId;
use crate::domain::time::Timestamp;

#[path = "../../tests/support/s3.rs"]
#[allow(dead_code, reason = "tests of the server use more of it")]
mod s3_server;

const LICENSE: LicenseId = LicenseId(1_001);
/// A picture of 2 × 3 pixels: only its head, which is all that is looked at.
const GIF: &[u8] = b"GIF89a\x02\x00\x03\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff";

fn in_memory() -> Files {
    Files::new(Arc::new(InMemory::new()), Arc::new(SeededIds::default()))
}

fn bucket_of(server: &S3Server) -> S3 {
    // Plain HTTP needs no provider, but the client is ready for TLS.
    drop(rustls::crypto::ring::default_provider().install_default());
    S3 {
        bucket: s3_server::BUCKET.to_owned(),
        endpoint: Some(server.endpoint()),
        region: "us-east-1".to_owned(),
        prefix: None,
        access_key_id: s3_server::ACCESS_KEY_ID.to_owned(),
        secret_access_key: s3_server::SECRET_ACCESS_KEY.to_owned(),
        path_style: true,
        allow_http: true,
        tls_ca: None,
    }
}

fn in_bucket(bucket: &S3) -> Files {
    trusting(bucket, None).expect("a client")
}

fn trusting(bucket: &S3, authorities: Option<&str>) -> Result<Files, FileError> {
    Files::in_bucket(bucket, authorities.map(str::as_bytes), Arc::new(SeededIds::default()))
}

/// One of each kind, with what they stand on.
struct Places {
    folder: tempfile::TempDir,
    server: S3Server,
}

impl Places {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = S3Server::start(&folder.path().join("s3"), None);
        Self { folder, server }
    }

    fn each(&self) -> [(&'static str, Files); 4] {
        let in_folder = Files::in_folder(&self.folder.path().join("files"), Arc::new(SeededIds::default()));
        let under_prefix = S3 { prefix: Some("a/b".to_owned()), ..bucket_of(&self.server) };
        [
            ("memory", in_memory()),
            ("folder", in_folder.expect("files")),
            ("bucket", in_bucket(&bucket_of(&self.server))),
            ("part of a bucket", in_bucket(&under_prefix)),
        ]
    }
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
    let places = Places::new();
    for (place, files) in places.each() {
        files.check().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        let (id, record) = files.put(LICENSE, "C:\\pic/../cat.exe", GIF.into(), now()).await.expect("a file");
        assert_eq!((record.name.as_str(), record.content_type.as_str()), ("cat.exe", "image/gif"));
        assert_eq!((record.size, record.width, record.height), (GIF.len() as u64, Some(2), Some(3)));
        assert_eq!(files.find(LICENSE, &id, now()).await.expect("a look"), Some(record), "{place}");
        let open = files.open(LICENSE, &id, now()).await.expect("a look").expect("the file");
        assert_eq!(contents(open).await, GIF, "{place}");
    }
}

#[tokio::test]
async fn a_file_is_of_its_license_and_found_by_its_whole_id() {
    let places = Places::new();
    for (place, files) in places.each() {
        let (id, _) = files.put(LICENSE, "a.txt", "hello".into(), now()).await.expect("a file");
        assert_eq!(files.find(LicenseId(1_002), &id, now()).await.expect("a look"), None, "{place}");
        for id in ["", &id[1..], "../1001/0000000000000000000000000000", "zz"] {
            assert_eq!(files.find(LICENSE, id, now()).await.expect("a look"), None, "{place}: {id}");
        }
    }
}

#[tokio::test]
async fn a_file_that_no_event_shows_is_gone_after_a_day() {
    let places = Places::new();
    for (place, files) in places.each() {
        let (kept, _) = files.put(LICENSE, "kept", "a".into(), now()).await.expect("a file");
        let (lost, _) = files.put(LICENSE, "lost", "b".into(), now()).await.expect("a file");
        files.keep(LICENSE, &kept).await.expect("kept");
        let later = now().after(LIFETIME).after(std::time::Duration::from_secs(1));
        assert!(
            files.find(LICENSE, &lost, later).await.expect("a look").is_none(),
            "{place}: before any sweep"
        );
        assert_eq!(files.sweep(later).await.expect("a sweep"), 0, "{place}: an event may be on its way");
        let later = later.after(super::store::GRACE);
        assert_eq!(files.sweep(later).await.expect("a sweep"), 1, "{place}");
        assert!(files.find(LICENSE, &lost, now()).await.expect("a look").is_none(), "{place}");
        assert!(files.open(LICENSE, &kept, later).await.expect("a look").is_some(), "{place}");
        assert_eq!(
            files.sweep(later).await.expect("a sweep"),
            0,
            "{place}: what is kept is not looked at again"
        );
    }
    let left = places.server.objects();
    let of = |part: &str| left.iter().filter(|name| name.contains(part)).count();
    assert_eq!((left.len(), of("/data"), of("/record"), of("/kept")), (6, 2, 2, 2), "{left:?}");
    assert_eq!(left.iter().filter(|name| name.starts_with("a/b/1001/")).count(), 3, "{left:?}");
}

#[tokio::test]
async fn half_an_upload_is_no_file_and_is_removed() {
    let places = Places::new();
    let files = in_bucket(&bucket_of(&places.server));
    let (id, _) = files.put(LICENSE, "a", "b".into(), now()).await.expect("a file");
    let record = places.folder.path().join(format!("s3/{}/{LICENSE}/{id}/record", s3_server::BUCKET));
    std::fs::remove_file(record).expect("the last thing that is written");
    assert!(files.find(LICENSE, &id, now()).await.expect("a look").is_none());
    assert_eq!(places.server.objects().len(), 2);
    let later = now().after(LIFETIME).after(super::store::GRACE).after(std::time::Duration::from_secs(1));
    assert_eq!(files.sweep(later).await.expect("a sweep"), 1);
    assert_eq!(places.server.objects(), [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_says_no_is_told_from_one_that_is_away() {
    let places = Places::new();
    let good = || bucket_of(&places.server);
    for (bucket, told) in [
        (S3 { secret_access_key: "guessed".to_owned(), ..good() }, "SignatureDoesNotMatch"),
        (S3 { access_key_id: "nobody".to_owned(), ..good() }, "403 Forbidden"),
        (S3 { bucket: "missing".to_owned(), ..good() }, "NoSuchBucket"),
    ] {
        let error = in_bucket(&bucket).check().await.expect_err("no");
        assert!(error.is_refusal() && error.to_string().contains(told), "{told}: {error}");
        assert!(!format!("{error:?}").contains(&bucket.secret_access_key), "{error:?}");
    }
    let away = in_bucket(&good());
    drop(places.server);
    let error = away.check().await.expect_err("nobody is there");
    assert!(!error.is_refusal() && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_bucket_is_reached_by_tls_with_an_authority_of_one_s_own() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .expect("a certificate with its key");
    let folder = tempfile::tempdir().expect("a folder");
    let server = S3Server::start(folder.path(), Some(tls));
    let strict = S3 { allow_http: false, ..bucket_of(&server) };
    let own = own.cert.pem();
    trusting(&strict, Some(&own)).expect("a client").check().await.expect("it is believed");
    let error = in_bucket(&strict).check().await.expect_err("it is not believed");
    assert!(error.to_string().contains("certificate"), "{error}");
    let plain = S3 { endpoint: Some(server.endpoint().replace("https", "http")), ..strict };
    assert!(trusting(&plain, Some(&own)).expect("a client").check().await.is_err(), "not without TLS");
    for nonsense in ["", "hello", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(trusting(&bucket_of(&server), Some(nonsense)).is_err(), "{nonsense:?}");
    }
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
fn nobody_else_on_the_machine_looks_into_a_folder_that_the_server_made() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data").join("files");
    Files::in_folder(&folder, Arc::new(SeededIds::default())).expect("files");
    assert_eq!(mode(&folder), 0o700);
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
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
        ("photo\u{202e}gnp.exe", "photognp.exe"),
    ] {
        assert_eq!(super::name::clean(given), expected, "{given}");
    }
    assert_eq!(super::name::clean(&"ż".repeat(300)).len(), 200);
    // No longer name costs more than to read it once.
    assert_eq!(super::name::clean(&"ż".repeat(4 << 20)).len(), 200);
    assert_eq!(in_address("a b/ż.png"), "a%20b%2F%C5%BC.png");
}
