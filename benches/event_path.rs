//! What a message costs on its way through the server, step by step, without sockets and without a store.
//!
//! Bounds on a quiet core of 3 GHz, for a message of 100 bytes; a step that exceeds its bound by half is to be explained:
//!
//! | step | bound |
//! | --- | --- |
//! | parse the envelope | 0.5 µs |
//! | decode the payload | 2 µs |
//! | decide and apply | 2 µs |
//! | encode the row | 1.5 µs |
//! | decode a row | 3 µs |
//! | render the push for agents; for customers (a pseudonym is a keyed hash) | 2 µs; 4 µs |
//! | frame the answer; frame the push | 0.5 µs |
//!
//! Fan-out has no bench of its own: a push is rendered and framed once for each surface, whoever gets it; what many
//! readers cost is what `switchboard bench fanout` measures.
//!
//! Run with `cargo bench --bench event_path`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use switchboard::actors::chat::history::History;
use switchboard::domain::change::Change;
use switchboard::domain::chat::Chat;
use switchboard::domain::command::{
    Caller, Command, Context, Decision, NewThread, NewUser, Reach, SendEvent, StartChat,
};
use switchboard::domain::customer::{Customer, CustomerProfile};
use switchboard::domain::event::{EventBody, EventLimits, NewEvent, Visibility};
use switchboard::domain::id::{AgentId, ChatId, CustomerId, IdSource as _};
use switchboard::domain::license::{ChatRules, InactiveSend, License};
use switchboard::domain::operations::RecentOperations;
use switchboard::domain::thread_limits::ThreadLimits;
use switchboard::domain::time::Timestamp;
use switchboard::id_source::OsIds;
use switchboard::protocol::envelope;
use switchboard::protocol::method;
use switchboard::protocol::request::decode;
use switchboard::protocol::version::{ApiVersion, Surface};
use switchboard::protocol::view::View;
use switchboard::store::Row;
use switchboard_cluster::Epoch;

/// A chat of one agent and one customer, some messages old.
struct World {
    license: License,
    rules: ChatRules,
    agent: Caller,
    chat: Chat,
    operations: RecentOperations,
    /// What was stored, a row a command.
    rows: Vec<Vec<Change>>,
    now: i64,
}

fn license() -> License {
    let agents = serde_json::json!({ "agent@example.com": {
        "id": "agent@example.com", "account_id": uuid::Uuid::nil(), "name": "Agent", "role": "normal",
        "kind": "human", "groups": {},
    }});
    serde_json::from_value(serde_json::json!({
        "id": 1001, "organization_id": uuid::Uuid::nil(), "version": 1, "created_at": 0, "agents": agents,
        "groups": {}, "clients": {}, "settings": {}, "pseudonym_key": vec![7_u8; 16],
    }))
    .expect("a license")
}

impl World {
    fn new() -> Self {
        let license = license();
        let rules = ChatRules {
            thread_inactivity_timeout: Duration::from_secs(1_800),
            continuous_inactivity_timeout: Duration::from_secs(1_800),
            idle_after: Duration::ZERO,
            customer_gone_after: Duration::ZERO,
            unreplied_transfer_after: Duration::from_secs(300),
            inactive_send: InactiveSend::NewThread,
            manual_routing: false,
            events: EventLimits { max_size: 16 * 1024 },
            thread: ThreadLimits { events: 20_000, bytes: 8 << 20 },
            mails_transcripts: false,
        };
        let agent = Caller::Agent { id: AgentId::new("agent@example.com"), reach: Reach::All };
        let chat = Chat::new(ChatId::new("ABCDEFGHIJKLMNOP"), license.id);
        let operations = RecentOperations::default();
        let mut world = Self { license, rules, agent, chat, operations, rows: Vec::new(), now: 1_000_000 };
        let profile = CustomerProfile { name: Some("Customer".to_owned()), ..CustomerProfile::default() };
        let customer = Customer { id: CustomerId::new(OsIds.uuid().to_string()), profile };
        let thread = NewThread {
            users: vec![NewUser::Customer(Box::new(customer))],
            active: true,
            ..Default::default()
        };
        world.carry_out(Command::StartChat(StartChat { thread }));
        for _ in 0..20 {
            world.carry_out(message());
        }
        world
    }

    fn decide(&self, command: Command) -> Decision {
        let context = Context {
            now: Timestamp(self.now),
            license: &self.license,
            rules: &self.rules,
            ids: &OsIds,
            caller: &self.agent,
            operations: &self.operations,
            route: None,
            subject: None,
        };
        command.decide(&self.chat, &context).expect("an agent of the chat may write")
    }

    fn carry_out(&mut self, command: Command) -> Decision {
        self.now += 1_000;
        let decision = self.decide(command);
        for change in &decision.changes {
            self.chat.apply(change);
            if let Change::EventAdded(event) = change {
                self.operations.remember(event);
            }
        }
        self.rows.push(decision.changes.clone());
        decision
    }
}

fn message() -> Command {
    let event = NewEvent {
        custom_id: None,
        visibility: Visibility::All,
        properties: Default::default(),
        author: None,
        body: EventBody::Message { text: "x".repeat(100), postback: None },
    };
    Command::SendEvent(SendEvent { event, attach_to_last_thread: false })
}

/// A row as the log holds it: a version byte, then JSON.
fn encode(changes: &[Change]) -> Vec<u8> {
    let mut row = vec![1];
    serde_json::to_writer(&mut row, &serde_json::json!({ "changes": changes })).expect("JSON");
    row
}

fn frame() -> String {
    format!(
        r#"{{"request_id":"17","action":"send_event","payload":{{"chat_id":"ABCDEFGHIJKLMNOP","event":{{"type":"message","text":"{}","visibility":"all"}}}}}}"#,
        "x".repeat(100)
    )
}

fn incoming(criterion: &mut Criterion) {
    let frame = frame();
    criterion.bench_function("parse the envelope", |bench| bench.iter(|| envelope::parse(black_box(&frame))));
    let request = envelope::parse(&frame).expect("a request");
    let send_event = method::find(Surface::Agent, "send_event").expect("a method");
    criterion.bench_function("decode the payload", |bench| {
        bench.iter(|| decode(send_event, black_box(request.payload)));
    });
}

fn decided(criterion: &mut Criterion) {
    let mut world = World::new();
    criterion.bench_function("decide and apply", |bench| {
        bench.iter_batched(
            message,
            |command| {
                world.rows.clear();
                world.carry_out(command)
            },
            criterion::BatchSize::SmallInput,
        );
    });
}

fn stored(criterion: &mut Criterion) {
    let world = World::new();
    let last = world.rows.last().expect("a row");
    #[derive(serde::Serialize)]
    struct Record<'a> {
        changes: &'a [Change],
    }
    criterion.bench_function("encode the row", |bench| {
        bench.iter(|| serde_json::to_vec(&Record { changes: black_box(last) }).expect("JSON"));
    });
    let row = |seq: u64, changes: &Vec<Change>| Row { seq, epoch: Epoch(1), body: encode(changes).into() };
    let first = world.rows.first().expect("a row");
    let mut rows = vec![row(1, first)];
    rows.extend((2..=1_001).map(|seq| row(seq, last)));
    criterion.bench_function("decode and fold 1,000 rows", |bench| {
        bench.iter(|| History::fold(black_box(&rows)).expect("a history"));
    });
}

fn outgoing(criterion: &mut Criterion) {
    let world = World::new();
    let push = world.decide(message()).pushes.remove(0);
    for (name, surface) in [("agents", Surface::Agent), ("customers", Surface::Customer)] {
        let view = View { surface, license: &world.license, sees_deleted: false };
        criterion.bench_function(&format!("render the push for {name}"), |bench| {
            bench.iter(|| view.push(black_box(&push.body)));
        });
    }
    let view = View { surface: Surface::Agent, license: &world.license, sees_deleted: false };
    let (action, payload) = view.push(&push.body).expect("agents have the push");
    criterion.bench_function("frame the push", |bench| {
        bench.iter(|| envelope::push(ApiVersion::V3_6, action, black_box(&payload)));
    });
    criterion.bench_function("frame the answer", |bench| {
        bench.iter(|| {
            envelope::response(Some("17"), "send_event", black_box(r#"{"event_id":"ABCDEFGHIJKLMNOP_17"}"#))
        });
    });
}

criterion_group!(benches, incoming, decided, stored, outgoing);
criterion_main!(benches);
