//! A client that survives the server: it sends, counts what is acknowledged, and repeats the rest after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::door::{Door, Wire};
use crate::support::LIMIT;

/// The connection is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// A logged-in websocket.
pub(crate) struct Line {
    socket: WebSocketStream<Wire>,
    /// Pushes that came, oldest first.
    pub(crate) pushes: VecDeque<Value>,
}

/// Who logs in, and where.
#[derive(Clone)]
pub(crate) struct Login {
    path: String,
    token: String,
}

impl Login {
    pub(crate) fn agent(token: &str) -> Self {
        Self { path: "/v3.6/agent/rtm/ws".to_owned(), token: token.to_owned() }
    }

    pub(crate) fn customer(organization: &str, token: &str) -> Self {
        let path = format!("/v3.6/customer/rtm/ws?organization_id={organization}");
        Self { path, token: token.to_owned() }
    }
}

impl Line {
    /// Over a new connection.
    pub(crate) async fn open(door: &Door, login: &Login) -> Self {
        Self::over(door, door.connect().await, login).await
    }

    /// Over a connection that is there.
    pub(crate) async fn over(door: &Door, wire: Wire, login: &Login) -> Self {
        let socket = door.websocket(wire, &login.path).await;
        let mut line = Self { socket, pushes: VecDeque::new() };
        let mut parameters = json!({ "token": login.token });
        if !login.path.contains("customer") {
            parameters["away"] = json!(true);
        }
        let answer = line.ask("login", parameters).await.expect("a connection");
        assert!(answer["success"] == true, "{answer}");
        line
    }

    /// What the websocket runs over: whoever reads there takes its bytes away.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        self.socket.get_mut()
    }

    /// Sends a request and does not wait.
    pub(crate) async fn begin(&mut self, id: &str, action: &str, payload: Value) -> Result<(), Gone> {
        let request = json!({ "request_id": id, "action": action, "payload": payload });
        self.socket.send(Message::text(request.to_string())).await.map_err(|_| Gone)
    }

    /// The next answer; pushes before it are kept.
    pub(crate) async fn answer(&mut self) -> Result<Value, Gone> {
        loop {
            let frame = self.frame().await?;
            if frame["type"] == "response" {
                return Ok(frame);
            }
            self.pushes.push_back(frame);
        }
    }

    /// The next push.
    pub(crate) async fn push(&mut self) -> Result<Value, Gone> {
        match self.pushes.pop_front() {
            Some(push) => Ok(push),
            None => self.frame().await,
        }
    }

    /// The next frame, whatever it is.
    pub(crate) async fn frame(&mut self) -> Result<Value, Gone> {
        loop {
            let message = tokio::time::timeout(LIMIT, self.socket.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                Some(Ok(other)) => panic!("no text: {other:?}"),
            }
        }
    }

    /// Calls a method and waits for its answer, whole.
    pub(crate) async fn ask(&mut self, action: &str, payload: Value) -> Result<Value, Gone> {
        self.begin("asked", action, payload).await?;
        self.answer().await
    }
}

/// A customer with one chat who sends message after message.
pub(crate) struct Talker {
    login: Login,
    line: Option<Line>,
    pub(crate) chat: String,
    pub(crate) acked: Vec<Acked>,
    /// Acknowledgements of all who share it.
    progress: Arc<AtomicU64>,
    /// Sent, not acknowledged: first in, first out.
    open: VecDeque<u64>,
    next: u64,
}

/// An acknowledged event.
#[derive(Clone, Debug)]
pub(crate) struct Acked {
    pub(crate) number: u64,
    pub(crate) event_id: String,
}

/// Messages under way at once.
pub(crate) const WINDOW: u64 = 3;

impl Talker {
    /// Logs in and starts a chat.
    pub(crate) async fn start(door: &Door, login: Login, progress: Arc<AtomicU64>) -> Self {
        let mut line = Line::open(door, &login).await;
        let answer = line.ask("start_chat", json!({ "active": true })).await.expect("a connection");
        let chat = answer["payload"]["chat_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { login, line: Some(line), chat, acked: Vec::new(), progress, open: VecDeque::new(), next: 0 }
    }

    /// Logs in again, and sends again what was never acknowledged.
    pub(crate) async fn reconnect(&mut self, door: &Door) {
        let line = Line::open(door, &self.login).await;
        self.line = Some(line);
        for number in self.open.clone() {
            drop(self.send(number).await);
        }
    }

    /// Talks until the connection ends, or until `enough` says so and everything is acknowledged. Anything but an
    /// acknowledgement or a retryable refusal fails the test.
    pub(crate) async fn talk(&mut self, enough: impl Fn() -> bool) {
        loop {
            while !enough() && (self.open.len() as u64) < WINDOW {
                let number = self.next;
                self.next += 1;
                self.open.push_back(number);
                if self.send(number).await.is_err() {
                    self.line = None;
                    return;
                }
            }
            if self.open.is_empty() {
                return;
            }
            let Some(line) = &mut self.line else { return };
            let Ok(answer) = line.answer().await else {
                self.line = None;
                return;
            };
            let number: u64 = answer["request_id"].as_str().and_then(|id| id.parse().ok()).expect("our id");
            if answer["success"] == true {
                let event_id = answer["payload"]["event_id"].as_str().expect("an id").to_owned();
                self.acked.push(Acked { number, event_id });
                self.progress.fetch_add(1, Ordering::Relaxed);
                self.open.retain(|open| *open != number);
                continue;
            }
            let kind = answer["payload"]["error"]["type"].as_str().unwrap_or_default();
            let retryable = ["service_unavailable", "request_timeout", "too_many_requests", "internal"];
            assert!(retryable.contains(&kind), "{answer}");
            // The server is going down: what is open is sent again later.
            self.line = None;
            return;
        }
    }

    /// Nothing waits for its acknowledgement.
    pub(crate) fn has_said_all(&self) -> bool {
        self.open.is_empty()
    }

    async fn send(&mut self, number: u64) -> Result<(), Gone> {
        let event = json!({ "type": "message", "text": format!("message {number}"), "custom_id": number.to_string() });
        let payload = json!({ "chat_id": self.chat, "event": event });
        let line = self.line.as_mut().ok_or(Gone)?;
        line.begin(&number.to_string(), "send_event", payload).await
    }

    /// Every acknowledged message is among `events` (of all threads, in order), once, under its id; nothing else of ours
    /// is there more than once; and what was sent after an acknowledgement comes after it.
    pub(crate) fn check(&self, events: &[Value]) {
        let mine: Vec<(u64, &str)> = events
            .iter()
            .filter_map(|event| Some((event["custom_id"].as_str()?.parse().ok()?, event["id"].as_str()?)))
            .collect();
        let mut once = BTreeMap::new();
        for (position, (number, id)) in mine.iter().enumerate() {
            let before = once.insert(*number, (position, *id));
            assert!(before.is_none(), "chat {}: message {number} is there twice: {before:?} {id}", self.chat);
        }
        for acked in &self.acked {
            let Some((_, id)) = once.get(&acked.number) else {
                panic!("chat {}: {acked:?} was acknowledged and is not there", self.chat)
            };
            assert_eq!(*id, acked.event_id, "chat {}: message {}", self.chat, acked.number);
        }
        for (number, (position, _)) in &once {
            // It was sent when all but the last few before it were acknowledged.
            for (later, (after, _)) in once.range(number + 2 * WINDOW..) {
                assert!(position < after, "chat {}: message {later} stands before {number}", self.chat);
            }
        }
    }
}
