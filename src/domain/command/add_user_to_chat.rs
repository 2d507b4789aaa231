//! `add_user_to_chat` (agents, 3.6). Visibility `agents` is what older APIs called supervising (ruling C9).

use super::draft::Draft;
use super::open_thread::NewUser;
use super::{Caller, Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::UserId;
use crate::domain::push::{Audience, PushBody, ThreadEvents};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::user::ChatUser;

/// Puts a user into the active chat.
#[derive(Clone, Debug)]
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

/// Lets the user in, tells everybody, and gives a newcomer the whole chat.
fn join(draft: &mut Draft<'_>, user: ChatUser, adds_self: bool) -> Result<(), Rejection> {
    let context = draft.context;
    let first_agent = draft.chat.serving_agents().next().is_none();
    let was_queued = draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some());
    let saw_the_chat =
        Audience { agents: draft.chat.members(Visibility::Agents).agents, ..draft.chat.everybody() };
    draft.change(Change::UserAdded(user.clone()));
    if let UserId::Agent(agent) = &user.id
        && user.visibility == Visibility::All
    {
        draft.change(Change::Assigned(agent.clone()));
        if was_queued {
            let at = draft.time();
            draft.change(Change::Dequeued(at));
        }
    }
    let thread = draft.chat.active_thread().map(|thread| thread.id.clone());
    let body = PushBody::UserAddedToChat {
        chat: draft.chat.id.clone(),
        thread,
        user: Box::new(user.clone()),
        reason: "manual",
        requester: context.caller.user(),
    };
    let mut to = draft.chat.everybody();
    if user.visibility == Visibility::Agents {
        to.customers.clear();
    }
    draft.push(body, to);
    give_whole_chat(draft, saw_the_chat, &user);
    announce(draft, &user, adds_self, first_agent)
}

/// A newcomer who could not see the chat before learns all of it.
fn give_whole_chat(draft: &mut Draft<'_>, saw_the_chat: Audience, user: &ChatUser) {
    let to = match &user.id {
        UserId::Agent(id) => {
            Audience { agents: vec![id.clone()], except: Some(Box::new(saw_the_chat)), ..Audience::default() }
        }
        UserId::Customer(id) if !saw_the_chat.customers.contains(id) => {
            Audience { customers: vec![id.clone()], ..Audience::default() }
        }
        UserId::Customer(_) => return,
    };
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
            draft.system_message(ServerMessage::agent_joined(license.agent_name(id)))?;
        }
        UserId::Agent(id) => {
            draft.system_message(ServerMessage::agent_added(&initiator, license.agent_name(id)))?;
        }
        UserId::Customer(_) => {
            let name = user.profile.as_ref().map_or("Customer", |profile| profile.display_name()).to_owned();
            draft.system_message(ServerMessage::customer_added(&initiator, &name))?;
        }
    }
    Ok(())
}
