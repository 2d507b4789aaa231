//! The baseline: a relay of websockets through one actor a room, without a store and without a login.
//!
//! The same actix-web-actors stack as the server's, the same frames on the wire, the least that can stand between two
//! sockets: a session hands a message to the room's actor, which answers the sender and writes the same bytes to all
//! others. It runs in a process of its own (a hidden mode of the binary), so that its cost is read like the server's.
//!
//! This is the one place outside `sessions` that uses actix-web-actors: a baseline on another stack would compare two
//! libraries, not two servers.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, Recipient, StreamHandler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytestring::ByteString;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Messages that may wait for an actor.
const MAILBOX: usize = 4096;

/// Bytes to be written.
#[derive(Message)]
#[rtype(result = "()")]
struct Write(ByteString);

/// A session has come.
#[derive(Message)]
#[rtype(result = "()")]
struct Joined(u64, Recipient<Write>);

/// A session has gone.
#[derive(Message)]
#[rtype(result = "()")]
struct Left(u64);

/// A session said something.
#[derive(Message)]
#[rtype(result = "()")]
struct Said {
    from: u64,
    text: ByteString,
}

/// One room.
struct Room {
    name: String,
    sessions: Vec<(u64, Recipient<Write>)>,
    said: u64,
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Joined> for Room {
    type Result = ();

    fn handle(&mut self, Joined(id, session): Joined, _: &mut Self::Context) {
        self.sessions.push((id, session));
    }
}

impl Handler<Left> for Room {
    type Result = ();

    fn handle(&mut self, Left(id): Left, _: &mut Self::Context) {
        self.sessions.retain(|(known, _)| *known != id);
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    request_id: &'a str,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    event: Option<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

impl Handler<Said> for Room {
    type Result = ();

    fn handle(&mut self, Said { from, text }: Said, _: &mut Self::Context) {
        let Ok(Request { request_id, payload }) = serde_json::from_str(&text) else { return };
        self.said += 1;
        let id = format!("{}_{}", self.name, self.said);
        let answer = format!(
            r#"{{"request_id":"{request_id}","action":"send_event","type":"response","success":true,"payload":{{"event_id":"{id}"}}}}"#
        );
        let push: ByteString = format!(
            r#"{{"version":"3.6","action":"incoming_event","type":"push","payload":{{"chat_id":"{}","thread_id":"{}","event":{{"id":"{id}","type":"message","text":{}}}}}}}"#,
            self.name,
            self.name,
            payload.event.map_or("\"\"", |event| event.text.get()),
        )
        .into();
        let answer: ByteString = answer.into();
        for (session, address) in &self.sessions {
            let bytes = if *session == from { answer.clone() } else { push.clone() };
            // A session that cannot keep up misses bytes; the audit of the run says so.
            drop(address.try_send(Write(bytes)));
        }
    }
}

/// One socket.
struct Session {
    id: u64,
    room: Addr<Room>,
}

impl Actor for Session {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        drop(self.room.try_send(Joined(self.id, ctx.address().recipient())));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        drop(self.room.try_send(Left(self.id)));
    }
}

impl Handler<Write> for Session {
    type Result = ();

    fn handle(&mut self, Write(bytes): Write, ctx: &mut Self::Context) {
        ctx.text(bytes);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => drop(self.room.try_send(Said { from: self.id, text })),
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Close(_)) | Err(_) => ctx.stop(),
            Ok(_) => {}
        }
    }
}

#[derive(Default)]
struct Rooms {
    known: HashMap<String, Addr<Room>>,
    sessions: u64,
}

type Shared = web::Data<Arc<Mutex<Rooms>>>;

#[derive(Deserialize)]
struct Query {
    room: String,
}

async fn upgrade(
    rooms: Shared,
    request: HttpRequest,
    query: web::Query<Query>,
    stream: web::Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let session = {
        let mut rooms = rooms.lock();
        rooms.sessions += 1;
        let name = query.into_inner().room;
        let room = rooms.known.entry(name.clone());
        let room = room.or_insert_with(|| Room { name, sessions: Vec::new(), said: 0 }.start()).clone();
        Session { id: rooms.sessions, room }
    };
    ws::start(session, &request, stream)
}

/// Serves the baseline on a port of the loopback address until the process is ended. Blocks.
///
/// # Errors
/// If the port cannot be listened on.
pub(super) fn serve(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    actix_rt::System::new().block_on(async move {
        let rooms: Shared = web::Data::new(Arc::new(Mutex::new(Rooms::default())));
        let app = move || {
            App::new()
                .app_data(rooms.clone())
                .route("/readyz", web::get().to(HttpResponse::Ok))
                .route("/relay", web::get().to(upgrade))
        };
        let nodelay = |connection: &dyn std::any::Any, _: &mut actix_web::dev::Extensions| {
            if let Some(stream) = connection.downcast_ref::<actix_rt::net::TcpStream>() {
                // A socket that refuses is slower, nothing else.
                let _tuned = stream.set_nodelay(true);
            }
        };
        let workers = super::process::cores();
        HttpServer::new(app).workers(workers).on_connect(nodelay).listen(listener)?.run().await
    })
}
