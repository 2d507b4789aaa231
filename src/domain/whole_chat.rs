//! Who is told all of a chat as it comes to them: one rule for what is told at once, and for what is told again.

use super::chat::Chat;
use super::event::Visibility;
use super::id::{AgentId, UserId};
use super::push::Audience;

/// The router gives the chat to an agent, who is told all of it, unless they were in it or followed it: whoever could
/// only see it has not been told what was said in it.
pub fn to_assigned(agent: &AgentId, before: &Chat) -> Audience {
    let knew_it = before.members(Visibility::Agents);
    Audience { agents: vec![agent.clone()], except: Some(Box::new(knew_it)), ..Audience::default() }
}

/// Somebody lets a user in, who is told all of the chat if they could not see it before; none if nobody is.
pub fn to_newcomer(user: &UserId, before: &Chat) -> Option<Audience> {
    let saw_it = before.everybody();
    match user {
        UserId::Agent(agent) => {
            let except = Some(Box::new(saw_it));
            Some(Audience { agents: vec![agent.clone()], except, ..Audience::default() })
        }
        UserId::Customer(customer) => (!saw_it.customers.contains(customer))
            .then(|| Audience { customers: vec![customer.clone()], ..Audience::default() }),
    }
}

/// The chat is handed on by hand: all who can see it now and could not before are told all of it.
pub fn to_gaining(before: &Chat, after: &Chat) -> Audience {
    Audience { customers: Vec::new(), except: Some(Box::new(before.everybody())), ..after.everybody() }
}
