//! A license and a chat with one of everything, and with secrets that no customer may read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use switchboard::domain::access::Access;
use switchboard::domain::change::Change;
use switchboard::domain::chat::Chat;
use switchboard::domain::customer::{Address, CustomerProfile};
use switchboard::domain::event::{
    Button, Element, Event, EventBody, FileBody, FormAnswer, FormField, FormFieldKind, FormOption, Image,
    Json, Postback, SystemMessage, Visibility,
};
use switchboard::domain::geolocation::Geolocation;
use switchboard::domain::greeting::{Greeting, Showing};
use switchboard::domain::id::{
    AccountId, AgentId, ChatId, ClientId, CustomerId, EventId, GroupId, LicenseId, OrganizationId, ThreadId,
    UserId,
};
use switchboard::domain::license::{Agent, AgentKind, Group, License, Role, Settings};
use switchboard::domain::properties::{self, Properties, PropertyValue};
use switchboard::domain::push::QueuePlace;
use switchboard::domain::thread::Thread;
use switchboard::domain::time::Timestamp;
use switchboard::domain::user::ChatUser;
use switchboard::domain::visit::CustomerVisit;
use switchboard::protocol::version::Surface;
use switchboard::protocol::view::View;

pub(crate) const AT: Timestamp = Timestamp(1_507_821_561_010_200);
pub(crate) const AGENT: &str = "smith@example.com";
pub(crate) const HIDDEN: &str = "hidden@example.com";
pub(crate) const BOT: &str = "5c9871d5372c824cbf22d860a707a578";
pub(crate) const CUSTOMER: &str = "b7eff798-f8df-4364-8059-649c35c9ed0c";
pub(crate) const CLIENT: &str = "9b1f0a8f5c2e4d7b8a6c3e1f2d4b5a6c";

/// Texts that must never reach a customer.
pub(crate) const SECRETS: &[&str] =
    &["@example.com", "Hidden Supervisor", "secret", BOT, "unassigned", "was_pinned", "tags", "203.0.113.7"];

pub(crate) fn chat_id() -> ChatId {
    ChatId::from("PJ0MRSHTDG000000")
}

pub(crate) fn thread_id() -> ThreadId {
    ThreadId::from("K600PKZON8000000")
}

pub(crate) fn event_id(number: u64) -> EventId {
    EventId { thread: thread_id(), number }
}

pub(crate) fn agent(id: &str) -> UserId {
    UserId::Agent(AgentId::from(id))
}

pub(crate) fn customer() -> UserId {
    UserId::Customer(CustomerId::from(CUSTOMER))
}

pub(crate) fn place() -> QueuePlace {
    QueuePlace { position: 42, wait_time: 1_337, queued_at: Some(AT) }
}

fn raw(text: &str) -> Json {
    Json(RawValue::from_string(text.to_owned()).expect("JSON"))
}

fn license_agent(id: &str, name: &str, kind: AgentKind) -> (AgentId, Agent) {
    let agent = Agent {
        id: AgentId::from(id),
        account_id: AccountId(uuid::Uuid::nil()),
        name: name.to_owned(),
        avatar: Some("https://cdn.test/avatar.png".to_owned()),
        job_title: Some("Support Agent".to_owned()),
        role: Role::ViceOwner,
        kind,
        bot_type: None,
        groups: BTreeMap::new(),
        max_chats_count: None,
        suspended: false,
        login_status: Default::default(),
        work_scheduler: None,
        awaiting_approval: false,
    };
    (agent.id.clone(), agent)
}

pub(crate) fn license() -> License {
    License {
        id: LicenseId(1_001),
        organization_id: OrganizationId(uuid::Uuid::nil()),
        version: 1,
        created_at: AT,
        agents: BTreeMap::from([
            license_agent(AGENT, "Agent Smith", AgentKind::Human),
            license_agent(HIDDEN, "Hidden Supervisor", AgentKind::Human),
            license_agent(BOT, "Bot", AgentKind::Bot),
        ]),
        groups: BTreeMap::from([(
            GroupId(1),
            Group { name: "Sales".to_owned(), routing: Default::default(), widget: Default::default() },
        )]),
        clients: BTreeMap::new(),
        settings: Settings::default(),
        pseudonym_key: [7; 16],
        demo: false,
    }
}

/// Properties of which customers may read some and agents not all.
pub(crate) fn mixed_properties() -> Properties {
    let mut all = Properties::new();
    properties::set(&mut all, "routing", "continuous", PropertyValue::Bool(true));
    properties::set(&mut all, "routing", "unassigned", PropertyValue::Bool(true));
    properties::set(&mut all, "routing", "was_pinned", PropertyValue::Bool(true));
    properties::set(&mut all, "test", "int_property", PropertyValue::Int(7));
    properties::set(&mut all, "test", "string_property", PropertyValue::String("text".to_owned()));
    all
}

pub(crate) fn profile() -> CustomerProfile {
    CustomerProfile {
        name: Some("Thomas Anderson".to_owned()),
        email: Some("t.anderson@customers.test".to_owned()),
        email_verified: true,
        avatar: Some("https://cdn.test/thomas.png".to_owned()),
        phone_number: Some("+14155552671".to_owned()),
        session_fields: vec![
            ("z".to_owned(), "first".to_owned()),
            ("a".to_owned(), "second".to_owned()),
            ("z".to_owned(), "third".to_owned()),
        ],
        session_fields_of: Some(1),
        address: Some(Address { city: Some("Washington".to_owned()), ..Address::default() }),
        omnichannel: Some(raw(r#"{"twilio":[{"phone_number":"+1"}]}"#)),
        created_at: AT,
        chats_count: 2,
        threads_count: 9,
    }
}

pub(crate) fn event(
    number: u64,
    author: Option<UserId>,
    visibility: Visibility,
    body: EventBody,
) -> Arc<Event> {
    let mut properties = Properties::new();
    properties::set(&mut properties, "chats", "formatting", PropertyValue::String("commonmark".to_owned()));
    properties::set(&mut properties, "lc2", "file_safety_confirmation", PropertyValue::Bool(true));
    Arc::new(Event {
        id: event_id(number),
        custom_id: Some("31-0C".into()),
        created_at: Timestamp(AT.0 + number as i64),
        client: matches!(author, Some(UserId::Customer(_))).then(|| ClientId::new(CLIENT)),
        author,
        visibility,
        properties,
        deleted: false,
        body,
    })
}

fn option(id: &str) -> FormOption {
    FormOption { id: id.to_owned(), group_id: None, label: "Label".to_owned() }
}

fn field(kind: FormFieldKind) -> FormField {
    FormField {
        kind,
        id: Some("1".to_owned()),
        name: None,
        label: "Your name".to_owned(),
        required: None,
        value: None,
        options: None,
        answer: None,
        answers: None,
    }
}

fn message(text: &str) -> EventBody {
    EventBody::Message {
        text: text.to_owned(),
        postback: Some(Postback {
            id: "yes".to_owned(),
            thread_id: thread_id(),
            event_id: event_id(1).to_string(),
            kind: Some("toggle".to_owned()),
            value: Some("1".to_owned()),
            ecommerce: Some(raw(r#"{"product_id":"1"}"#)),
        }),
    }
}

fn rich_message() -> EventBody {
    let button = Button {
        text: "yes".to_owned(),
        kind: Some("webview".to_owned()),
        value: Some("https://shop.test".to_owned()),
        webview_height: Some("tall".to_owned()),
        postback_id: "yes".to_owned(),
        user_ids: vec![CUSTOMER.to_owned(), AGENT.to_owned(), BOT.to_owned()],
        target: None,
    };
    let bare = Button { kind: None, value: None, webview_height: None, ..button.clone() };
    let image = Image {
        url: "https://cdn.test/a.png".to_owned(),
        name: None,
        content_type: None,
        size: Some(1),
        width: None,
        height: None,
        alternative_text: None,
    };
    EventBody::RichMessage {
        template_id: "cards".to_owned(),
        elements: vec![
            Element {
                title: Some("Title".to_owned()),
                subtitle: Some("Subtitle".to_owned()),
                image: Some(image),
                buttons: Some(vec![button, bare]),
                ecommerce: None,
            },
            Element::default(),
        ],
    }
}

/// One event of each kind, and one that only agents see.
pub(crate) fn events() -> Vec<Arc<Event>> {
    let file = FileBody {
        url: "https://cdn.test/a.png".to_owned(),
        name: "a.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: Some(1),
        width: Some(2),
        height: Some(3),
        thumbnail_url: Some("https://cdn.test/t.png".to_owned()),
        thumbnail2x_url: Some("https://cdn.test/t2.png".to_owned()),
        alternative_text: Some("a".to_owned()),
    };
    let answered =
        FormField { answer: Some(FormAnswer::Text("Ann".to_owned())), ..field(FormFieldKind::Name) };
    let chosen = FormField { answer: Some(FormAnswer::Option(option("0"))), ..field(FormFieldKind::Radio) };
    let checked = FormField { answers: Some(vec![option("0")]), ..field(FormFieldKind::Checkbox) };
    let asked =
        FormField { required: Some(true), options: Some(vec![option("0")]), ..field(FormFieldKind::Select) };
    let form_id = "1".to_owned();
    let bodies = vec![
        (Some(customer()), message("Hello")),
        (Some(agent(AGENT)), rich_message()),
        (Some(agent(AGENT)), EventBody::File(file)),
        (Some(agent(AGENT)), EventBody::Form { form_id: form_id.clone(), fields: vec![asked] }),
        (Some(customer()), EventBody::FilledForm { form_id, fields: vec![answered, chosen, checked] }),
        (
            None,
            EventBody::SystemMessage(SystemMessage {
                system_message_type: "routing.assigned".to_owned(),
                text: Some("Chat assigned to Agent Smith".to_owned()),
                text_vars: Some(BTreeMap::from([("agent".to_owned(), "Agent Smith".to_owned())])),
            }),
        ),
        (Some(agent(BOT)), EventBody::Custom { content: Some(raw(r#"{"a":[1]}"#)) }),
        (
            Some(customer()),
            EventBody::Annotation { text: "fine".to_owned(), annotation_type: "rating".to_owned() },
        ),
    ];
    let mut events: Vec<_> = (1..)
        .zip(bodies)
        .map(|(number, (author, body))| event(number, author, Visibility::All, body))
        .collect();
    events.push(event(9, Some(agent(HIDDEN)), Visibility::Agents, message("secret remark")));
    events
}

/// A chat with a customer, an agent, a bot that left, and an agent who looks on unseen.
pub(crate) fn chat() -> Chat {
    let mut thread_properties = mixed_properties();
    properties::set(&mut thread_properties, "routing", "ignore_bots", PropertyValue::Bool(true));
    let thread = Thread {
        id: thread_id(),
        number: 2,
        created_at: AT,
        active: true,
        user_ids: vec![customer(), agent(AGENT), agent(HIDDEN), agent(BOT)],
        properties: thread_properties,
        access: Access { group_ids: vec![GroupId(0)] },
        tags: vec!["secret".to_owned()],
        queued_at: None,
        queues_duration: Some(3),
        previous_thread_id: Some(ThreadId::from("K600PKZOM8000000")),
        events: 0,
        bytes: 0,
        last_activity: AT,
        unanswered_since: None,
        customer_left_at: None,
        assigned: vec![AgentId::from(AGENT)],
        closed_at: None,
        customer_visit: Some(Box::new(CustomerVisit {
            ip: "203.0.113.7".to_owned(),
            user_agent: "Mozilla/5.0".to_owned(),
            geolocation: Some(geolocation()),
        })),
    };
    let mut chat = Chat::new(chat_id(), LicenseId(1_001));
    let mut seen = ChatUser::agent(AgentId::from(AGENT), Visibility::All);
    seen.seen_up_to = Some(AT);
    let mut absent = ChatUser::agent(AgentId::from(BOT), Visibility::All);
    absent.present = false;
    chat.users = vec![
        ChatUser::customer(CustomerId::from(CUSTOMER), profile()),
        seen,
        absent,
        ChatUser::agent(AgentId::from(HIDDEN), Visibility::Agents),
    ];
    chat.properties = mixed_properties();
    chat.followers = vec![AgentId::from("follower@example.com")];
    chat.thread = Some(thread);
    for event in events() {
        chat.apply(&Change::EventAdded(event));
    }
    chat
}

pub(crate) fn view(surface: Surface, license: &License) -> View<'_> {
    View { surface, license, sees_deleted: false }
}

pub(crate) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"))
}

/// Nothing that customers may not know stands in the text.
pub(crate) fn assert_keeps_secrets(surface: Surface, json: &str) {
    if surface == Surface::Customer {
        for secret in SECRETS {
            assert!(!json.contains(secret), "{secret} in {json}");
        }
    }
}

/// A greeting that was shown.
pub(crate) fn greeting() -> (Greeting, Showing) {
    let greeting = serde_json::json!({
        "id": 7, "rules": [], "properties": { "greeting-message_text": "Hello", "addon": "email" },
    });
    let showing = serde_json::json!({
        "greeting": 7, "unique_id": "e35a4fb4106d87e550fe1af480639058", "agent": AGENT, "at": AT,
        "displayed_first_time": true, "accepted": true,
    });
    let is_one = "a greeting";
    (serde_json::from_value(greeting).expect(is_one), serde_json::from_value(showing).expect(is_one))
}

/// All that can be known of a place.
pub(crate) fn geolocation() -> Box<Geolocation> {
    let text = |text: &str| Some(text.to_owned());
    Box::new(Geolocation {
        latitude: text("50.0614"),
        longitude: text("19.9366"),
        country: text("Poland"),
        country_code: text("PL"),
        region: text("Lesser Poland"),
        city: text("Kraków"),
        timezone: text("Europe/Warsaw"),
    })
}
