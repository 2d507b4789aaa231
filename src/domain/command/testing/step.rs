//! What somebody does next.

use super::*;

/// The next step of somebody.
pub(crate) struct Step<'a> {
    pub(super) story: &'a mut Story,
    pub(crate) caller: Caller,
}

impl Step<'_> {
    pub(crate) fn gives(self, command: Command) -> Outcome {
        self.story.decide(self.caller, command)
    }

    /// A customer, by another application, or by one that an earlier version did not pass on.
    pub(crate) fn by(mut self, application: Option<&str>) -> Self {
        let Caller::Customer { client, .. } = &mut self.caller else { panic!("agents' tokens name none") };
        *client = application.map(ClientId::new);
        self
    }

    pub(crate) fn starts(self) -> Outcome {
        self.starts_with(plain())
    }

    pub(crate) fn starts_with(self, thread: NewThread) -> Outcome {
        self.gives(Command::StartChat(StartChat { thread }))
    }

    pub(crate) fn resumes(self) -> Outcome {
        self.resumes_with(plain())
    }

    pub(crate) fn resumes_with(self, thread: NewThread) -> Outcome {
        self.gives(Command::ResumeChat(ResumeChat { thread }))
    }

    pub(crate) fn sends(self, text: &str) -> Outcome {
        self.sends_event(message(text))
    }

    pub(crate) fn sends_event(self, event: NewEvent) -> Outcome {
        self.gives(Command::SendEvent(SendEvent { event, attach_to_last_thread: false }))
    }

    pub(crate) fn attaches(self, text: &str) -> Outcome {
        self.gives(Command::SendEvent(SendEvent { event: message(text), attach_to_last_thread: true }))
    }

    /// To agents only.
    pub(crate) fn whispers(self, text: &str) -> Outcome {
        self.sends_event(hidden(message(text)))
    }

    pub(crate) fn closes(self) -> Outcome {
        self.gives(Command::DeactivateChat(DeactivateChat { ignore_requester_presence: false }))
    }

    /// Comes into the chat; seen by everybody.
    pub(crate) fn joins(self) -> Outcome {
        self.joins_as(Visibility::All)
    }

    /// Comes into the chat; the customer does not learn of it.
    pub(crate) fn supervises(self) -> Outcome {
        self.joins_as(Visibility::Agents)
    }

    fn joins_as(self, visibility: Visibility) -> Outcome {
        let Caller::Agent { id, .. } = &self.caller else { panic!("only agents join") };
        let user = NewUser::Agent(id.clone());
        self.gives(Command::AddUserToChat(AddUserToChat {
            user,
            visibility,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn adds(self, user: NewUser) -> Outcome {
        let visibility = Visibility::All;
        self.gives(Command::AddUserToChat(AddUserToChat {
            user,
            visibility,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn removes(self, agent: &str) -> Outcome {
        let agent = agent_id(agent);
        self.gives(Command::RemoveUserFromChat(RemoveUserFromChat {
            agent,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn follows(self) -> Outcome {
        self.gives(Command::FollowChat(FollowChat))
    }

    pub(crate) fn unfollows(self) -> Outcome {
        self.gives(Command::UnfollowChat(UnfollowChat))
    }

    pub(crate) fn transfers(self, to: TransferTo) -> Outcome {
        self.gives(Command::TransferChat(TransferChat {
            to,
            ignore_agents_availability: true,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn has_seen(self, seen_up_to: Timestamp) -> Outcome {
        self.gives(Command::MarkEventsAsSeen(MarkEventsAsSeen { seen_up_to }))
    }

    pub(crate) fn types(self, visibility: Visibility) -> Outcome {
        self.gives(Command::SendTypingIndicator(SendTypingIndicator { visibility, is_typing: true }))
    }

    pub(crate) fn sets(self, target: Target, properties: Properties) -> Outcome {
        self.gives(Command::UpdateProperties(UpdateProperties { target, properties }))
    }

    pub(crate) fn deletes(self, target: Target, namespace: &str, name: &str) -> Outcome {
        let names = BTreeMap::from([(namespace.to_owned(), vec![name.to_owned()])]);
        self.gives(Command::DeleteProperties(DeleteProperties { target, names }))
    }

    /// The chat waited, or is new.
    pub(crate) fn assigns(self, agent: &str) -> Outcome {
        let command = AssignAgent { agent: agent_id(agent), replaces: Vec::new(), cause: None };
        self.gives(Command::AssignAgent(command))
    }

    /// Another agent had the chat.
    pub(crate) fn assigns_instead_of(self, agent: &str, earlier: &str, cause: LeaveCause) -> Outcome {
        let replaces = vec![agent_id(earlier)];
        let command = AssignAgent { agent: agent_id(agent), replaces, cause: Some(cause) };
        self.gives(Command::AssignAgent(command))
    }

    pub(crate) fn unassigns(self, agent: &str, cause: LeaveCause) -> Outcome {
        self.gives(Command::UnassignAgent(UnassignAgent {
            agents: vec![agent_id(agent)],
            cause,
            archive: false,
            place: None,
        }))
    }

    pub(crate) fn archives_after(self, agent: &str, cause: LeaveCause) -> Outcome {
        self.gives(Command::UnassignAgent(UnassignAgent {
            agents: vec![agent_id(agent)],
            cause,
            archive: true,
            place: None,
        }))
    }

    pub(crate) fn customer_is_connected(self, is_connected: bool) -> Outcome {
        self.gives(Command::CustomerPresence(CustomerPresence { is_connected }))
    }

    pub(crate) fn closes_if_inactive(self) -> Outcome {
        self.gives(Command::HeedSilence(HeedSilence))
    }
}
