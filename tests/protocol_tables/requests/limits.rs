//! Limits, enumerations, and parameters that exclude each other.

use serde_json::{Value, json};
use switchboard::domain::change::Target;
use switchboard::domain::command::TransferTo;
use switchboard::domain::id::{AgentId, GroupId};
use switchboard::domain::time::Timestamp;
use switchboard::protocol::error::ErrorType;
use switchboard::protocol::request::{PageSize, PropertyTest, PushSelection, Request, SortOrder};
use switchboard::protocol::version::{ApiVersion, Surface};

use super::{decode, decoded, refused};

#[test]
fn lists_have_their_documented_sizes() {
    for (surface, max) in [(Surface::Agent, 100), (Surface::Customer, 25)] {
        let Request::ListChats(list) = decoded(surface, "list_chats", &json!({})) else {
            panic!("list_chats")
        };
        assert_eq!((list.limit, list.sort_order), (10, SortOrder::Desc));
        assert!(list.filters.include_chats_without_threads);
        decoded(surface, "list_chats", &json!({"limit": max}));
        for limit in [0, -1, max + 1, i64::MAX] {
            let message = refused(surface, "list_chats", &json!({"limit": limit}));
            assert_eq!(message, format!("`limit` must be from 1 to {max}"));
        }
        let Request::ListThreads(list) = decoded(surface, "list_threads", &json!({"chat_id": "C"})) else {
            panic!("list_threads");
        };
        assert_eq!(list.size, PageSize::Threads(3));
        for (name, value) in
            [("limit", 101), ("limit", 0), ("min_events_count", 101), ("min_events_count", 0)]
        {
            let message = refused(surface, "list_threads", &json!({"chat_id": "C", name: value}));
            assert_eq!(message, format!("`{name}` must be from 1 to 100"));
        }
        let fraction = refused(surface, "list_chats", &json!({"limit": 1.5}));
        assert_eq!(fraction, "`limit` must be of type int");
    }
}

#[test]
fn parameters_that_exclude_each_other_are_named() {
    let time = json!({"from": "2024-01-01T00:00:00Z"});
    let cases: &[(&str, Value, &str)] = &[
        ("list_chats", json!({"page_id": "p", "limit": 1}), "`page_id` cannot be combined with `limit`"),
        ("list_chats", json!({"page_id": "p", "filters": {}}), "`page_id` cannot be combined with `filters`"),
        (
            "list_chats",
            json!({"page_id": "p", "sort_order": "asc"}),
            "`page_id` cannot be combined with `sort_order`",
        ),
        (
            "list_threads",
            json!({"chat_id": "C", "page_id": "p", "limit": 1}),
            "`page_id` cannot be combined with `limit`",
        ),
        (
            "list_threads",
            json!({"chat_id": "C", "min_events_count": 1, "limit": 1}),
            "`min_events_count` cannot be combined with `limit`",
        ),
        (
            "list_threads",
            json!({"chat_id": "C", "min_events_count": 1, "filters": time}),
            "`min_events_count` cannot be combined with `filters`",
        ),
        ("list_chats", json!({"page_id": ""}), "`page_id` is not a page id"),
    ];
    for (action, payload, expected) in cases {
        assert_eq!(refused(Surface::Agent, action, payload), *expected);
    }
    // Customers have no filters; what is unknown is ignored.
    decoded(Surface::Customer, "list_chats", &json!({"page_id": "p", "filters": 7}));
}

#[test]
fn chats_are_filtered_by_groups_and_properties() {
    let many: Vec<i64> = (0..201).collect();
    let message = refused(Surface::Agent, "list_chats", &json!({"filters": {"group_ids": many}}));
    assert_eq!(message, "`filters.group_ids` must have at most 200 elements");
    let payload = json!({"filters": {"active": null, "properties": {"ns": {
        "a": {"exists": false}, "b": {"values": [1, "x", true]}, "c": {"exclude_values": []},
    }}}});
    let Request::ListChats(list) = decoded(Surface::Agent, "list_chats", &payload) else {
        panic!("list_chats")
    };
    assert_eq!(list.filters.active, None);
    assert_eq!(list.filters.properties.len(), 3);
    assert_eq!(list.filters.properties[0].test, PropertyTest::Exists(false));
    for wrong in [json!({}), json!({"exists": true, "values": [1]})] {
        let payload = json!({"filters": {"properties": {"ns": {"a": wrong}}}});
        let message = refused(Surface::Agent, "list_chats", &payload);
        assert_eq!(message, "`filters.properties.ns.a` must have one of exists, values, exclude_values");
    }
    // Elements are of the property's type.
    for kind in ["values", "exclude_values"] {
        for (method, fits) in [("list_chats", true), ("list_chats", false), ("list_archives", false)] {
            let values = if fits { json!([0, 1]) } else { json!([0, "good"]) };
            let payload = json!({"filters": {"properties": {"rating": {"score": {kind: values}}}}});
            if fits {
                decoded(Surface::Agent, method, &payload);
            } else {
                let message = refused(Surface::Agent, method, &payload);
                assert_eq!(
                    message,
                    "`filters.properties.rating.score` must list values of the property's type"
                );
            }
        }
    }
}

#[test]
fn times_are_read_with_any_offset() {
    let payload = |text: &str| json!({"chat_id": "C", "seen_up_to": text});
    let request =
        decoded(Surface::Customer, "mark_events_as_seen", &payload("2017-10-12T17:19:21.010200+02:00"));
    assert!(matches!(
        request,
        Request::MarkEventsAsSeen { seen_up_to: Timestamp(1_507_821_561_010_200), .. }
    ));
    for text in ["yesterday", "", "2017-10-12"] {
        let message = refused(Surface::Agent, "mark_events_as_seen", &payload(text));
        assert_eq!(message, "`seen_up_to` must be a date-time as of RFC 3339");
    }
    let filters = json!({"chat_id": "C", "filters": {"to": "x"}});
    assert_eq!(
        refused(Surface::Agent, "list_threads", &filters),
        "`filters.to` must be a date-time as of RFC 3339"
    );
}

#[test]
fn a_transfer_goes_to_groups_agents_or_anybody() {
    let to = |target: Value| {
        let payload = json!({"id": "C", "target": target});
        match decoded(Surface::Agent, "transfer_chat", &payload) {
            Request::TransferChat { to, .. } => to,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(to(Value::Null), TransferTo::Anybody);
    assert_eq!(to(json!({"type": "group", "ids": [1, 2]})), TransferTo::Groups(vec![GroupId(1), GroupId(2)]));
    assert_eq!(
        to(json!({"type": "agent", "ids": ["a@b.c"]})),
        TransferTo::Agents(vec![AgentId::from("a@b.c")])
    );
    for wrong in [json!({"type": "group", "ids": ["a@b.c"]}), json!({"type": "agent", "ids": [1]})] {
        let message = refused(Surface::Agent, "transfer_chat", &json!({"id": "C", "target": wrong}));
        assert!(message.starts_with("`target.ids` must be of type array of"), "{message}");
    }
    let many: Vec<i64> = (0..201).collect();
    let payload = json!({"id": "C", "target": {"type": "group", "ids": many}});
    assert!(refused(Surface::Agent, "transfer_chat", &payload).contains("at most 200"));
}

#[test]
fn a_customer_cannot_be_removed() {
    let payload = json!({"chat_id": "C", "user_id": "u", "user_type": "customer"});
    let message = refused(Surface::Agent, "remove_user_from_chat", &payload);
    assert_eq!(message, "`user_type` must be agent: a customer cannot be removed");
}

#[test]
fn properties_name_their_target() {
    let payload = json!({"chat_id": "C", "thread_id": "T", "event_id": "T_7", "properties": {}});
    let request = decoded(Surface::Customer, "delete_event_properties", &payload);
    assert!(
        matches!(request, Request::DeleteProperties { target: Target::Event(event), .. } if event.number == 7)
    );
    for event_id in ["T", "U_7", "T_07"] {
        let mut payload = payload.clone();
        payload["event_id"] = json!(event_id);
        let error = decode(Surface::Agent, "update_event_properties", &payload).expect_err(event_id);
        assert_eq!(error.kind, ErrorType::NotFound);
    }
}

#[test]
fn a_login_may_choose_its_pushes() {
    let payload = json!({"token": "x", "pushes": {"3.6": ["incoming_chat"]}});
    for surface in [Surface::Agent, Surface::Customer] {
        let Request::Login(login) = decoded(surface, "login", &payload) else { panic!("login") };
        let selection = &login.pushes.expect("a selection")[&ApiVersion::V3_6];
        assert!(selection.wants("incoming_chat") && !selection.wants("incoming_event"));
        let payload = json!({"token": "x", "pushes": {"3.6": ["all", "y"]}});
        let Request::Login(login) = decoded(surface, "login", &payload) else { panic!("login") };
        assert_eq!(login.pushes.expect("a selection")[&ApiVersion::V3_6], PushSelection::All);
        let unknown = json!({"token": "x", "pushes": {"9.9": ["all"]}});
        let error = decode(surface, "login", &unknown).expect_err("an unknown version");
        assert_eq!(error.kind, ErrorType::UnsupportedVersion);
        assert_eq!(refused(surface, "login", &json!({"token": ""})), "`token` is not a token");
    }
    let level = json!({"token": "x", "customer_monitoring_level": "all_of_them"});
    assert!(
        refused(Surface::Agent, "login", &level).contains("`customer_monitoring_level`: unknown variant")
    );
}

#[test]
fn a_customer_update_says_something() {
    let nothing = refused(Surface::Customer, "update_customer", &json!({"unknown": 1, "omnichannel": {}}));
    assert!(nothing.starts_with("at least one of name"), "{nothing}");
    let fields = json!([{"b": "1"}, {"a": "2"}, {"b": "3"}]);
    let payload = json!({"session_fields": fields, "omnichannel": {"fbmessenger": {"id": "1", "x": 2}}});
    let Request::UpdateCustomer(None, update) = decoded(Surface::Customer, "update_customer", &payload)
    else {
        panic!("update_customer");
    };
    let pairs = update.session_fields.expect("session fields");
    assert_eq!(pairs.iter().map(|(key, _)| key.as_str()).collect::<String>(), "bab");
    assert_eq!(update.omnichannel.expect("omnichannel").0.get(), r#"{"fb_messenger":[{"id":"1"}]}"#);
    for fields in
        [json!([{}]), json!([{"a": "1", "b": "2"}]), json!([{"a": 1}]), json!(["a"]), json!({"a": "1"})]
    {
        let message = refused(Surface::Customer, "update_customer", &json!({"session_fields": fields}));
        assert_eq!(message, "`session_fields` must be of type array of objects with one string each");
    }
}

#[test]
fn a_thread_is_opened_with_what_was_asked() {
    let chat = json!({"id": "C", "access": {"group_ids": [3]}, "users": [{"id": "u", "type": "customer"}]});
    let payload = json!({"chat": chat, "active": false, "continuous": true});
    let Request::ResumeChat(open) = decoded(Surface::Agent, "resume_chat", &payload) else {
        panic!("resume_chat")
    };
    assert_eq!(open.chat_id.as_ref().map(|id| id.as_str()), Some("C"));
    assert!(!open.active && open.continuous == Some(true) && open.users.len() == 1);
    let Request::StartChat(open) = decoded(Surface::Agent, "start_chat", &payload) else {
        panic!("start_chat")
    };
    assert_eq!(open.chat_id, None);
    let nobody = json!({"chat": {"access": {"group_ids": []}}});
    assert_eq!(refused(Surface::Agent, "start_chat", &nobody), "`chat.access.group_ids` must not be empty");
    let users: Vec<Value> = (0..17).map(|_| json!({"id": "u", "type": "agent"})).collect();
    let crowd = json!({"chat": {"users": users}});
    assert_eq!(refused(Surface::Agent, "start_chat", &crowd), "`chat.users` must have at most 16 elements");
}

#[test]
fn filters_of_archives_have_their_limits_and_exclude_each_other() {
    let many = |count: usize| vec!["X"; count];
    let time = "2024-01-01T00:00:00Z";
    let cases = [
        (json!({"chat_ids": many(1_001)}), "`filters.chat_ids` must have at most 1000 elements"),
        (json!({"thread_ids": many(21)}), "`filters.thread_ids` must have at most 20 elements"),
        (json!({"group_ids": vec![1; 201]}), "`filters.group_ids` must have at most 200 elements"),
        (
            json!({"thread_ids": ["T"], "from": time}),
            "`filters.thread_ids` cannot be combined with other filters",
        ),
        (
            json!({"tags": {"exists": true, "values": ["x"]}}),
            "`filters.tags` must have one of exists, values, exclude_values",
        ),
        (
            json!({"agents": {"values": [], "exclude_values": []}}),
            "`filters.agents` must have one of exists, values, exclude_values",
        ),
        (
            json!({"agent_types": {"all_values": ["human"], "exclude_values": ["human"]}}),
            "`filters.agent_types` must name each type once",
        ),
        (json!({"from": "today"}), "`filters.from` must be a date-time as of RFC 3339"),
        (json!({"tags": {"values": many(101)}}), "`filters.tags` must have at most 100 elements"),
    ];
    for (filters, expected) in cases {
        assert_eq!(refused(Surface::Agent, "list_archives", &json!({"filters": filters})), expected);
    }
    let payload = json!({"filters": {"thread_ids": ["T"]}, "limit": 1});
    let message = refused(Surface::Agent, "list_archives", &payload);
    assert_eq!(message, "`filters.thread_ids` cannot be combined with `limit`");
    let message = refused(Surface::Agent, "list_archives", &json!({"limit": 101}));
    assert_eq!(message, "`limit` must be from 1 to 100");
    let message = refused(Surface::Agent, "list_archives", &json!({"highlights": {"pre_tag": 1}}));
    assert_eq!(message, "`highlights.pre_tag` must be of type string");
    let message = refused(Surface::Agent, "list_archives", &json!({"highlights": {"pre_tag": "<b>"}}));
    assert_eq!(message, "`highlights.pre_tag` goes together with `highlights.post_tag`");
    let Request::ListArchives(list) = decoded(Surface::Agent, "list_archives", &json!({})) else {
        panic!("list_archives")
    };
    assert_eq!((list.limit, list.sort_order), (10, SortOrder::Desc));
    // No thread has a sale or a goal: asking for none of them asks nothing.
    for (filters, wanted) in [
        (json!({"sales": {"exists": true}}), true),
        (json!({"goals": {"values": [1, "x"]}}), true),
        (json!({"sales": {"exists": false}, "goals": {"exclude_values": [1]}}), false),
    ] {
        let payload = json!({"filters": filters});
        let Request::ListArchives(list) = decoded(Surface::Agent, "list_archives", &payload) else {
            panic!("list_archives")
        };
        assert_eq!(list.filters.wants_unrecorded, wanted, "{payload}");
    }
}
