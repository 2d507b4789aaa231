//! Who sees a chat, by scope and group; what does not exist.

use std::collections::BTreeMap;

use super::super::testing::*;
use super::super::*;
use crate::domain::change::Target;
use crate::domain::event::{EventKind, Visibility};
use crate::domain::properties::PropertyValue;

/// Kate's chat, open to group 1, served by smith.
fn in_sales() -> Story {
    let mut story = Story::new();
    let thread = NewThread { access: Some(groups(&[1])), ..plain() };
    story.router_assigns("smith").customer().starts_with(thread).done();
    story
}

/// Every command that an agent can give to a chat that is there.
fn commands(story: &Story) -> Vec<Command> {
    let properties = property("test", "bool_property", PropertyValue::Bool(true));
    vec![
        Command::ResumeChat(ResumeChat { thread: plain() }),
        Command::DeactivateChat(DeactivateChat { ignore_requester_presence: true }),
        Command::SendEvent(SendEvent { event: message("hi"), attach_to_last_thread: true }),
        Command::FollowChat(FollowChat),
        Command::UnfollowChat(UnfollowChat),
        Command::TransferChat(TransferChat {
            to: TransferTo::Anybody,
            ignore_agents_availability: true,
            ignore_requester_presence: true,
        }),
        Command::AddUserToChat(AddUserToChat {
            user: NewUser::Agent(agent_id("bot")),
            visibility: Visibility::All,
            ignore_requester_presence: true,
        }),
        Command::RemoveUserFromChat(RemoveUserFromChat {
            agent: agent_id("smith"),
            ignore_requester_presence: true,
        }),
        Command::MarkEventsAsSeen(MarkEventsAsSeen { seen_up_to: story.now }),
        Command::SendTypingIndicator(SendTypingIndicator { visibility: Visibility::All, is_typing: true }),
        Command::UpdateProperties(UpdateProperties { target: Target::Chat, properties }),
        Command::DeleteProperties(DeleteProperties { target: Target::Chat, names: BTreeMap::new() }),
    ]
}

#[test]
fn an_agent_who_shares_no_group_with_the_chat_has_no_access() {
    let mut story = in_sales();
    let before = story.chat.clone();
    for command in commands(&story) {
        let refused = story.agent("brown").gives(command.clone());
        assert!(matches!(refused.refused(), Rejection::MissingAccess(_)), "{command:?}");
    }
    assert_eq!(story.chat, before);
}

#[test]
fn a_token_for_all_chats_reaches_chats_of_other_groups() {
    let mut story = in_sales();
    story.agent_reaching("brown", Reach::All).follows().done();
    story.agent_reaching("brown", Reach::All).joins().done();
    story.agent_reaching("brown", Reach::All).sends("hi").done();
}

#[test]
fn a_token_for_own_chats_reaches_only_chats_that_one_is_in() {
    let mut story = in_sales();
    story.agent_reaching("smith", Reach::My).sends("hi").done();
    story.agent("smith").removes("smith").done();
    let refused = story.agent_reaching("smith", Reach::My).sends("hi");
    assert!(matches!(refused.refused(), Rejection::MissingAccess(_)));
}

#[test]
fn a_token_that_reaches_nothing_reaches_nothing() {
    let mut story = in_sales();
    let refused = story.agent_reaching("smith", Reach::Nothing).sends("hi");
    assert!(matches!(refused.refused(), Rejection::MissingAccess(_)));
}

#[test]
fn whoever_is_in_the_chat_has_access_whatever_the_groups() {
    let mut story = in_sales();
    story.agent_reaching("brown", Reach::All).joins().done();
    story.agent("brown").sends("hi").done();
}

#[test]
fn to_another_customer_the_chat_does_not_exist() {
    let mut story = in_sales();
    let before = story.chat.clone();
    for command in commands(&story) {
        let refused = story.customer_named("pete").gives(command.clone());
        let hidden = matches!(refused.refused(), Rejection::NotFound("chat"))
            || matches!(command, Command::UnfollowChat(_));
        assert!(hidden, "{command:?}: {:?}", refused.refused());
    }
    assert_eq!(story.chat, before);
}

#[test]
fn a_chat_that_was_never_started_does_not_exist_for_anybody() {
    let mut story = Story::new();
    for command in commands(&story) {
        let refused = story.agent_reaching("smith", Reach::All).gives(command.clone());
        assert_eq!(refused.refused(), &Rejection::NotFound("chat"), "{command:?}");
    }
    assert_eq!(story.customer().resumes().refused(), &Rejection::NotFound("chat"));
    assert_eq!(story.customer().sends("hello").refused(), &Rejection::NotFound("chat"));
    assert!(story.chat.thread.is_none());
}

#[test]
fn by_default_every_agent_of_the_license_has_access() {
    let mut story = Story::new();
    let started = story.router_assigns("smith").customer().starts();
    for agent in ["smith", "brown", "bot"] {
        assert_eq!(started.told(agent), ["incoming_chat"], "{agent}");
    }
}

#[test]
fn agents_of_other_groups_hear_nothing_of_a_chat() {
    let mut story = in_sales();
    let sent = story.customer().sends("hello");
    let closed = story.customer().closes();
    let resumed_by = NewThread { access: Some(groups(&[1])), ..plain() };
    let resumed = story.router_assigns("smith").customer().resumes_with(resumed_by);
    for outcome in [sent, closed, resumed] {
        assert!(outcome.told("brown").is_empty());
        assert!(!outcome.told("smith").is_empty());
    }
}

/// Kate's chat: a thread of group 1 that smith had, then one of group 2.
fn moved_to_support() -> (Story, Thread) {
    let mut story = in_sales();
    story.customer().sends("a secret of sales").done();
    let first = story.thread().clone();
    story.customer().closes().done();
    let thread = NewThread { access: Some(groups(&[2])), ..plain() };
    story.customer().gives(Command::ResumeChat(ResumeChat { thread })).done();
    (story, first)
}

#[test]
fn an_earlier_thread_is_seen_by_its_own_groups_whoever_sees_the_chat_now() {
    let (mut story, first) = moved_to_support();
    let sees = |story: &Story, name: &str, reach: Reach| {
        let caller = Caller::Agent { id: agent_id(name), reach };
        let chat = can_see(&story.chat, &caller, &story.license).is_ok();
        (chat, can_see_thread(&story.chat, &first, &caller, &story.license).is_ok())
    };
    assert_eq!(sees(&story, "smith", Reach::Access), (false, true));
    assert_eq!(sees(&story, "brown", Reach::Access), (true, false));
    assert_eq!(sees(&story, "brown", Reach::All), (true, true));
    assert_eq!(sees(&story, "smith", Reach::My), (false, false));
    let kate = Caller::Customer { id: customer_id("kate"), profile: None, client: None };
    assert!(can_see_thread(&story.chat, &first, &kate, &story.license).is_ok());
    let message = &story.chat.last_public_events[&EventKind::Message];
    assert_eq!(message.access, Some(groups(&[1])));
    let tag = || Command::TagThread(TagThread { thread: first.id.clone(), tag: "sales".to_owned() });
    assert!(matches!(story.agent("brown").gives(tag()).refused(), Rejection::MissingAccess(_)));
    let tagged = story.agent_reaching("brown", Reach::All).gives(tag());
    assert_eq!(tagged.told("smith"), ["thread_tagged"]);
    assert!(tagged.told("brown").is_empty() && tagged.told("kate").is_empty());
    assert_eq!(story.reloaded(), story.chat);
}
