//! The texts that the server itself puts into threads (`system-messages.json`; the seeds' for `agent_joined`).

use std::collections::BTreeMap;

use super::event::{EventBody, SystemMessage};

/// A system message the server makes: its type, its template, the values for it.
#[derive(Clone, Debug)]
pub struct ServerMessage<'a> {
    kind: &'static str,
    template: &'static str,
    vars: Vec<(&'static str, &'a str)>,
}

macro_rules! server_messages {
    ($($(#[$doc:meta])* $name:ident($($var:ident),*) = $kind:literal, $template:literal;)*) => {
        impl<'a> ServerMessage<'a> {
            $(
                $(#[$doc])*
                pub fn $name($($var: &'a str),*) -> Self {
                    Self { kind: $kind, template: $template, vars: vec![$((stringify!($var), $var)),*] }
                }
            )*

            /// Type and template of every message, for the test that compares them with the table.
            pub const ALL: &'static [(&'static str, &'static str)] = &[$(($kind, $template)),*];
        }
    };
}

server_messages! {
    /// Another agent was put in.
    agent_added(initiator, agent) = "agent_added", "%initiator% added %agent% to the chat";
    /// An agent came in by themselves.
    agent_joined(agent) = "agent_joined", "%agent% joined the chat";
    /// An agent left.
    agent_left(agent) = "agent_left", "%agent% left the chat";
    /// An agent was put out.
    agent_removed(initiator, agent) = "agent_removed", "%initiator% removed %agent% from the chat";
    /// A customer was put in.
    customer_added(initiator, customer) = "customer_added", "%initiator% added %customer% to the chat";
    /// An agent changed the customer's name.
    customer_renamed(initiator, customer_name) = "customer_updated", "%initiator% has changed customer's name to %customer_name%";
    /// An agent changed the customer's e-mail address.
    customer_readdressed(initiator, customer_email) = "customer_updated", "%initiator% has changed customer's email to %customer_email%";
    /// An agent changed both.
    customer_renamed_and_readdressed(initiator, customer_name, customers_email) = "customer_updated", "%initiator% has changed customer's name and email to %customer_name%, %customers_email%";
    /// An agent handed the chat on.
    chat_transferred(initiator, targets) = "chat_transferred", "%initiator% transferred the chat to %targets%";
    /// Closed by an agent.
    manual_archived_agent(agent) = "manual_archived_agent", "%agent% archived the chat";
    /// Closed by the customer.
    manual_archived_customer(customer) = "manual_archived_customer", "%customer% archived the chat";
    /// The customer rated.
    chat_rated(customer, score) = "rating.chat_rated", "%customer% rated the chat as %score%";
    /// The customer gave a reason for the rating.
    chat_commented(customer, comment) = "rating.chat_commented", "%customer% left the following comment: %comment%";
    /// The customer took the rating back.
    chat_rating_canceled(customer) = "rating.chat_rating_canceled", "%customer% canceled the chat rating";
    /// Closed for silence.
    archived_inactive(duration) = "routing.archived_inactive", "Chat archived due to %duration% minutes of inactivity";
    /// The agent signed out, the queue is off.
    archived_signed_out(agent) = "routing.archived_signed_out", "The chat was closed because %agent% had signed out";
    /// The agent was signed out by somebody else, the queue is off.
    archived_remotely_signed_out(agent) = "routing.archived_remotely_signed_out", "The chat was closed because %agent% had been remotely signed out";
    /// The agent's connection dropped, the queue is off.
    archived_disconnected(agent) = "routing.archived_disconnected", "The chat was closed because %agent% had lost internet connection";
    /// The agent was deleted, the queue is off.
    archived_deleted(agent) = "routing.archived_deleted", "The chat was closed because %agent% account had been deleted";
    /// The agent left, the queue is off.
    archived_other() = "routing.archived_other", "The chat was closed";
    /// Queued, and nobody is left.
    archived_offline() = "routing.archived_offline", "Chat archived due to no available agents";
    /// Given to an agent.
    assigned(agent) = "routing.assigned", "Chat assigned to %agent%";
    /// Given on for another reason (the table has no wording of its own for it).
    assigned_other(agent) = "routing.assigned_other", "Chat assigned to %agent%";
    /// Nobody said anything; the agent's slot is free.
    idle(duration) = "routing.idle", "Chat is idle due to %duration% minutes of inactivity";
    /// Closed, since the customer is gone.
    archived_customer_disconnected(customer) = "archived_customer_disconnected", "%customer% left the chat";
    /// Closed by a ban.
    customer_banned(agent, duration) = "customer_banned", "Chat archived because customer was banned by %agent% for %duration% day(s)";
    /// Given on because the earlier agent signed out.
    assigned_signed_out(agent_added, agent_removed) = "routing.assigned_signed_out", "Chat assigned to %agent_added% because %agent_removed% had signed out";
    /// Given on because the earlier agent was signed out by somebody else.
    assigned_remotely_signed_out(agent_added, agent_removed) = "routing.assigned_remotely_signed_out", "Chat assigned to %agent_added% because %agent_removed% had been remotely signed out";
    /// Given on because the earlier agent's connection dropped.
    assigned_disconnected(agent_added, agent_removed) = "routing.assigned_disconnected", "Chat assigned to %agent_added% because %agent_removed% had lost internet connection";
    /// Given on because the earlier agent was deleted.
    assigned_deleted(agent_added, agent_removed) = "routing.assigned_deleted", "Chat assigned to %agent_added% because %agent_removed% account had been deleted";
    /// Given on because the earlier agent did not answer.
    assigned_inactive(agent_added, agent_removed, duration) = "routing.assigned_inactive", "Chat assigned to %agent_added% because %agent_removed% hasn't replied in %duration% minutes";
    /// Waiting again: the agent signed out.
    unassigned_signed_out(agent) = "routing.unassigned_signed_out", "Customer was queued because %agent% had signed out";
    /// Waiting again: the agent was signed out by somebody else.
    unassigned_remotely_signed_out(agent) = "routing.unassigned_remotely_signed_out", "Customer was queued because %agent% had been remotely signed out";
    /// Waiting again: the agent's connection dropped.
    unassigned_disconnected(agent) = "routing.unassigned_disconnected", "Customer was queued because %agent% had lost internet connection";
    /// Waiting again: the agent was deleted.
    unassigned_deleted(agent) = "routing.unassigned_deleted", "Customer was queued because %agent% account has been deleted";
    /// Waiting again.
    unassigned_other() = "routing.unassigned_other", "Chat is unassigned";
    /// Waiting again: the agent did not answer.
    unassigned_inactive(agent, duration) = "routing.unassigned", "Chat is unassigned because %agent% hasn't replied in %duration% minutes";
    /// The customer wants a transcript.
    transcript_requested(customer, email) = "transcript_requested", "%customer% requested the chat transcript to be sent to %email%";
    /// The thread ended, and the customer gets a transcript.
    transcript_sent(customer, email) = "transcript_sent", "%customer% sent the chat transcript to %email%";
    /// Waiting.
    unassigned() = "routing.unassigned", "Chat is unassigned";
}

impl ServerMessage<'_> {
    /// The message as an event's body.
    pub fn into_body(self) -> EventBody {
        // One pass over the template: a value that looks like a variable stays what it is.
        let mut text = String::with_capacity(self.template.len() + 32);
        for (position, part) in self.template.split('%').enumerate() {
            let value = self.vars.iter().find(|(name, _)| position % 2 == 1 && *name == part);
            text.push_str(value.map_or(part, |(_, value)| value));
        }
        let vars: BTreeMap<_, _> =
            self.vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        EventBody::SystemMessage(SystemMessage {
            system_message_type: self.kind.to_owned(),
            text: Some(text),
            text_vars: (!vars.is_empty()).then_some(vars),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_template_with_its_variables() {
        let EventBody::SystemMessage(message) = ServerMessage::agent_added("Ann", "Ben").into_body() else {
            panic!("a system message");
        };
        assert_eq!(message.text.as_deref(), Some("Ann added Ben to the chat"));
        let vars = message.text_vars.expect("variables");
        assert_eq!(vars["agent"], "Ben");
    }

    #[test]
    fn types_and_texts_are_those_of_the_table() {
        let table = include_str!("../../tests/protocol/system-messages.json");
        let table: serde_json::Value = serde_json::from_str(table).expect("JSON");
        let rows = |key: &str| table[key].as_array().cloned().unwrap_or_default();
        let rows: Vec<_> = rows("types").into_iter().chain(rows("older_types")).collect();
        for (kind, template) in ServerMessage::ALL {
            // Older texts write `<agent_name>` for `%agent%`.
            let same = |text: &serde_json::Value| {
                let modern = |text: &str| {
                    text.replace("<agent_name>", "%agent%").replace("<minutes_number>", "%duration%")
                };
                text.as_str().is_some_and(|text| modern(text) == *template)
            };
            // Its row repeats the text of another type by mistake, and advises this one's.
            let texts_of = if *kind == "routing.assigned_other" { "routing.assigned" } else { *kind };
            let listed = rows.iter().filter(|row| row["system_message_type"] == texts_of);
            let texts = listed.map(|row| &row["text"]);
            let found = texts
                .clone()
                .any(|text| same(text) || text.as_array().is_some_and(|all| all.iter().any(same)));
            assert!(found, "{kind}: {template}: {:?}", texts.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_name_that_looks_like_a_variable_is_not_filled_in_twice() {
        let EventBody::SystemMessage(message) = ServerMessage::agent_added("%agent%", "Ben").into_body()
        else {
            panic!("a system message");
        };
        assert_eq!(message.text.as_deref(), Some("%agent% added Ben to the chat"));
    }
}
