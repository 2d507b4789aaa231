//! `add_user_to_chat` (agents, 3.6). Visibility `agents` is what older APIs called supervising (ruling C9).

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::open_thread::NewUser;
use super::{Caller, Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::{GroupId, UserId};
use crate::domain::push::{Audience, PushBody, ThreadEvents};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::user::ChatUser;
use crate::domain::whole_chat::to_newcomer;

/// Puts a user into the active chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddUserToChat {
    /// Whom; exists in the license.
    pub user: NewUser,
    /// To whom they show themselves.
    pub visibility: Visibility,
    /// The requester need not be in the chat.
    pub ignore_requester_presence: bool,
}

const MAX_AGENTS: usize = 5;

impl AddUserToChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let user = match &self.user {
            NewUser::Agent(id) => ChatUser::agent(id.clone(), self.visibility),
            NewUser::Customer(customer) => {
                if self.visibility != Visibility::All {
                    return Err(Rejection::validation("visibility", "a customer must be added with all"));
                }
                ChatUser::customer(customer.id.clone(), customer.profile.clone())
            }
        };
        context.check_access(chat)?;
        if chat.active_thread().is_none() {
            return Err(Rejection::ChatInactive);
        }
        let adds_self = context.caller.user().as_ref() == Some(&user.id);
        context.check_presence(chat, self.ignore_requester_presence || adds_self)?;
        self.check_user(chat, context)?;
        if chat.present_user(&user.id).is_some_and(|present| present.visibility == self.visibility) {
            return Ok(Decision::default());
        }
        if adds_self && self.visibility == Visibility::All && is_taken(chat, context) {
            return Err(Rejection::NotAllowed("another agent has taken the chat"));
        }
        let mut draft = Draft::new(chat, context);
        join(&mut draft, user, adds_self)?;
        Ok(draft.decision(Reply::Done))
    }

    fn check_user(&self, chat: &Chat, context: &Context<'_>) -> Result<(), Rejection> {
        match &self.user {
            NewUser::Agent(id) => {
                let agent = context.license.agent(id).ok_or(Rejection::NotFound("user"))?;
                let adds_self = matches!(context.caller, Caller::Agent { id: caller, .. } if caller == id);
                // With chats--all one may join a chat of any group oneself.
                if !chat.admits(agent) && !adds_self {
                    return Err(Rejection::MissingAccess("the agent has no access to the chat"));
                }
                let agents = chat.present_agents().filter(|(present, _)| *present != id).count();
                if agents >= MAX_AGENTS {
                    return Err(Rejection::LimitReached("at most 5 agents in a chat"));
                }
            }
            NewUser::Customer(customer) => {
                if chat.customer().is_some_and(|(id, _)| *id != customer.id) {
                    return Err(Rejection::LimitReached("at most 1 customer in a chat"));
                }
            }
        }
        Ok(())
    }
}

/// Where agents pick chats themselves the first who takes one has it (routing rule 5). Others come in if somebody adds
/// them, or watch.
fn is_taken(chat: &Chat, context: &Context<'_>) -> bool {
    let is_manual = |group: &GroupId| {
        let group = context.license.groups.get(group);
        group.and_then(|group| group.routing.manual).unwrap_or(context.rules.manual_routing)
    };
    chat.serving_agents().next().is_some() && chat.access.group_ids.iter().all(is_manual)
}

/// Lets the user in, tells everybody, and gives a newcomer the whole chat.
fn join(draft: &mut Draft<'_>, user: ChatUser, adds_self: bool) -> Result<(), Rejection> {
    let first_agent = draft.chat.serving_agents().next().is_none();
    let was_queued = draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some());
    let gets_it_whole = to_newcomer(&user.id, &draft.chat);
    let hides = user.visibility == Visibility::Agents
        && draft.chat.serving_agents().any(|id| user.id.agent() == Some(id));
    draft.change(Change::UserAdded(user.clone()));
    if let UserId::Agent(agent) = &user.id
        && user.visibility == Visibility::All
    {
        draft.assign(agent.clone());
        if was_queued {
            let at = draft.time();
            draft.change(Change::Dequeued(at));
        }
    }
    let mut to = draft.chat.everybody();
    if user.visibility == Visibility::Agents {
        to.customers.clear();
    }
    tell_of_added(draft, &user, to);
    if hides {
        tell_customer_of_leaving(draft, &user, adds_self);
    }
    if let Some(to) = gets_it_whole {
        give_whole_chat(draft, to);
    }
    announce(draft, &user, adds_self, first_agent)
}

/// Tells that the caller let the user in.
pub(super) fn tell_of_added(draft: &mut Draft<'_>, user: &ChatUser, to: Audience) {
    let chat = draft.chat.id.clone();
    let thread = draft.chat.active_thread().map(|thread| thread.id.clone());
    let body = |requester| PushBody::UserAddedToChat {
        chat: chat.clone(),
        thread: thread.clone(),
        user: Box::new(user.clone()),
        reason: "manual",
        requester,
    };
    draft.push_of_caller(body, to);
}

/// To the customer an agent who hides from now on has left.
fn tell_customer_of_leaving(draft: &mut Draft<'_>, user: &ChatUser, by_self: bool) {
    let body = PushBody::UserRemovedFromChat {
        chat: draft.chat.id.clone(),
        thread: draft.chat.active_thread().map(|thread| thread.id.clone()),
        user: user.id.clone(),
        reason: "manual",
        // Whoever takes themselves out of sight seems to have left like anybody.
        requester: draft.context.caller.user().filter(|_| by_self || !draft.caller_hides()),
    };
    let customers = draft.chat.members(Visibility::All).customers;
    draft.push(body, Audience { customers, ..Audience::default() });
}

fn give_whole_chat(draft: &mut Draft<'_>, to: Audience) {
    let body = PushBody::IncomingChat {
        requester: draft.context.caller.user(),
        chat: Box::new(draft.chat.clone()),
        events: ThreadEvents::FromLog,
        queue: None,
        transferred_from: None,
    };
    draft.push(body, to);
}

fn announce(
    draft: &mut Draft<'_>,
    user: &ChatUser,
    adds_self: bool,
    first_agent: bool,
) -> Result<(), Rejection> {
    let license = draft.context.license;
    let initiator = match draft.context.caller {
        Caller::Agent { id, .. } => license.agent_name(id).to_owned(),
        Caller::Customer { .. } => draft.chat.customer_name().to_owned(),
        Caller::Server => "The server".to_owned(),
    };
    match &user.id {
        UserId::Agent(_) if first_agent || user.visibility == Visibility::Agents => {}
        UserId::Agent(id) if adds_self => {
            draft.system_message_of_caller(ServerMessage::agent_joined(license.agent_name(id)))?;
        }
        UserId::Agent(id) => {
            draft.system_message_of_caller(ServerMessage::agent_added(&initiator, license.agent_name(id)))?;
        }
        UserId::Customer(_) => {
            let name = user.profile.as_ref().map_or("Customer", |profile| profile.display_name()).to_owned();
            draft.system_message_of_caller(ServerMessage::customer_added(&initiator, &name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Command, Reach, Route};
    use super::*;

    fn agent(name: &str) -> NewUser {
        NewUser::Agent(agent_id(name))
    }

    #[test]
    fn where_agents_pick_chats_themselves_the_first_has_it_and_lets_others_in() {
        let mut story = Story::new();
        story.rules.manual_routing = true;
        story.router_queues().customer().starts().done();
        story.agent("smith").joins().done();
        assert!(matches!(story.agent("brown").joins().refused(), Rejection::NotAllowed(_)));
        assert_eq!(story.serving(), [agent_id("smith")]);
        story.agent("smith").adds(agent("brown")).done();
        assert_eq!(story.serving(), [agent_id("smith"), agent_id("brown")]);
        story.rules.manual_routing = false;
        story.agent("brown").removes("brown").done();
        story.agent("brown").joins().done();
    }

    #[test]
    fn several_agents_can_be_in_one_chat() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        assert_eq!(story.serving(), [agent_id("smith"), agent_id("brown")]);
        story.agent("smith").sends("hi").done();
        story.agent("brown").sends("hi too").done();
    }

    #[test]
    fn an_agent_who_joins_is_named_in_a_system_message() {
        let mut story = Story::with_smith();
        let joined = story.agent("brown").joins();
        assert_eq!(story.last_system_message(), ("agent_joined", "Brown joined the chat"));
        assert_eq!(joined.told("brown"), ["user_added_to_chat", "incoming_event"]);
        assert_eq!(joined.told("kate"), ["user_added_to_chat", "incoming_event"]);
    }

    #[test]
    fn an_agent_who_is_added_is_named_with_who_did_it() {
        let mut story = Story::with_smith();
        story.agent("smith").adds(agent("brown")).done();
        assert_eq!(story.last_system_message(), ("agent_added", "Smith added Brown to the chat"));
    }

    #[test]
    fn the_first_agent_of_a_chat_comes_without_a_system_message() {
        let mut story = Story::new();
        story.router_says(Route::Unrouted).customer().starts().done();
        story.agent("smith").joins().done();
        assert!(story.system_messages().is_empty());
        assert_eq!(story.serving(), [agent_id("smith")]);
    }

    #[test]
    fn an_agent_who_takes_a_waiting_chat_ends_its_waiting() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        story.wait(8).agent("smith").joins().done();
        assert_eq!(story.thread().queued_at, None);
        assert!(story.thread().queues_duration.is_some());
        assert_eq!(story.thread().assigned, [agent_id("smith")]);
    }

    #[test]
    fn a_chat_has_at_most_5_agents() {
        let mut story = Story::with_smith();
        story.hires(&["a", "b", "c", "d"]);
        for name in ["a", "b", "c", "d"] {
            story.agent(name).joins().done();
        }
        let before = story.chat.clone();
        assert!(matches!(story.agent("brown").joins().refused(), Rejection::LimitReached(_)));
        assert!(matches!(story.agent("brown").supervises().refused(), Rejection::LimitReached(_)));
        assert_eq!(story.chat, before);
    }

    #[test]
    fn a_chat_has_at_most_one_customer() {
        let mut story = Story::with_smith();
        assert!(matches!(story.agent("smith").adds(customer("pete")).refused(), Rejection::LimitReached(_)));
        assert!(story.agent("smith").adds(customer("kate")).is_nothing());
    }

    #[test]
    fn a_customer_who_is_added_gets_the_chat_and_is_named() {
        let mut story = Story::new();
        story.agent("smith").starts().done();
        let added = story.agent("smith").adds(customer("kate"));
        assert_eq!(added.told("kate"), ["user_added_to_chat", "incoming_chat", "incoming_event"]);
        assert_eq!(story.last_system_message(), ("customer_added", "Smith added Kate to the chat"));
    }

    #[test]
    fn a_customer_cannot_hide() {
        let mut story = Story::new();
        story.agent("smith").starts().done();
        let command = AddUserToChat {
            user: customer("kate"),
            visibility: Visibility::Agents,
            ignore_requester_presence: false,
        };
        assert_eq!(story.agent("smith").gives(Command::AddUserToChat(command)).wrong_field(), "visibility");
    }

    #[test]
    fn whoever_adds_somebody_is_in_the_chat_unless_that_does_not_matter() {
        let mut story = Story::with_smith();
        story.hires(&["jones"]);
        assert!(matches!(story.agent("brown").adds(agent("jones")).refused(), Rejection::MissingAccess(_)));
        let command = AddUserToChat {
            user: agent("jones"),
            visibility: Visibility::All,
            ignore_requester_presence: true,
        };
        story.agent("brown").gives(Command::AddUserToChat(command)).done();
        assert!(story.is_present("jones"));
    }

    #[test]
    fn an_agent_who_is_added_has_access() {
        let mut story = Story::new();
        let thread = super::super::NewThread { access: Some(groups(&[1])), ..plain() };
        story.router_assigns("smith").customer().starts_with(thread).done();
        assert!(matches!(story.agent("smith").adds(agent("brown")).refused(), Rejection::MissingAccess(_)));
        assert_eq!(story.agent("smith").adds(agent("nobody")).refused(), &Rejection::NotFound("user"));
        let joined = story.agent_reaching("brown", Reach::All).joins();
        assert_eq!(joined.told("brown"), ["user_added_to_chat", "incoming_chat", "incoming_event"]);
    }

    #[test]
    fn nobody_is_added_to_a_closed_chat() {
        let mut story = Story::closed();
        assert_eq!(story.agent("brown").joins().refused(), &Rejection::ChatInactive);
    }

    #[test]
    fn adding_somebody_twice_does_nothing() {
        let mut story = Story::with_smith();
        assert!(story.agent("smith").joins().is_nothing());
    }

    #[test]
    fn the_customer_never_learns_of_a_hidden_member() {
        let mut story = Story::with_smith();
        let hidden = story.agent("brown").supervises();
        assert!(hidden.told("kate").is_empty());
        assert_eq!(hidden.told("smith"), ["user_added_to_chat"]);
        assert_eq!(story.serving(), [agent_id("smith")], "not a served slot");
        let at = story.last_event().created_at;
        assert!(story.agent("brown").has_seen(at).told("kate").is_empty());
        assert!(story.agent("brown").types(Visibility::All).told("kate").is_empty());
        assert!(story.agent("brown").removes("brown").told("kate").is_empty());
    }

    #[test]
    fn the_customer_is_not_told_that_a_hidden_member_added_or_hid_an_agent() {
        let mut story = Story::with_smith();
        story.hires(&["jones"]);
        story.agent("brown").supervises().done();
        let added = story.agent("brown").adds(agent("jones"));
        assert_eq!(added.told("kate"), ["user_added_to_chat"]);
        assert_eq!(added.requesters_told("kate", "user_added_to_chat"), [None]);
        assert_eq!(added.requesters_told("smith", "user_added_to_chat"), [Some(user_id("brown"))]);
        let hidden = story.agent("brown").gives(Command::AddUserToChat(AddUserToChat {
            user: agent("jones"),
            visibility: Visibility::Agents,
            ignore_requester_presence: false,
        }));
        assert_eq!(hidden.requesters_told("kate", "user_removed_from_chat"), [None]);
        // Who hides themselves seems to have left.
        let left = story.agent("smith").supervises();
        assert_eq!(left.requesters_told("kate", "user_removed_from_chat"), [Some(user_id("smith"))]);
    }

    #[test]
    fn a_hidden_member_may_show_themselves() {
        let mut story = Story::with_smith();
        story.agent("brown").supervises().done();
        let shown = story.agent("brown").joins();
        assert_eq!(shown.told("kate"), ["user_added_to_chat", "incoming_event"]);
        assert_eq!(story.serving(), [agent_id("smith"), agent_id("brown")]);
    }

    #[test]
    fn to_the_customer_an_agent_who_hides_has_left() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        let hidden = story.agent("brown").supervises();
        assert_eq!(hidden.told("kate"), ["user_removed_from_chat"]);
        assert_eq!(hidden.told("smith"), ["user_added_to_chat"]);
    }

    #[test]
    fn a_member_does_not_follow_any_more() {
        let mut story = Story::with_smith();
        story.agent("brown").follows().done();
        story.agent("brown").joins().done();
        assert!(story.chat.followers.is_empty());
    }

    #[test]
    fn who_came_back_keeps_what_they_had_seen() {
        let mut story = Story::with_smith();
        story.agent("smith").sends("hi").done();
        let seen = story.seen_up_to("smith");
        story.agent("smith").removes("smith").done();
        story.agent("smith").joins().done();
        assert_eq!(story.seen_up_to("smith"), seen);
    }
}
