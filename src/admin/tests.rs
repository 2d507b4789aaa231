use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;
use crate::clock::SystemClock;
use crate::id_source::OsIds;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::tenants::Tenants;

struct TestServer {
    folder: tempfile::TempDir,
    _server: AdminServer,
}

fn services(tenants: Tenants, store: Arc<EmbeddedStore>) -> Services {
    let base_url = "http://127.0.0.1:8080".to_owned();
    Services { tenants, base_url, config: Arc::default(), store, actors: None, member: None }
}

impl TestServer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.path().join("store")) };
        let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
        let tenants = Tenants::new(store.clone(), Arc::new(SystemClock), Arc::new(OsIds));
        let path = folder.path().join("admin.sock");
        // What a server leaves that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        let services = services(tenants, store);
        let server = serve(&path, services).expect("served");
        Self { folder, _server: server }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// Sends bytes as they are and gives the whole answer until the server hangs up.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.path()).await.expect("connected");
        // The server may hang up before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }
}

#[actix_rt::test]
async fn the_socket_is_private_and_takes_the_place_of_an_old_one() {
    let server = TestServer::new();
    let mode = std::fs::metadata(server.path()).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = Client::connect(&server.path()).await.expect("listens");
    let outcome = client.execute(&Operation::ShowLicenses { license: None }).await.expect("answered");
    assert!(matches!(outcome, Outcome::Licenses(licenses) if licenses.is_empty()));
    let error =
        client.execute(&Operation::ListTokens { license: None, agent: None }).await.expect_err("none");
    assert!(error.to_string().starts_with("there is no license yet"), "{error}");
}

#[actix_rt::test]
async fn what_is_not_understood_is_refused_and_the_server_goes_on() {
    let server = TestServer::new();
    for bytes in [
        b"\n".to_vec(),
        b"hello\n".to_vec(),
        b"{\"drop_everything\":{}}\n".to_vec(),
        b"{\"show_licenses\":{\"license\":null,\"extra\":1}}\n".to_vec(),
        b"\xff\xfe\n".to_vec(),
        b"{\"show_licenses\":".to_vec(),
        vec![b'x'; 300 * 1024],
    ] {
        let answer = server.say(&bytes).await;
        let is_fine = answer.starts_with("{\"refused\":\"not understood") || answer.is_empty();
        assert!(is_fine, "{answer}");
    }
    let answer = server.say(b"{\"show_licenses\":{\"license\":null}}\n").await;
    assert_eq!(answer, "{\"done\":{\"licenses\":[]}}\n");
}

#[actix_rt::test]
async fn a_data_dir_may_have_a_long_path() {
    let server = TestServer::new();
    let folder = server.folder.path().join("x".repeat(120));
    std::fs::create_dir(&folder).expect("made");
    let options = EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.join("store")) };
    let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
    let tenants = Tenants::new(store.clone(), Arc::new(SystemClock), Arc::new(OsIds));
    let path = folder.join("admin.sock");
    let _serving = serve(&path, services(tenants, store)).expect("served");
    let mut client = Client::connect(&path).await.expect("listens");
    client.execute(&Operation::ShowLicenses { license: None }).await.expect("answered");
}
