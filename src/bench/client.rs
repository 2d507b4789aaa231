//! One websocket of the load generator: asks and gets answers by number, hands pushes to a watcher.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::error::BenchError;
use super::wire::{self, Frame};

/// How long an answer may take before it counts as missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that wait to be written; the protocol lets fewer be unanswered.
const ASKS: usize = 64;

/// Sees what a socket gets unasked, on the socket's own task.
pub(super) trait Watcher: Send + 'static {
    /// A push came.
    fn push(&mut self, action: &str, payload: &str, at: Instant);
    /// The server asked whether the client is there, and is answered.
    fn pinged(&mut self) {}
    /// The server ended the connection.
    fn closed(&mut self) {}
}

/// An answer, and when it was read.
pub(super) struct Answer {
    /// The payload, or the error in the server's words.
    pub(super) result: Result<String, String>,
    /// When.
    pub(super) at: Instant,
}

struct Ask {
    action: &'static str,
    payload: String,
    answer: oneshot::Sender<Answer>,
}

/// A connection. Dropping it closes the socket.
#[derive(Clone)]
pub(super) struct Client {
    asks: mpsc::Sender<Ask>,
}

impl Client {
    /// Opens a websocket, from a source address of its own if one is given.
    pub(super) async fn connect(
        url: &str,
        source: Option<Ipv4Addr>,
        watcher: impl Watcher,
    ) -> Result<Self, BenchError> {
        let socket = open(url, source)
            .await
            .map_err(|error| BenchError::Connect { url: url.to_owned(), source: Box::new(error) })?;
        let (asks, asked) = mpsc::channel(ASKS);
        tokio::spawn(run(socket, asked, watcher));
        Ok(Self { asks })
    }

    /// Sends a request; the answer comes through the receiver.
    pub(super) async fn send(
        &self,
        action: &'static str,
        payload: String,
    ) -> Result<oneshot::Receiver<Answer>, BenchError> {
        let (answer, answered) = oneshot::channel();
        let gone = |_| BenchError::NoAnswer { doing: action };
        self.asks.send(Ask { action, payload, answer }).await.map_err(gone)?;
        Ok(answered)
    }

    /// Sends a request that has to go well, and waits for the answer's payload.
    pub(super) async fn ask(&self, action: &'static str, payload: String) -> Result<String, BenchError> {
        let answered = self.send(action, payload).await?;
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        let Ok(Ok(answer)) = answer else { return Err(BenchError::NoAnswer { doing: action }) };
        answer.result.map_err(|error| BenchError::Refused { doing: action, error })
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(url: &str, source: Option<Ipv4Addr>) -> Result<Socket, WsError> {
    let request = url.into_client_request()?;
    let uri = request.uri();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
    let found = tokio::net::lookup_host((host, port)).await?.next();
    let address = found.ok_or_else(|| std::io::Error::other("the host has no address"))?;
    let stream = connect_from(address, source).await?;
    stream.set_nodelay(true)?;
    // The defaults hold 128 KiB for each socket, and let unwritten bytes grow without a bound.
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(Some(256 * 1024 * 1024))
        .max_frame_size(Some(256 * 1024 * 1024));
    client_async_tls_with_config(request, stream, Some(config), None).await.map(|(socket, _)| socket)
}

async fn connect_from(address: SocketAddr, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    match source {
        Some(source) if address.is_ipv4() => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
            socket.connect(address).await
        }
        _ => TcpStream::connect(address).await,
    }
}

async fn run(mut socket: Socket, mut asked: mpsc::Receiver<Ask>, mut watcher: impl Watcher) {
    let mut waiting: HashMap<u64, oneshot::Sender<Answer>> = HashMap::new();
    let mut next = 0_u64;
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => heard(&text, &mut waiting, &mut watcher),
                // The library answers by itself.
                Some(Ok(Message::Ping(_))) => watcher.pinged(),
                Some(Ok(Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    watcher.closed();
                    return;
                }
            },
            ask = asked.recv() => {
                let Some(Ask { action, payload, answer }) = ask else {
                    // The other side may be gone already.
                    let _gone = socket.close(None).await;
                    return;
                };
                next += 1;
                let frame = wire::request(next, action, &payload);
                if socket.send(Message::text(frame)).await.is_err() {
                    watcher.closed();
                    return;
                }
                waiting.insert(next, answer);
            }
        }
    }
}

fn heard(text: &str, waiting: &mut HashMap<u64, oneshot::Sender<Answer>>, watcher: &mut impl Watcher) {
    let at = Instant::now();
    match wire::open(text) {
        Some(Frame::Response { id: Some(id), result }) => {
            if let Some(answer) = waiting.remove(&id) {
                // Who asked may have given up.
                let _gone = answer.send(Answer { result: result.map(str::to_owned), at });
            }
        }
        // A refusal without a number (rates are checked before a frame is read) is the oldest question's.
        Some(Frame::Response { id: None, result }) => {
            let oldest = waiting.keys().min().copied();
            if let Some(answer) = oldest.and_then(|id| waiting.remove(&id)) {
                let _gone = answer.send(Answer { result: result.map(str::to_owned), at });
            }
        }
        Some(Frame::Push { action, payload }) => watcher.push(&action, payload, at),
        None => {}
    }
}
