//! A server that speaks S3, over a folder of this machine: `s3s` with its file system, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who may come in.
pub(crate) const ACCESS_KEY_ID: &str = "switchboard";
/// … and by what.
pub(crate) const SECRET_ACCESS_KEY: &str = "a-secret-that-stands-in-no-log";
/// The one bucket.
pub(crate) const BUCKET: &str = "uploads";

/// The server; it ends with the value.
pub(crate) struct S3Server {
    address: SocketAddr,
    folder: PathBuf,
    is_tls: bool,
    /// The thread ends once this is gone.
    alive: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl S3Server {
    /// Over a folder, which gets the bucket, on a free port. With a certificate and key: by TLS.
    pub(crate) fn start(folder: &Path, tls: Option<rustls::ServerConfig>) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), folder, tls)
    }

    /// The same at an address.
    pub(crate) fn start_at(address: SocketAddr, folder: &Path, tls: Option<rustls::ServerConfig>) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).expect("a folder");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder).expect("a folder"));
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let service = service.build();
        let is_tls = tls.is_some();
        let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let (told, listening) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // Of its own: tests that share it end at different times, each with its runtime.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind(address).await.expect("an address to listen on");
                told.send(listener.local_addr().expect("an address")).expect("somebody waits");
                tokio::select! {
                    () = serve(listener, service, acceptor) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = listening.recv().expect("the server listens");
        Self { address, folder: folder.to_owned(), is_tls, alive: Some(stop), thread: Some(thread) }
    }

    /// Scheme, host and port.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names of all objects, in order.
    pub(crate) fn objects(&self) -> Vec<String> {
        let bucket = self.folder.join(BUCKET);
        let mut found = Vec::new();
        let mut folders = vec![bucket.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&bucket).expect("inside").display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service, acceptor: Option<TlsAcceptor>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let (service, acceptor) = (service.clone(), acceptor.clone());
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            match acceptor {
                Some(acceptor) => {
                    let Ok(socket) = acceptor.accept(socket).await else { return };
                    drop(builder.serve_connection(TokioIo::new(socket), service).await);
                }
                None => drop(builder.serve_connection(TokioIo::new(socket), service).await),
            }
        });
    }
}
