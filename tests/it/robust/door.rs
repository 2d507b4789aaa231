//! A socket without manners: bytes as they are, over TCP or TLS, and websockets whose reader may be slow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;

use crate::support::{LIMIT, NodeLink};

/// Bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection.
pub(crate) type Wire = Box<dyn Io>;

/// Where a server is reached, and how.
#[derive(Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

/// What came over a connection until it ended.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// By a reset: the server closed with bytes of ours unread.
    Reset,
    /// Not at all within the limit.
    Open,
}

impl Came {
    /// As text, broken characters replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of an HTTP answer; 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The body of an HTTP answer.
    pub(crate) fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// `error.type` of an HTTP answer.
    pub(crate) fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body()).unwrap_or_default();
        body["error"]["type"].as_str().unwrap_or_default().to_owned()
    }
}

impl Door {
    /// Of a node without TLS.
    pub(crate) fn of(link: &Arc<NodeLink>) -> Self {
        let base = link.base();
        let address = base.trim_start_matches("http://").parse().expect("an address");
        Self { address, tls: None }
    }

    /// With TLS.
    pub(crate) fn with_tls(address: SocketAddr, tls: TlsConnector) -> Self {
        Self { address, tls: Some(tls) }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Wire {
        let socket = TcpStream::connect(self.address).await.expect("the server accepts");
        self.wrap(socket).await
    }

    /// Opens a connection whose receiving side buffers next to nothing.
    pub(crate) async fn connect_narrow(&self) -> Wire {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a small buffer");
        let socket = socket.connect(self.address).await.expect("the server accepts");
        self.wrap(socket).await
    }

    /// True if the server lets a new connection in.
    pub(crate) async fn is_open(&self) -> bool {
        TcpStream::connect(self.address).await.is_ok()
    }

    async fn wrap(&self, socket: TcpStream) -> Wire {
        let Some(tls) = &self.tls else { return Box::new(socket) };
        let name = rustls_pki_types::ServerName::try_from("localhost").expect("a name");
        Box::new(tls.connect(name, socket).await.expect("a TLS handshake"))
    }

    /// Sends bytes and reads until the end.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> Came {
        let mut wire = self.connect().await;
        // A server that closes early makes the rest fail, which is its right.
        drop(wire.write_all(bytes.as_ref()).await);
        read_to_end(&mut wire, LIMIT).await
    }

    /// One HTTP request with these header lines.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Came {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        self.exchange([head.as_bytes(), body].concat()).await
    }

    /// A websocket with a well-behaved client on top of it.
    pub(crate) async fn websocket(&self, wire: Wire, path: &str) -> WebSocketStream<Wire> {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{path}", self.address);
        tokio_tungstenite::client_async(url, wire).await.expect("an upgrade").0
    }

    /// A websocket of which only the upgrade was done, with what came after it.
    pub(crate) async fn upgraded(&self, path: &str) -> Wire {
        self.upgraded_with(path, "").await
    }

    /// The same with these header lines.
    pub(crate) async fn upgraded_with(&self, path: &str, headers: &str) -> Wire {
        let mut wire = self.connect().await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            self.address
        );
        wire.write_all(head.as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(wire.read_u8().await.expect("an answer"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        wire
    }
}

/// Reads until the connection ends, or until nothing has come for `patience`.
pub(crate) async fn read_to_end(wire: &mut (impl AsyncRead + Unpin), patience: Duration) -> Came {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let end = loop {
        match tokio::time::timeout(patience, wire.read(&mut chunk)).await {
            Ok(Ok(0)) => break End::Closed,
            Ok(Ok(count)) => bytes.extend_from_slice(&chunk[..count]),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break End::Closed,
            Ok(Err(_)) => break End::Reset,
            Err(_) => break End::Open,
        }
    };
    Came { bytes, end }
}

/// A websocket frame of a client, masked with zeros. `first` is the first byte: FIN, reserved bits, opcode.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("small")),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(length).expect("small").to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Frames of a server: opcode and payload.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second & 0x7f {
            126 if rest.len() >= 2 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 if rest.len() >= 8 => {
                let length = u64::from_be_bytes(rest[..8].try_into().expect("eight bytes"));
                (usize::try_from(length).expect("a length"), &rest[8..])
            }
            length @ 0..126 => (usize::from(length), rest),
            _ => break,
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push((first & 0x0f, payload.to_vec()));
        bytes = rest;
    }
    frames
}
