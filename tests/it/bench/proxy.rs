//! A TCP proxy that does something to one push: drops it, doubles it, or swaps it with the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What is done to a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Double,
    /// The next one overtakes it.
    Swap,
}

/// Pushes that pass before one is meddled with.
const PASS: u32 = 4;

struct Meddler {
    fault: Option<Fault>,
    /// Messages that were pushed to their own senders: they are meddled with, since no sender waits for those.
    seen: AtomicU32,
}

/// A proxy to one server.
pub(super) struct Proxy {
    port: u16,
    meddler: Arc<Meddler>,
}

impl Proxy {
    /// Listens on a free port.
    pub(super) async fn start(server: &str, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = server.trim_start_matches("http://").to_owned();
        let meddler = Arc::new(Meddler { fault, seen: AtomicU32::new(0) });
        let shared = meddler.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server).await.expect("the server listens");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = upstream.into_split();
                tokio::spawn(copy(from_client, to_server));
                tokio::spawn(meddle(from_server, to_client, shared.clone()));
            }
        });
        Self { port, meddler }
    }

    /// Where it is reached.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether the fault was put in.
    pub(super) fn has_meddled(&self) -> bool {
        self.meddler.fault.is_some() && self.meddler.seen.load(Ordering::SeqCst) > PASS
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // Either side may go first.
    let _ended = tokio::io::copy(&mut from, &mut to).await;
}

/// Passes the head of the answer, then whole frames.
async fn meddle(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, meddler: Arc<Meddler>) {
    let mut bytes = Vec::new();
    let mut is_websocket = None;
    let mut held: Option<Vec<u8>> = None;
    while from.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        if is_websocket.is_none() {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            is_websocket = Some(bytes.starts_with(b"HTTP/1.1 101"));
            if to.write_all(&bytes.drain(..end + 4).collect::<Vec<u8>>()).await.is_err() {
                return;
            }
        }
        let mut out = Vec::new();
        if is_websocket == Some(false) {
            out.append(&mut bytes);
        }
        while let Some(length) = frame_length(&bytes) {
            let frame: Vec<u8> = bytes.drain(..length).collect();
            let text = String::from_utf8_lossy(&frame).into_owned();
            let is_message = text.contains("\"incoming_event\"") && text.contains("\"type\":\"message\"");
            let is_own = is_message && text.contains("\"request_id\"");
            let is_chosen = is_own && meddler.seen.fetch_add(1, Ordering::SeqCst) == PASS;
            match meddler.fault.filter(|_| is_chosen) {
                Some(Fault::Drop) => {}
                Some(Fault::Double) => out.extend(frame.repeat(2)),
                Some(Fault::Swap) => held = Some(frame),
                None => {
                    out.extend(frame);
                    if is_message {
                        out.extend(held.take().unwrap_or_default());
                    }
                }
            }
        }
        if to.write_all(&out).await.is_err() {
            return;
        }
    }
}

/// The length of the first frame, if all of it is there. Servers' frames are not masked.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.get(1)? & 0x7f {
        126 => 4 + usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        127 => 10 + usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?,
        short => 2 + usize::from(short),
    };
    (bytes.len() >= length).then_some(length)
}
