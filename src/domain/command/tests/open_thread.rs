//! Starting and resuming: who is in the new thread, who has it, what it begins with.

use super::super::testing::*;
use super::super::*;
use crate::domain::event::{NewEvent, Visibility};
use crate::domain::properties::{self, PropertyValue};
use crate::domain::push::{PushBody, ThreadEvents};
use crate::domain::said_before::SaidBefore;

fn agents(names: &[&str]) -> Vec<NewUser> {
    names.iter().map(|name| NewUser::Agent(agent_id(name))).collect()
}

fn by(author: &str, text: &str) -> NewEvent {
    let author = Some(user_id(author).as_str().into());
    NewEvent { author, ..message(text) }
}

#[test]
fn a_start_makes_a_chat_with_one_active_thread() {
    let mut story = Story::new();
    let started = story.router_assigns("smith").customer().starts();
    assert!(story.thread().active);
    assert_eq!((story.thread().number, &story.thread().previous_thread_id), (1, &None));
    let expected = Reply::Thread { chat: story.chat.id.clone(), thread: story.thread_id(), events: None };
    assert_eq!(started.decision().reply, expected);
    assert_eq!(started.names(), ["incoming_chat"]);
    assert_eq!(started.told("kate"), ["incoming_chat"]);
}

#[test]
fn a_chat_is_started_once() {
    let mut story = Story::with_smith();
    assert_eq!(story.customer().starts().wrong_field(), "chat");
}

#[test]
fn the_router_s_choice_is_in_the_chat_and_named_in_a_system_message() {
    let story = Story::with_smith();
    assert_eq!(story.serving(), [agent_id("smith")]);
    assert_eq!(story.thread().assigned, [agent_id("smith")]);
    assert_eq!(story.system_messages(), [("routing.assigned", "Chat assigned to Smith")]);
}

#[test]
fn with_nobody_free_the_chat_waits() {
    let mut story = Story::new();
    let started = story.router_queues().customer().starts();
    assert!(story.thread().active);
    assert!(story.serving().is_empty());
    assert!(story.thread().queued_at.is_some());
    let PushBody::IncomingChat { queue: Some(place), .. } = started.push("incoming_chat") else {
        panic!("a place in the queue");
    };
    assert_eq!((place.position, place.queued_at), (1, story.thread().queued_at));
}

#[test]
fn a_start_is_refused_where_the_router_refuses_it() {
    for (route, expected) in
        [(Route::GroupsOffline, Rejection::GroupsOffline), (Route::AgentOffline, Rejection::AgentOffline)]
    {
        let mut story = Story::new();
        assert_eq!(story.router_says(route).customer().starts().refused(), &expected);
        assert!(story.chat.thread.is_none());
    }
}

#[test]
fn a_chat_that_the_router_leaves_alone_has_no_agent_and_does_not_wait() {
    let mut story = Story::new();
    story.router_says(Route::Unrouted).customer().starts().done();
    assert!(story.serving().is_empty());
    assert_eq!(story.thread().queued_at, None);
}

#[test]
fn an_agent_who_starts_a_chat_serves_it() {
    let mut story = Story::new();
    story.agent("smith").starts_with(NewThread { users: vec![customer("kate")], ..plain() }).done();
    assert_eq!(story.serving(), [agent_id("smith")]);
    assert_eq!(story.thread().assigned, [agent_id("smith")]);
    assert!(story.is_present("kate"));
    assert!(story.system_messages().is_empty());
}

#[test]
fn the_router_is_asked_about_every_active_thread_and_told_which_an_agent_opens() {
    let mut story = Story::new();
    let command = Command::StartChat(StartChat { thread: plain() });
    let agent = Caller::Agent { id: agent_id("smith"), reach: Reach::All };
    let request = command.route_request(&story.chat, &agent, &story.license);
    assert!(matches!(
        request,
        Some(RouteRequest::Open { by_agent: Some(by), has_customer: false, .. }) if by == agent_id("smith")
    ));
    assert_eq!(command.route_request(&story.chat, &Caller::Server, &story.license), None);
    story.customer().starts().done();
    story.customer().closes().done();
    let kate = Caller::Customer { id: customer_id("kate"), profile: None, client: None };
    let request = Command::ResumeChat(ResumeChat { thread: plain() });
    let expected = RouteRequest::Open {
        groups: vec![GroupId::ALL],
        recent_agent: None,
        continuous: false,
        by_agent: None,
        has_customer: true,
        ignore_agents_routing: false,
        ignore_bots: false,
    };
    assert_eq!(request.route_request(&story.chat, &kate, &story.license), Some(expected));
    let inactive = Command::ResumeChat(ResumeChat { thread: NewThread::default() });
    assert_eq!(inactive.route_request(&story.chat, &kate, &story.license), None);
}

#[test]
fn the_router_learns_who_had_the_last_thread() {
    let story = Story::closed();
    let kate = Caller::Customer { id: customer_id("kate"), profile: None, client: None };
    let command = Command::SendEvent(SendEvent { event: message("hi"), attach_to_last_thread: false });
    let Some(RouteRequest::Open { recent_agent, .. }) =
        command.route_request(&story.chat, &kate, &story.license)
    else {
        panic!("a question for the router");
    };
    assert_eq!(recent_agent, Some(agent_id("smith")));
    let annotation = Command::SendEvent(SendEvent { event: annotation("5"), attach_to_last_thread: false });
    assert_eq!(annotation.route_request(&story.chat, &kate, &story.license), None);
}

#[test]
fn a_resume_opens_the_next_thread_of_the_same_chat() {
    let mut story = Story::closed();
    let (chat, first) = (story.chat.id.clone(), story.thread_id());
    let resumed = story.wait(3_600).router_assigns("brown").customer().resumes();
    assert_eq!(story.chat.id, chat);
    assert!(story.thread().active);
    assert_eq!(story.thread().number, 2);
    assert_eq!(story.thread().previous_thread_id, Some(first.clone()));
    assert_ne!(story.thread_id(), first);
    assert_eq!(resumed.told("kate"), ["incoming_chat"]);
}

#[test]
fn an_active_chat_cannot_be_resumed() {
    let mut story = Story::with_smith();
    let before = story.chat.clone();
    assert_eq!(story.customer().resumes().wrong_field(), "chat.id");
    assert_eq!(story.agent("smith").resumes().wrong_field(), "chat.id");
    assert_eq!(story.chat, before);
}

#[test]
fn the_agents_of_the_last_thread_are_not_in_the_next() {
    let mut story = Story::closed();
    story.router_assigns("brown").customer().resumes().done();
    assert_eq!(story.serving(), [agent_id("brown")]);
    assert!(story.chat.user(&user_id("smith")).is_none());
    assert!(story.is_present("kate"));
    assert_eq!(story.thread().user_ids, [user_id("kate"), user_id("brown")]);
}

#[test]
fn a_resume_opens_the_chat_to_all_agents_unless_it_names_groups() {
    let mut story = Story::new();
    let in_sales = || NewThread { access: Some(groups(&[1])), ..plain() };
    story.customer().starts_with(in_sales()).done();
    assert_eq!(story.chat.access, groups(&[1]));
    assert_eq!(story.thread().access, groups(&[1]));
    story.customer().closes().done();
    story.customer().resumes().done();
    assert_eq!(story.chat.access, groups(&[0]));
    story.customer().closes().done();
    story.customer().resumes_with(in_sales()).done();
    assert_eq!(story.chat.access, groups(&[1]));
}

#[test]
fn groups_are_known_and_not_none() {
    let start = |ids: &[i64]| {
        let mut story = Story::new();
        story.customer().starts_with(NewThread { access: Some(groups(ids)), ..plain() })
    };
    assert_eq!(start(&[]).wrong_field(), "chat.access.group_ids");
    assert_eq!(start(&[1, 77]).refused(), &Rejection::GroupNotFound(77));
}

#[test]
fn an_agent_opens_a_chat_only_to_groups_of_their_own_unless_the_token_reaches_all() {
    let in_support = || NewThread { access: Some(groups(&[2])), ..plain() };
    let mut story = Story::new();
    assert!(matches!(story.agent("smith").starts_with(in_support()).refused(), Rejection::MissingAccess(_)));
    story.agent_reaching("smith", Reach::All).starts_with(in_support()).done();
}

#[test]
fn initial_events_come_first_and_are_for_everybody() {
    let mut story = Story::new();
    let events = vec![message("hello"), hidden(message("anybody?"))];
    let started = story.router_assigns("smith").customer().starts_with(NewThread { events, ..plain() });
    let Reply::Thread { events: Some(ids), thread, .. } = &started.decision().reply else { panic!("ids") };
    let expected: Vec<_> = [1, 2].map(|number| EventId { thread: thread.clone(), number }).into();
    assert_eq!(ids, &expected, "only those that were given");
    assert!(story.events.iter().all(|event| event.visibility == Visibility::All));
    let PushBody::IncomingChat { events: ThreadEvents::Given(pushed), .. } = started.push("incoming_chat")
    else {
        panic!("the events go along");
    };
    assert_eq!(pushed.len(), 3, "with the router's system message");
}

#[test]
fn initial_events_are_by_users_whom_the_request_names() {
    let mut story = Story::new();
    let thread = |events| NewThread { users: vec![customer("kate")], events, ..plain() };
    let refused = story.agent("smith").starts_with(thread(vec![by("pete", "hello")]));
    assert_eq!(refused.wrong_field(), "chat.thread.events.author_id");
    story.agent("smith").starts_with(thread(vec![by("kate", "hello"), message("hi")])).done();
    let authors: Vec<_> = story.events.iter().map(|event| event.author.clone()).collect();
    assert_eq!(authors, [Some(user_id("kate")), Some(user_id("smith"))]);
}

#[test]
fn a_customer_cannot_write_as_the_agent_whom_the_router_picks() {
    let mut story = Story::new();
    let thread = NewThread { events: vec![by("smith", "you get it for free")], ..plain() };
    let refused = story.router_assigns("smith").customer().starts_with(thread);
    assert_eq!(refused.wrong_field(), "chat.thread.events.author_id");
}

#[test]
fn an_agent_brings_at_most_4_agents_besides_themselves() {
    let names = ["a", "b", "c", "d", "e"];
    let start = |named: &[&str]| {
        let mut story = Story::new();
        story.hires(&names);
        story.agent("smith").starts_with(NewThread { users: agents(named), ..plain() })
    };
    start(&["a", "b", "c", "d"]).done();
    start(&["smith", "a", "b", "c", "d"]).done();
    assert_eq!(start(&names).wrong_field(), "chat.users");
}

#[test]
fn users_of_a_new_thread_exist() {
    let mut story = Story::new();
    let refused = story.agent("smith").starts_with(NewThread { users: agents(&["nobody"]), ..plain() });
    assert_eq!(refused.refused(), &Rejection::NotFound("user"));
}

#[test]
fn a_chat_has_at_most_one_customer() {
    let mut story = Story::new();
    let both = NewThread { users: vec![customer("kate"), customer("pete")], ..plain() };
    assert_eq!(story.agent("smith").starts_with(both).wrong_field(), "chat.users");
}

#[test]
fn a_resume_cannot_give_the_chat_to_another_customer() {
    let mut story = Story::closed();
    let other = NewThread { users: vec![customer("pete")], ..plain() };
    assert_eq!(story.agent("smith").resumes_with(other).wrong_field(), "chat.users");
    let same = NewThread { users: vec![customer("kate")], ..plain() };
    story.agent("smith").resumes_with(same).done();
}

#[test]
fn a_customer_names_nobody_but_themselves() {
    for users in [vec![customer("pete")], agents(&["smith"])] {
        let mut story = Story::new();
        assert_eq!(story.customer().starts_with(NewThread { users, ..plain() }).wrong_field(), "chat.users");
    }
    let mut story = Story::new();
    story.customer().starts_with(NewThread { users: vec![customer("kate")], ..plain() }).done();
}

#[test]
fn whoever_opens_a_thread_has_seen_all_of_it() {
    let mut story = Story::new();
    let thread = NewThread { events: vec![message("hello")], ..plain() };
    story.router_assigns("smith").customer().starts_with(thread).done();
    assert_eq!(story.seen_up_to("kate"), Some(story.last_event().created_at), "the system message too");
    let mut story = Story::new();
    let thread = NewThread { users: vec![customer("kate")], events: vec![by("kate", "hello")], ..plain() };
    story.agent("smith").starts_with(thread).done();
    assert_eq!(story.seen_up_to("smith"), Some(story.last_event().created_at));
}

#[test]
fn what_the_customer_had_seen_stays_seen_when_an_agent_resumes() {
    let mut story = Story::closed();
    let seen = story.seen_up_to("kate");
    assert!(seen.is_some());
    story.agent("smith").resumes_with(NewThread { users: vec![customer("kate")], ..plain() }).done();
    assert_eq!(story.seen_up_to("kate"), seen);
}

#[test]
fn a_thread_may_be_opened_closed() {
    let mut story = Story::new();
    let thread = NewThread { active: false, events: vec![message("for the record")], ..plain() };
    let started = story
        .agent_reaching("smith", Reach::All)
        .starts_with(NewThread { access: Some(groups(&[2])), ..thread });
    assert!(!story.thread().active);
    assert_eq!(story.thread().events, 1);
    assert!(story.serving().is_empty());
    assert_eq!(started.told("smith"), ["incoming_chat"], "the opener hears of it, whatever the groups");
    story.agent("brown").resumes().done();
    assert_eq!(story.thread().number, 2);
}

#[test]
fn continuous_is_switched_on_and_off_and_kept_when_not_named() {
    let mut story = Story::new();
    let with = |continuous| NewThread { continuous, ..plain() };
    let property = |story: &Story| {
        let chat = properties::get(&story.chat.properties, "routing", "continuous").cloned();
        let thread = properties::get(&story.thread().properties, "routing", "continuous").cloned();
        (story.chat.continuous, chat, thread)
    };
    let (on, off) = (Some(PropertyValue::Bool(true)), Some(PropertyValue::Bool(false)));
    story.customer().starts_with(with(Some(true))).done();
    assert_eq!(property(&story), (true, on.clone(), on.clone()));
    story.customer().closes().done();
    story.customer().resumes_with(with(None)).done();
    assert_eq!(property(&story), (true, on.clone(), on));
    story.customer().closes().done();
    story.customer().resumes_with(with(Some(false))).done();
    assert_eq!(property(&story), (false, off.clone(), off));
}

#[test]
fn initial_properties_are_set_by_the_rights_of_the_opener() {
    let mut story = Story::new();
    let rated = || property("rating", "score", PropertyValue::Int(1));
    let refused = story.agent("smith").starts_with(NewThread { thread_properties: rated(), ..plain() });
    assert!(matches!(refused.refused(), Rejection::Authorization(_)));
    let thread = NewThread {
        chat_properties: property("test", "int_property", PropertyValue::Int(7)),
        thread_properties: rated(),
        ..plain()
    };
    story.customer().starts_with(thread).done();
    assert_eq!(story.thread().properties["rating"], rated()["rating"]);
    story.customer().closes().done();
    story.customer().resumes().done();
    assert!(
        properties::get(&story.chat.properties, "test", "int_property").is_some(),
        "the chat keeps its own"
    );
    assert_eq!(story.thread().properties.get("rating"), None, "each thread has its own");
}

#[test]
fn a_thread_begins_with_at_most_100_events() {
    let start = |count| {
        let mut story = Story::new();
        story.customer().starts_with(NewThread { events: vec![message("x"); count], ..plain() })
    };
    start(100).done();
    assert_eq!(start(101).wrong_field(), "chat.thread.events");
}

#[test]
fn there_may_be_any_time_between_threads_and_the_chat_stays() {
    let mut story = Story::closed();
    let closed_at = story.thread().closed_at.expect("closed");
    story.wait(90 * 24 * 3_600 + 1).customer().resumes().done();
    assert!(story.thread().created_at.since(closed_at).as_secs() >= 90 * 24 * 3_600);
    assert_eq!(story.reloaded(), story.chat);
}

fn greeting_of(agent: &str) -> SaidBefore {
    let mut event = message("May I help you?");
    event.properties = property("lc2", "greeting_unique_id", PropertyValue::String("x".to_owned()));
    SaidBefore { agent: agent_id(agent), event }
}

#[test]
fn a_thread_begins_with_what_was_said_before_which_is_nobody_s_answer() {
    for by in ["smith", "brown"] {
        let mut story = Story::new();
        let said_before = vec![greeting_of(by)];
        let thread = NewThread { said_before, events: vec![message("yes")], ..plain() };
        let started = story.router_assigns("smith").customer().starts_with(thread);
        let Reply::Thread { events: Some(given), .. } = &started.decision().reply else { panic!("a thread") };
        let [first, second, ..] = &story.events[..] else { panic!("two events") };
        assert_eq!((first.author.as_ref(), first.properties.len()), (Some(&user_id(by)), 1));
        assert_eq!((&second.id, second.author.as_ref()), (&given[0], Some(&user_id("kate"))));
        assert_eq!(given.len(), 1, "ids of what the customer sent");
        // Whoever greeted is named among the users; whoever serves the chat is in it.
        assert_eq!(story.serving(), [agent_id("smith")]);
        assert!(!story.is_present("brown"));
        assert!(story.chat.user(&user_id(by)).is_some());
        assert!(!story.thread().user_ids.contains(&user_id("brown")));
        assert!(story.thread().unanswered_since.is_some(), "the customer waits for an answer");
        assert_eq!(story.reloaded(), story.chat);
    }
}

#[test]
fn a_greeter_who_comes_into_the_chat_is_in_it() {
    let mut story = Story::new();
    let thread = NewThread { said_before: vec![greeting_of("brown")], ..plain() };
    story.router_queues().customer().starts_with(thread).done();
    assert!(!story.is_present("brown") && story.serving().is_empty());
    story.server().assigns("brown").done();
    assert_eq!(story.serving(), [agent_id("brown")]);
}
