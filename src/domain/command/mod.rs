//! Commands: what alters a chat, a file a method. Each has a rule `decide` that gives a [`Decision`] or a
//! [`Rejection`] and alters nothing itself.

mod add_user_to_chat;
mod assign;
mod close_banned;
mod customer_presence;
mod deactivate_chat;
mod delete_event;
mod draft;
mod follow_chat;
mod indicators;
mod mark_events_as_seen;
mod open_thread;
mod postback;
mod previews;
mod properties;
mod remove_user_from_chat;
mod resume_chat;
mod send_event;
mod silence;
mod standing;
mod start_chat;
mod tags;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transcript;
mod transfer_chat;
mod unassign;
mod update_customer;

pub use add_user_to_chat::AddUserToChat;
pub use assign::AssignAgent;
pub use close_banned::CloseBanned;
pub use customer_presence::CustomerPresence;
pub use deactivate_chat::DeactivateChat;
pub use delete_event::DeleteEvent;
pub use follow_chat::{FollowChat, UnfollowChat};
pub use indicators::{SendSneakPeek, SendTypingIndicator};
pub use mark_events_as_seen::MarkEventsAsSeen;
pub use open_thread::{NewThread, NewUser};
pub use postback::SendRichMessagePostback;
pub use previews::{SendEventPreview, SendThinkingIndicator};
pub use properties::{DeleteProperties, UpdateProperties};
pub use remove_user_from_chat::RemoveUserFromChat;
pub use resume_chat::ResumeChat;
pub use send_event::SendEvent;
pub use silence::HeedSilence;
pub use start_chat::StartChat;
pub use tags::{TagThread, UntagThread};
pub use transcript::SettleTranscript;
pub use transfer_chat::{TransferChat, TransferTo};
pub use unassign::{LeaveCause, UnassignAgent};
pub use update_customer::UpdateCustomer;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::change::Change;
use super::chat::Chat;
use super::customer::CustomerProfile;
use super::event::{Event, Visibility};
use super::id::{AgentId, ChatId, ClientId, CustomerId, EventId, GroupId, IdSource, ThreadId, UserId};
use super::license::{Agent, ChatRules, License};
use super::operations::RecentOperations;
use super::property_definitions::Side;
use super::push::{Audience, Push, QueuePlace};
use super::rejection::Rejection;
use super::thread::Thread;
use super::thread_limits::Need;
use super::time::Timestamp;
use super::visit::Provenance;

/// Everything that alters a chat or tells its members something.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the command of that name")]
pub enum Command {
    StartChat(StartChat),
    ResumeChat(ResumeChat),
    DeactivateChat(DeactivateChat),
    SendEvent(SendEvent),
    FollowChat(FollowChat),
    UnfollowChat(UnfollowChat),
    TransferChat(TransferChat),
    AddUserToChat(AddUserToChat),
    RemoveUserFromChat(RemoveUserFromChat),
    MarkEventsAsSeen(MarkEventsAsSeen),
    SendTypingIndicator(SendTypingIndicator),
    SendSneakPeek(SendSneakPeek),
    UpdateProperties(UpdateProperties),
    DeleteProperties(DeleteProperties),
    UpdateCustomer(UpdateCustomer),
    TagThread(TagThread),
    UntagThread(UntagThread),
    SendRichMessagePostback(SendRichMessagePostback),
    SendEventPreview(SendEventPreview),
    SendThinkingIndicator(SendThinkingIndicator),
    DeleteEvent(DeleteEvent),
    AssignAgent(AssignAgent),
    UnassignAgent(UnassignAgent),
    HeedSilence(HeedSilence),
    CustomerPresence(CustomerPresence),
    CloseBanned(CloseBanned),
    SettleTranscript(SettleTranscript),
}

/// Who gives a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// An agent or bot, with what their token lets them reach.
    Agent {
        /// Who.
        id: AgentId,
        /// Which chats.
        reach: Reach,
    },
    /// A customer, with their profile.
    Customer {
        /// Who.
        id: CustomerId,
        /// As known now; none where the chat's own entry will do.
        profile: Option<Box<CustomerProfile>>,
        /// The application whose token they use; none from a node of an earlier version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
    },
    /// The router, a timer, or a command of the operator.
    Server,
}

/// Which chats a token reaches (`authorization.json`, `chat_reach`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// None.
    Nothing,
    /// Chats that one is in.
    My,
    /// Chats with own access, and chats that one is in.
    Access,
    /// Every chat of the license.
    All,
}

impl Reach {
    /// Does it extend to a chat or a thread? `shares` says if a group is shared with it, `present` if one is in it.
    fn extends_to(self, shares: impl FnOnce() -> bool, present: impl FnOnce() -> bool) -> bool {
        match self {
            Self::All => true,
            Self::Access => shares() || present(),
            Self::My => present(),
            Self::Nothing => false,
        }
    }
}

/// What the router said when it was asked before the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A slot of this agent is reserved.
    Assign(AgentId),
    /// The chat waits.
    Queue(Option<QueuePlace>),
    /// The router leaves the chat alone.
    Unrouted,
    /// Nobody accepts chats, and offline starts are refused; or the queue is off or full.
    GroupsOffline,
    /// The license has as many active chats as it may have.
    LicenseFull,
    /// The agent asked for is offline.
    AgentOffline,
}

/// What has to be asked of the router before a command can be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteRequest {
    /// Somebody for a thread that is about to be opened.
    Open {
        /// The groups that it will be open to.
        groups: Vec<GroupId>,
        /// Who had the chat's last thread.
        recent_agent: Option<AgentId>,
        /// Waits for absent agents.
        continuous: bool,
        /// The agent who opens it; none if it is the customer.
        by_agent: Option<AgentId>,
        /// Whether there is a customer to be served.
        has_customer: bool,
        /// `routing.ignore_agents_routing`.
        ignore_agents_routing: bool,
        /// `routing.ignore_bots`.
        ignore_bots: bool,
    },
    /// Somebody else for an active thread.
    Transfer {
        /// To whom.
        to: TransferTo,
        /// The groups that the chat will be open to.
        groups: Vec<GroupId>,
        /// Who serves it now.
        from: Vec<AgentId>,
        /// May wait when nobody is free.
        ignore_availability: bool,
    },
}

/// What a rule may know besides the chat and the command.
pub struct Context<'a> {
    /// The moment of the decision.
    pub now: Timestamp,
    /// The tenant.
    pub license: &'a License,
    /// Its rules for chats.
    pub rules: &'a ChatRules,
    /// Source of new ids.
    pub ids: &'a dyn IdSource,
    /// Who gives the command.
    pub caller: &'a Caller,
    /// Sends of the recent past.
    pub operations: &'a RecentOperations,
    /// The router's word, where the command asked for it.
    pub route: Option<Route>,
    /// What was read before, where the command asked for it.
    pub subject: Option<Subject>,
}

/// Something that the chat's state does not hold and a command names, or needs.
#[derive(Clone, Debug)]
pub enum Subject {
    /// An event, and the thread that it stands in.
    Event(Box<Event>, Box<Thread>),
    /// An earlier thread.
    Thread(Box<Thread>),
    /// From where the customer came.
    Visit(Box<Provenance>),
}

/// What has to be read before a command can be decided: from the log, or of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectRequest {
    /// An event.
    Event(EventId),
    /// A thread other than the last.
    Thread(ThreadId),
    /// From where this customer came.
    Visit(CustomerId),
}

/// What a command leads to.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// What happened; stored as one row.
    pub changes: Vec<Change>,
    /// The thread whose log takes the row; none for the chat's last.
    pub older_thread: Option<ThreadId>,
    /// What is told once it is stored.
    pub pushes: Vec<Push>,
    /// What the caller gets.
    pub reply: Reply,
}

/// What the caller gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Nothing but success.
    #[default]
    Done,
    /// The event that was sent.
    Event(EventId),
    /// The chat and thread that were opened, with the given initial events; the one event, where sending it opened the thread.
    Thread {
        /// The chat.
        chat: ChatId,
        /// The thread.
        thread: ThreadId,
        /// Ids of the initial events; none were given where this is none.
        events: Option<Vec<EventId>>,
    },
    /// The chat that is not followed any more.
    Unfollowed(ChatId),
}

impl Command {
    /// What the router must be asked first, given the chat as it is.
    pub fn route_request(&self, chat: &Chat, caller: &Caller, license: &License) -> Option<RouteRequest> {
        match self {
            Self::StartChat(command) => command.thread.route_request(chat, caller),
            Self::ResumeChat(command) => command.thread.route_request(chat, caller),
            Self::SendEvent(command) => command.route_request(chat, caller, license),
            Self::TransferChat(command) => command.route_request(chat, license),
            _ => None,
        }
    }

    /// What must be read first.
    pub fn subject_request(&self, chat: &Chat) -> Option<SubjectRequest> {
        match self {
            Self::ResumeChat(command) => command.thread.subject_request(chat),
            Self::SendEvent(command) => command.subject_request(chat),
            Self::UpdateProperties(command) => properties::subject_request(&command.target, chat),
            Self::DeleteProperties(command) => properties::subject_request(&command.target, chat),
            Self::TagThread(command) => tags::subject_request(&command.thread, chat),
            Self::UntagThread(command) => tags::subject_request(&command.thread, chat),
            Self::SendRichMessagePostback(command) => Some(SubjectRequest::Event(command.event.clone())),
            Self::DeleteEvent(command) => Some(SubjectRequest::Event(command.event.clone())),
            _ => None,
        }
    }

    /// Decides: what happens, who is told, what the caller gets. Alters nothing.
    ///
    /// # Errors
    /// The [`Rejection`] that the caller is answered with.
    pub fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let need = Need::of(&self, context.caller);
        let decision = self.decide_alone(chat, context)?;
        context.rules.thread.check(need, chat, &decision, context)?;
        Ok(decision)
    }

    /// Whether there is room for it is not looked at.
    fn decide_alone(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        match self {
            Self::StartChat(command) => command.decide(chat, context),
            Self::ResumeChat(command) => command.decide(chat, context),
            Self::DeactivateChat(command) => command.decide(chat, context),
            Self::SendEvent(command) => command.decide(chat, context),
            Self::FollowChat(command) => command.decide(chat, context),
            Self::UnfollowChat(command) => command.decide(chat, context),
            Self::TransferChat(command) => command.decide(chat, context),
            Self::AddUserToChat(command) => command.decide(chat, context),
            Self::RemoveUserFromChat(command) => command.decide(chat, context),
            Self::MarkEventsAsSeen(command) => command.decide(chat, context),
            Self::SendTypingIndicator(command) => command.decide(chat, context),
            Self::SendSneakPeek(command) => command.decide(chat, context),
            Self::UpdateProperties(command) => command.decide(chat, context),
            Self::DeleteProperties(command) => command.decide(chat, context),
            Self::UpdateCustomer(command) => command.decide(chat, context),
            Self::TagThread(command) => command.decide(chat, context),
            Self::UntagThread(command) => command.decide(chat, context),
            Self::SendRichMessagePostback(command) => command.decide(chat, context),
            Self::SendEventPreview(command) => command.decide(chat, context),
            Self::SendThinkingIndicator(command) => command.decide(chat, context),
            Self::DeleteEvent(command) => command.decide(chat, context),
            Self::AssignAgent(command) => command.decide(chat, context),
            Self::UnassignAgent(command) => command.decide(chat, context),
            Self::HeedSilence(command) => command.decide(chat, context),
            Self::CustomerPresence(command) => command.decide(chat, context),
            Self::CloseBanned(command) => command.decide(chat, context),
            Self::SettleTranscript(command) => command.decide(chat, context),
        }
    }
}

impl Caller {
    /// The user behind it; none for the server itself.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Agent { id, .. } => Some(UserId::Agent(id.clone())),
            Self::Customer { id, .. } => Some(UserId::Customer(id.clone())),
            Self::Server => None,
        }
    }

    /// The application that they use. Agents' tokens are made by operators and name none.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Customer { client, .. } => client.as_ref(),
            Self::Agent { .. } | Self::Server => None,
        }
    }
}

impl Context<'_> {
    /// Refuses callers who may not see the chat. To a customer a chat of somebody else does not exist.
    ///
    /// # Errors
    /// [`Rejection::MissingAccess`] for agents, [`Rejection::NotFound`] for customers.
    pub fn check_access(&self, chat: &Chat) -> Result<(), Rejection> {
        can_see(chat, self.caller, self.license)
    }

    /// The kind of user whose property rights count.
    fn side(&self) -> Side {
        match self.caller {
            Caller::Customer { .. } => Side::Customer,
            Caller::Agent { .. } | Caller::Server => Side::Agent,
        }
    }

    /// The agent who calls, if it is one whom the license knows.
    fn calling_agent(&self) -> Option<&Agent> {
        match self.caller {
            Caller::Agent { id, .. } => self.license.agent(id),
            _ => None,
        }
    }

    /// The event that the command names, if the caller may know of it, and whoever is told of what happens to it.
    fn subject_event(&self, chat: &Chat, id: &EventId) -> Result<(&Event, Audience), Rejection> {
        let not_found = Rejection::NotFound("event");
        let Some(Subject::Event(event, thread)) = &self.subject else { return Err(not_found) };
        let is_customer = matches!(self.caller, Caller::Customer { .. });
        let hidden = is_customer && (event.visibility == Visibility::Agents || event.deleted);
        if event.id != *id || hidden {
            return Err(not_found);
        }
        can_see_thread(chat, thread, self.caller, self.license)?;
        let mut to = chat.audience_of(event);
        self.keep_those_who_see(chat, thread, &mut to.agents);
        Ok((event, to))
    }

    /// The earlier thread that the command names, if the caller may know of it.
    fn subject_thread(&self, chat: &Chat, id: &ThreadId) -> Result<&Thread, Rejection> {
        match &self.subject {
            Some(Subject::Thread(thread)) if thread.id == *id => {
                can_see_thread(chat, thread, self.caller, self.license)?;
                Ok(thread)
            }
            _ => Err(Rejection::NotFound("thread")),
        }
    }

    /// Whoever is told of what happens to an earlier thread: the agents who may see it, and the customer.
    fn audience_of_earlier(&self, chat: &Chat, thread: &Thread) -> Audience {
        let mut to = chat.members(Visibility::All);
        self.keep_those_who_see(chat, thread, &mut to.agents);
        Audience { groups: thread.access.group_ids.clone(), ..to }
    }

    fn keep_those_who_see(&self, chat: &Chat, thread: &Thread, agents: &mut Vec<AgentId>) {
        if chat.thread.as_ref().is_some_and(|last| last.id != thread.id) {
            agents.retain(|id| sees_earlier(chat, thread, id, Reach::Access, self.license));
        }
    }

    /// Refuses agents who are not in the chat, unless they said that it does not matter.
    fn check_presence(&self, chat: &Chat, ignore: bool) -> Result<(), Rejection> {
        match self.caller.user() {
            Some(user @ UserId::Agent(_)) if !ignore && chat.present_user(&user).is_none() => {
                Err(Rejection::MissingAccess("requester is not in the chat"))
            }
            _ => Ok(()),
        }
    }
}

/// May the caller see the chat? One that was never started does not exist.
///
/// # Errors
/// [`Rejection::MissingAccess`] for agents, [`Rejection::NotFound`] for customers and where there is no chat.
pub fn can_see(chat: &Chat, caller: &Caller, license: &License) -> Result<(), Rejection> {
    if chat.thread.is_none() {
        return Err(Rejection::NotFound("chat"));
    }
    match caller {
        Caller::Agent { id, reach } => {
            let present = || chat.present_user(&UserId::Agent(id.clone())).is_some();
            let shares = || license.agent(id).is_some_and(|agent| chat.admits(agent));
            if reach.extends_to(shares, present) {
                Ok(())
            } else {
                Err(Rejection::MissingAccess("requester has no access to the chat"))
            }
        }
        Caller::Customer { id, .. } => {
            let own = chat.customer().is_some_and(|(customer, _)| customer == id);
            if own { Ok(()) } else { Err(Rejection::NotFound("chat")) }
        }
        Caller::Server => Ok(()),
    }
}

/// May the caller see one of the chat's threads? Whoever sees the chat sees its last one. An earlier one keeps the groups that it
/// was open to: agents see it who share one of them, or who are in the chat now and were in that thread.
///
/// # Errors
/// As of [`can_see`].
pub fn can_see_thread(
    chat: &Chat,
    thread: &Thread,
    caller: &Caller,
    license: &License,
) -> Result<(), Rejection> {
    match caller {
        Caller::Agent { id, reach } if chat.thread.as_ref().is_some_and(|last| last.id != thread.id) => {
            if sees_earlier(chat, thread, id, *reach, license) {
                Ok(())
            } else {
                Err(Rejection::MissingAccess("requester has no access to the thread"))
            }
        }
        _ => can_see(chat, caller, license),
    }
}

fn sees_earlier(chat: &Chat, thread: &Thread, agent: &AgentId, reach: Reach, license: &License) -> bool {
    let user = UserId::Agent(agent.clone());
    let present = || chat.present_user(&user).is_some() && thread.user_ids.contains(&user);
    reach.extends_to(|| shares_group(&thread.access, agent, license), present)
}

/// May the caller, who sees a chat, see what was said in an earlier thread that was open to these groups?
pub fn can_see_earlier(access: &Access, caller: &Caller, license: &License) -> bool {
    match caller {
        Caller::Agent { id, reach } => reach.extends_to(|| shares_group(access, id, license), || false),
        Caller::Customer { .. } | Caller::Server => true,
    }
}

fn shares_group(access: &Access, agent: &AgentId, license: &License) -> bool {
    license.agent(agent).is_some_and(|agent| access.admits(agent.group_ids()))
}
