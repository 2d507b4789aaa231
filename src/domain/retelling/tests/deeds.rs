//! Whatever may be done to a chat, by chance.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::change::Target;
use crate::domain::command::testing::*;
use crate::domain::command::{
    AddUserToChat, AssignAgent, CloseBanned, Command, CustomerPresence, DeactivateChat, DeleteEvent,
    DeleteProperties, FollowChat, HeedSilence, LeaveCause, MarkEventsAsSeen, NewUser, Reach,
    RemoveUserFromChat, ResumeChat, Route, SendEvent, SendRichMessagePostback, TagThread, TransferChat,
    TransferTo, UnassignAgent, UnfollowChat, UntagThread, UpdateCustomer, UpdateProperties,
};
use crate::domain::event::{Button, Element, EventBody, NewEvent, SystemMessage, Visibility};
use crate::domain::id::{EventId, ThreadId};
use crate::domain::properties::PropertyValue;
use crate::domain::push::Pressed;
use crate::domain::time::Timestamp;

const AGENTS: [&str; 4] = ["smith", "brown", "jones", "bot"];
/// How many of the last events something may happen to.
const EVENTS: usize = 4;

/// One thing that is done, if it can be done.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// Does it, unless the server does.
    caller: &'static str,
    act: Act,
    /// Whom it is about.
    agent: &'static str,
    /// Which of the last events, if it is about one.
    event: usize,
    is_hidden: bool,
    flag: bool,
    /// A small number that says more.
    choice: usize,
    /// The router's word, if it is asked.
    route: usize,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Says,
    SaysAsTheServer,
    Asks,
    Annotates,
    Attaches,
    Closes,
    Resumes,
    Adds,
    Removes,
    Follows,
    Unfollows,
    Transfers,
    HasSeen,
    Sets,
    Deletes,
    TakesBack,
    Presses,
    Tags,
    Untags,
    RouterAssigns,
    RouterReplaces,
    RouterUnassigns,
    Presence,
    Silence,
    Ban,
    Renames,
}

const ACTS: [Act; 26] = [
    Act::Says,
    Act::SaysAsTheServer,
    Act::Asks,
    Act::Annotates,
    Act::Attaches,
    Act::Closes,
    Act::Resumes,
    Act::Adds,
    Act::Removes,
    Act::Follows,
    Act::Unfollows,
    Act::Transfers,
    Act::HasSeen,
    Act::Sets,
    Act::Deletes,
    Act::TakesBack,
    Act::Presses,
    Act::Tags,
    Act::Untags,
    Act::RouterAssigns,
    Act::RouterReplaces,
    Act::RouterUnassigns,
    Act::Presence,
    Act::Silence,
    Act::Ban,
    Act::Renames,
];

/// Up to twenty deeds.
pub(super) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let callers = ["smith", "brown", "jones", "bot", "kate", "kate"];
    let caller = (0..callers.len()).prop_map(move |place| callers[place]);
    let act = (0..ACTS.len()).prop_map(|place| ACTS[place]);
    let agent = (0..AGENTS.len()).prop_map(|place| AGENTS[place]);
    let deed = (caller, act, agent, 0..EVENTS, any::<bool>(), any::<bool>(), 0..6_usize, 0..3_usize);
    let deed = deed.prop_map(|(caller, act, agent, event, is_hidden, flag, choice, route)| Deed {
        caller,
        act,
        agent,
        event,
        is_hidden,
        flag,
        choice,
        route,
    });
    vec(deed, 1..20)
}

impl Deed {
    pub(super) fn take_place(&self, story: &mut Story) -> Outcome {
        match self.route {
            0 => story.router_queues(),
            1 => story.router_assigns(self.agent),
            _ => story.router_says(Route::Unrouted),
        };
        let is_by_server = matches!(
            self.act,
            Act::RouterAssigns | Act::RouterReplaces | Act::RouterUnassigns | Act::Presence | Act::Silence
        );
        story.rules.idle_after = std::time::Duration::from_secs(60);
        story.rules.customer_gone_after = std::time::Duration::from_secs(600);
        story.wait(if self.flag && self.choice == 0 { 61 } else { 1 });
        let number = story.events.len().checked_sub(1 + self.event);
        let event = number.map(|number| story.events[number].id.clone());
        let (thread, end) = (story.thread_id(), story.now);
        let command = self.command(event, thread, end);
        let step = match self.caller {
            _ if is_by_server => story.server(),
            // Nobody else has the method.
            _ if matches!(self.act, Act::TakesBack) => story.customer(),
            "kate" => story.customer(),
            name => story.agent_reaching(name, Reach::All),
        };
        step.gives(command)
    }

    fn command(&self, event: Option<EventId>, thread: ThreadId, end: Timestamp) -> Command {
        let agent = agent_id(self.agent);
        let visibility = if self.is_hidden { Visibility::Agents } else { Visibility::All };
        let ignore_requester_presence = self.flag;
        let cause = [LeaveCause::SignedOut, LeaveCause::Inactive, LeaveCause::Other][self.choice % 3];
        let target = match (self.choice % 3, &event) {
            (0, Some(event)) => Target::Event(event.clone()),
            (1, _) => Target::Thread(thread.clone()),
            _ => Target::Chat,
        };
        match (self.act, event) {
            (Act::Says, _) => self.says(message("hello"), false),
            (Act::SaysAsTheServer, _) => {
                let kind = ["routing.assigned", "chat_transferred", "other"][self.choice % 3];
                let (system_message_type, text) = (kind.to_owned(), Some("said by an agent".to_owned()));
                let said = SystemMessage { system_message_type, text, text_vars: None };
                self.says(self::event(EventBody::SystemMessage(said)), false)
            }
            (Act::Asks, _) => {
                let button = Button {
                    text: "Yes".to_owned(),
                    kind: None,
                    value: None,
                    webview_height: None,
                    postback_id: "yes".to_owned(),
                    user_ids: Vec::new(),
                    target: None,
                };
                let elements = vec![Element { buttons: Some(vec![button]), ..Element::default() }];
                let template_id = "quick_replies".to_owned();
                self.says(self::event(EventBody::RichMessage { template_id, elements }), false)
            }
            (Act::Annotates, _) => self.says(annotation("well"), false),
            (Act::Attaches, _) => self.says(message("one more thing"), true),
            (Act::Closes, _) => Command::DeactivateChat(DeactivateChat { ignore_requester_presence }),
            (Act::Resumes, _) => Command::ResumeChat(ResumeChat { thread: plain() }),
            (Act::Adds, _) => {
                let user = NewUser::Agent(agent);
                Command::AddUserToChat(AddUserToChat { user, visibility, ignore_requester_presence })
            }
            (Act::Removes, _) => {
                Command::RemoveUserFromChat(RemoveUserFromChat { agent, ignore_requester_presence })
            }
            (Act::Unfollows, _) => Command::UnfollowChat(UnfollowChat),
            (Act::Transfers, _) => Command::TransferChat(TransferChat {
                to: match self.choice {
                    0 => TransferTo::Anybody,
                    1 | 2 => TransferTo::Agents(vec![agent]),
                    other => TransferTo::Groups(groups(&[other as i64 - 3]).group_ids),
                },
                ignore_agents_availability: true,
                ignore_requester_presence,
            }),
            (Act::HasSeen, _) => Command::MarkEventsAsSeen(MarkEventsAsSeen { seen_up_to: end }),
            (Act::Sets, _) => {
                let properties = property("test", "int_property", PropertyValue::Int(1));
                Command::UpdateProperties(UpdateProperties { target, properties })
            }
            (Act::Deletes, _) => {
                let names = BTreeMap::from([("test".to_owned(), vec!["int_property".to_owned()])]);
                Command::DeleteProperties(DeleteProperties { target, names })
            }
            (Act::TakesBack, Some(event)) => Command::DeleteEvent(DeleteEvent { event }),
            (Act::Presses, Some(event)) => {
                let postback = Pressed {
                    id: "yes".to_owned(),
                    toggled: self.flag,
                    button_type: None,
                    button_value: None,
                    ecommerce: None,
                };
                Command::SendRichMessagePostback(SendRichMessagePostback { event, postback })
            }
            (Act::Tags, _) => Command::TagThread(TagThread { thread, tag: "sale".to_owned() }),
            (Act::Untags, _) => Command::UntagThread(UntagThread { thread, tag: "sale".to_owned() }),
            (Act::RouterAssigns, _) => {
                Command::AssignAgent(AssignAgent { agent, replaces: Vec::new(), cause: None })
            }
            (Act::RouterReplaces, _) => {
                let replaces = AGENTS.map(agent_id).into_iter().collect();
                Command::AssignAgent(AssignAgent { agent, replaces, cause: Some(cause) })
            }
            (Act::RouterUnassigns, _) => {
                let agents = AGENTS.map(agent_id).into_iter().collect();
                Command::UnassignAgent(UnassignAgent {
                    agents,
                    cause,
                    archive: self.choice == 0,
                    place: None,
                })
            }
            (Act::Presence, _) => Command::CustomerPresence(CustomerPresence { is_connected: self.flag }),
            (Act::Silence, _) => Command::HeedSilence(HeedSilence),
            (Act::Ban, _) => Command::CloseBanned(CloseBanned { days: 1 }),
            (Act::Renames, _) => {
                let mut customer = customer_named("kate");
                customer.profile.name = Some(format!("Kate {}", self.choice));
                let by = self.flag.then_some(agent);
                Command::UpdateCustomer(UpdateCustomer { customer, by })
            }
            (Act::Follows, _) | (Act::TakesBack | Act::Presses, None) => Command::FollowChat(FollowChat),
        }
    }

    fn says(&self, event: NewEvent, attach_to_last_thread: bool) -> Command {
        let event = if self.is_hidden { hidden(event) } else { event };
        Command::SendEvent(SendEvent { event, attach_to_last_thread })
    }
}
