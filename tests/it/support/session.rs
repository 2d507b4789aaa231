//! A websocket as one user: requests, answers, and the pushes that came.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use switchboard::protocol::envelope;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::{HeaderValue, USER_AGENT};

use super::LIMIT;
use super::answer::{Answer, ApiError, tables};
use super::node::NodeLink;

/// A push as it came.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// Its name.
    pub(crate) action: String,
    /// Of the request that caused it, on the requesting connection.
    pub(crate) request_id: Option<String>,
    /// What it says.
    pub(crate) payload: Value,
    /// What a session that goes on from here sends, where there is such a thing.
    pub(crate) resume: Option<String>,
    /// A test has looked at it.
    pub(crate) taken: bool,
}

/// All that has come over a socket.
#[derive(Default)]
pub(crate) struct Inbox {
    /// In the order of their coming.
    pub(crate) pushes: Vec<Push>,
    /// By request id.
    pub(crate) answers: HashMap<String, Answer>,
    /// Whole frames of answers without a request id.
    pub(crate) loose: Vec<Value>,
    /// Control pings of the server.
    pub(crate) pings: usize,
    /// Control pongs of the server, with what they carry.
    pub(crate) pongs: Vec<Vec<u8>>,
    /// Why there will be nothing more.
    pub(crate) closed: Option<String>,
    /// What was not as the tables say.
    faults: Vec<String>,
    /// What was asked, by request id.
    asked: HashMap<String, String>,
    /// The login asked to be resumed: without that nothing of it may come.
    resumes: bool,
}

/// A websocket.
pub(crate) struct Session {
    name: String,
    surface: &'static str,
    link: Arc<NodeLink>,
    outgoing: mpsc::UnboundedSender<Message>,
    inbox: Arc<Mutex<Inbox>>,
    changed: watch::Receiver<u64>,
    next: AtomicU64,
}

/// For whom a proxy would say that the sessions are. Servers do not believe it unless they are told to.
pub(crate) const FORWARDED_FOR: &str = "203.0.113.7";

/// How the sessions' browser calls itself.
pub(crate) const BROWSER: &str = "A browser/1.0";

impl Session {
    /// Opens a socket, without a login. `query` follows the path, with its question mark.
    pub(crate) async fn open(surface: &'static str, name: &str, link: &Arc<NodeLink>, query: &str) -> Self {
        let url = format!("{}/v3.6/{surface}/rtm/ws{query}", link.websocket_base());
        let mut request = url.as_str().into_client_request().expect("a request");
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(BROWSER));
        request.headers_mut().insert("x-forwarded-for", HeaderValue::from_static(FORWARDED_FOR));
        let opened = tokio_tungstenite::connect_async(request).await;
        let (socket, _) = opened.unwrap_or_else(|error| panic!("{url}: {error}\n{}", link.log_tail()));
        let (mut sink, mut stream) = socket.split();
        let (outgoing, mut to_send) = mpsc::unbounded_channel::<Message>();
        let (change, changed) = watch::channel(0_u64);
        let inbox: Arc<Mutex<Inbox>> = Arc::default();
        let filled = inbox.clone();
        tokio::spawn(async move {
            while let Some(message) = to_send.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            drop(sink.close().await);
        });
        tokio::spawn(async move {
            loop {
                let message = stream.next().await;
                let ended = matches!(message, None | Some(Err(_)));
                filled.lock().take_in(surface, message);
                change.send_modify(|count| *count += 1);
                if ended {
                    return;
                }
            }
        });
        let (name, link) = (name.to_owned(), link.clone());
        Self { name, surface, link, outgoing, inbox, changed, next: AtomicU64::new(1) }
    }

    /// Sends a frame as it is.
    pub(crate) fn send(&self, frame: Message) {
        // As the server finds them: a payload need not be readable for its frame to be.
        if let Message::Text(text) = &frame
            && let (Some(id), action) = envelope::echo(text)
        {
            let request: Value = serde_json::from_str(text).unwrap_or_default();
            let mut inbox = self.inbox.lock();
            inbox.resumes |= action == "login" && request["payload"]["resume"].is_string();
            inbox.asked.insert(id.into_owned(), action.into_owned());
        }
        drop(self.outgoing.send(frame));
    }

    /// Sends a text as it is.
    pub(crate) fn send_text(&self, text: impl Into<String>) {
        self.send(Message::text(text.into()));
    }

    /// Sends a request and does not wait. Gives its id.
    pub(crate) fn begin(&self, action: &str, payload: Value) -> String {
        let id = self.next_id();
        self.send_text(json!({ "request_id": id, "action": action, "payload": payload }).to_string());
        id
    }

    /// A request id that this session has not used.
    pub(crate) fn next_id(&self) -> String {
        format!("{}-{}", self.name, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for the answer of a request that was begun.
    pub(crate) async fn answer(&self, request_id: &str) -> Answer {
        self.until(&format!("the answer to {request_id}"), |inbox| inbox.answers.remove(request_id)).await
    }

    /// Calls a method.
    pub(crate) async fn ask(&self, action: &str, payload: Value) -> Answer {
        let id = self.begin(action, payload);
        self.answer(&id).await
    }

    /// The same on a connection that the server may have ended: None if there is no answer any more.
    pub(crate) async fn ask_if_open(&self, action: &str, payload: Value) -> Option<Answer> {
        let id = self.begin(action, payload);
        self.answer_if_open(&id).await
    }

    /// The answer of a request that was begun, on a connection that the server may have ended.
    pub(crate) async fn answer_if_open(&self, id: &str) -> Option<Answer> {
        let arrived = |inbox: &mut Inbox| match inbox.answers.remove(id) {
            Some(answer) => Some(Some(answer)),
            None => inbox.closed.is_some().then_some(None),
        };
        self.until(&format!("the answer to {id}, or the end"), arrived).await
    }

    /// Calls a method that has to go well.
    pub(crate) async fn call(&self, action: &str, payload: Value) -> Value {
        let answer = self.ask(action, payload).await;
        answer.unwrap_or_else(|error| panic!("{action}: {error:?}\n{}", self.status()))
    }

    /// Calls a method that has to be refused.
    pub(crate) async fn refused(&self, action: &str, payload: Value) -> ApiError {
        match self.ask(action, payload).await {
            Ok(answer) => panic!("{action} went well: {answer}\n{}", self.status()),
            Err(error) => error,
        }
    }

    /// Waits for a push that no test has looked at and that fits. Gives its payload.
    pub(crate) async fn expect_push(&self, action: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.expect_whole_push(action, fits).await.payload
    }

    /// The same, with its request id.
    pub(crate) async fn expect_whole_push(&self, action: &str, fits: impl Fn(&Value) -> bool) -> Push {
        let found = |inbox: &mut Inbox| {
            let mut fresh = inbox.pushes.iter_mut().filter(|push| !push.taken);
            let push = fresh.find(|push| push.action == action && fits(&push.payload))?;
            push.taken = true;
            Some(push.clone())
        };
        self.until(&format!("the push {action}"), found).await
    }

    /// Lets everything arrive that the server has offered to this session until now.
    pub(crate) async fn settle(&self) {
        self.call("ping", json!({})).await;
    }

    /// The same for a session that the server may have ended: all has arrived once it is closed.
    pub(crate) async fn settle_if_open(&self) {
        drop(self.ask_if_open("ping", json!({})).await);
    }

    /// No such push has come, after all that was offered until now has arrived. Whoever causes pushes waits for one
    /// later answer of the same chat before.
    pub(crate) async fn expect_no_push(&self, action: &str) {
        self.expect_no_push_that(action, |_| true).await;
    }

    /// The same for pushes that fit.
    pub(crate) async fn expect_no_push_that(&self, action: &str, fits: impl Fn(&Value) -> bool) {
        self.settle().await;
        let came =
            self.pushes().iter().any(|push| !push.taken && push.action == action && fits(&push.payload));
        assert!(!came, "{}: a push {action} came\n{}", self.name, self.status());
    }

    /// No push has come that no test has looked at, but for the router's own news of groups, which come when it pleases, and
    /// for the customers whom a login lists.
    pub(crate) async fn expect_nothing_more(&self) {
        self.settle().await;
        let expected = ["groups_status_updated", "incoming_customers"];
        let is_left = |push: &Push| !push.taken && !expected.contains(&push.action.as_str());
        let left: Vec<_> = self.pushes().into_iter().filter(is_left).collect();
        assert!(left.is_empty(), "{}: unexpected pushes: {left:#?}", self.name);
    }

    /// What came until now needs no look.
    pub(crate) async fn forget_pushes(&self) {
        self.settle().await;
        self.inbox.lock().pushes.iter_mut().for_each(|push| push.taken = true);
    }

    /// All pushes until now.
    pub(crate) fn pushes(&self) -> Vec<Push> {
        self.inbox.lock().pushes.clone()
    }

    /// Waits until the socket is closed; says how.
    pub(crate) async fn closed(&self) -> String {
        self.until("the end of the connection", |inbox| inbox.closed.clone()).await
    }

    /// True while the server has not closed the socket.
    pub(crate) fn is_open(&self) -> bool {
        self.inbox.lock().closed.is_none()
    }

    /// Waits until the inbox shows something.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut Inbox) -> Option<T>) -> T {
        let mut changed = self.changed.clone();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                let (found, is_over) = {
                    let mut inbox = self.inbox.lock();
                    (look(&mut inbox), inbox.closed.is_some())
                };
                if let Some(found) = found {
                    return Some(found);
                }
                if is_over {
                    return None;
                }
                drop(changed.changed().await);
            }
        };
        let found = tokio::time::timeout(LIMIT, waiting).await;
        self.check();
        match found {
            Ok(Some(found)) => found,
            Ok(None) => panic!("{}: the connection ended without {what}\n{}", self.name, self.status()),
            Err(_) => panic!("{}: {what} did not come\n{}", self.name, self.status()),
        }
    }

    /// Panics if something came that is not as the tables say.
    fn check(&self) {
        let faults = std::mem::take(&mut self.inbox.lock().faults);
        assert!(faults.is_empty(), "{}: {}", self.name, faults.join("\n"));
    }

    /// What came until now, for people.
    pub(crate) fn status(&self) -> String {
        let inbox = self.inbox.lock();
        let mut text = format!("{} ({}), pushes received:\n", self.name, self.surface);
        for push in &inbox.pushes {
            let mark = if push.taken { "taken" } else { "fresh" };
            let _ = writeln!(text, "  {mark} {} {:?} {}", push.action, push.request_id, push.payload);
        }
        if let Some(closed) = &inbox.closed {
            let _ = writeln!(text, "  closed: {closed}");
        }
        let _ = write!(text, "the server's log:\n{}", self.link.log_tail());
        text
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

type Received = Option<Result<Message, tokio_tungstenite::tungstenite::Error>>;

impl Inbox {
    fn take_in(&mut self, surface: &str, message: Received) {
        match message {
            Some(Ok(Message::Text(text))) => {
                if let Err(fault) = self.frame(surface, &text) {
                    self.faults.push(format!("{fault}, in the frame {text}"));
                }
            }
            Some(Ok(Message::Ping(_))) => self.pings += 1,
            Some(Ok(Message::Pong(bytes))) => self.pongs.push(bytes.to_vec()),
            Some(Ok(Message::Close(close))) => {
                let told = close.map_or_else(|| "without a word".to_owned(), |close| close.code.to_string());
                self.closed.get_or_insert(told);
            }
            Some(Ok(other)) => self.faults.push(format!("a frame that is no text: {other:?}")),
            Some(Err(error)) => drop(self.closed.get_or_insert(error.to_string())),
            None => drop(self.closed.get_or_insert("the stream ended".to_owned())),
        }
    }

    fn frame(&mut self, surface: &str, text: &str) -> Result<(), String> {
        let frame: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let only = |known: &[&str]| {
            let keys = frame.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
            match keys.unwrap_or_default().into_iter().find(|key| !known.contains(&key.as_str())) {
                Some(key) => Err(format!("undocumented key {key}")),
                None => Ok(()),
            }
        };
        let action = frame["action"].as_str().unwrap_or_default();
        let request_id = frame.get("request_id").map(|id| id.as_str().map(str::to_owned));
        let request_id = match request_id {
            Some(None) => return Err("request_id is no text".to_owned()),
            Some(Some(id)) => Some(id),
            None => None,
        };
        let payload = &frame["payload"];
        match frame["type"].as_str() {
            Some("push") => {
                let more = if self.resumes { "resume" } else { "payload" };
                only(&["version", "request_id", "action", "type", "payload", more])?;
                if frame["version"] != "3.6" {
                    return Err("no version 3.6".to_owned());
                }
                if request_id.as_ref().is_some_and(|id| !self.asked.contains_key(id)) {
                    return Err("a push with another connection's request_id".to_owned());
                }
                tables(surface).push_fault(action, payload)?;
                let (action, payload) = (action.to_owned(), payload.clone());
                let resume = frame["resume"].as_str().map(str::to_owned);
                self.pushes.push(Push { action, request_id, payload, resume, taken: false });
            }
            Some("response") => {
                only(&["request_id", "action", "type", "success", "payload"])?;
                let answer = match frame["success"].as_bool() {
                    Some(true) => {
                        let mut documented = payload.clone();
                        if let (true, "login", Some(fields)) =
                            (self.resumes, action, documented.as_object_mut())
                        {
                            fields
                                .remove("resume")
                                .ok_or("a login that may be resumed says nothing of it")?;
                        }
                        tables(surface).response_fault(action, &documented)?;
                        Ok(payload.clone())
                    }
                    Some(false) => Err(ApiError::read(surface, payload)?),
                    None => return Err("no success".to_owned()),
                };
                let Some(id) = request_id else {
                    self.loose.push(frame);
                    return Ok(());
                };
                match self.asked.get(&id) {
                    Some(asked) if asked == action => {}
                    asked => return Err(format!("an answer to {asked:?}")),
                }
                if self.answers.insert(id, answer).is_some() {
                    return Err("a second answer".to_owned());
                }
            }
            _ => return Err("neither push nor response".to_owned()),
        }
        Ok(())
    }
}
