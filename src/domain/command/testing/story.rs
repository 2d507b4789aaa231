//! One chat with its clock, as a story is told of it.

use super::*;

/// A chat, its license, a clock, and everything that was stored.
pub(crate) struct Story {
    pub(crate) chat: Chat,
    pub(crate) license: License,
    pub(crate) rules: ChatRules,
    pub(crate) now: Timestamp,
    /// What would be stored: rows with the thread whose log takes them.
    pub(crate) rows: Vec<(ThreadId, Vec<Change>)>,
    /// Every event so far, in order.
    pub(crate) events: Vec<Arc<Event>>,
    /// From where which customer came.
    pub(crate) visit: Option<(CustomerId, Provenance)>,
    route: Option<Route>,
    ids: SeededIds,
    operations: RecentOperations,
}

impl Story {
    /// A chat that has no thread yet.
    pub(crate) fn new() -> Self {
        let ids = SeededIds::default();
        Self {
            chat: Chat::new(ids.chat(), LicenseId(1001)),
            license: demo_license(),
            rules: ChatRules {
                thread_inactivity_timeout: Duration::from_secs(30 * 60),
                continuous_inactivity_timeout: Duration::from_secs(30 * 60),
                idle_after: Duration::ZERO,
                customer_gone_after: Duration::ZERO,
                unreplied_transfer_after: Duration::from_secs(5 * 60),
                inactive_send: InactiveSend::NewThread,
                manual_routing: false,
                events: EventLimits { max_size: 16 * 1024 },
                thread: ThreadLimits { events: 20_000, bytes: 8 << 20 },
                mails_transcripts: false,
            },
            now: Timestamp(1_700_000_000_000_000),
            rows: Vec::new(),
            events: Vec::new(),
            visit: None,
            route: None,
            ids,
            operations: RecentOperations::default(),
        }
    }

    /// Kate's chat, which the router gave to smith.
    pub(crate) fn with_smith() -> Self {
        let mut story = Self::new();
        story.router_assigns("smith").customer().starts().done();
        story
    }

    /// As [`Story::with_smith`]; the customer asked something that nobody has answered.
    pub(crate) fn asked() -> Self {
        let mut story = Self::with_smith();
        story.customer().sends("may I ask something?").done();
        story
    }

    /// As [`Story::with_smith`], closed by the customer.
    pub(crate) fn closed() -> Self {
        let mut story = Self::with_smith();
        story.customer().closes().done();
        story
    }

    /// Adds agents of group 0 only.
    pub(crate) fn hires(&mut self, names: &[&str]) {
        for name in names {
            self.license.agents.insert(agent_id(name), an_agent(name, &[], AgentKind::Human));
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_secs(seconds));
        self
    }

    /// The clock of the machine is set back.
    pub(crate) fn clock_jumps_back(&mut self, seconds: i64) -> &mut Self {
        self.now = Timestamp(self.now.0 - seconds * 1_000_000);
        self
    }

    pub(crate) fn router_says(&mut self, route: Route) -> &mut Self {
        self.route = Some(route);
        self
    }

    pub(crate) fn router_assigns(&mut self, agent: &str) -> &mut Self {
        self.router_says(Route::Assign(agent_id(agent)))
    }

    pub(crate) fn router_queues(&mut self) -> &mut Self {
        self.router_says(Route::Queue(Some(QueuePlace { position: 1, wait_time: 60, queued_at: None })))
    }

    /// An agent whose token reaches the chats of their groups.
    pub(crate) fn agent(&mut self, name: &str) -> Step<'_> {
        self.agent_reaching(name, Reach::Access)
    }

    pub(crate) fn agent_reaching(&mut self, name: &str, reach: Reach) -> Step<'_> {
        let caller = Caller::Agent { id: agent_id(name), reach };
        Step { story: self, caller }
    }

    /// Kate.
    pub(crate) fn customer(&mut self) -> Step<'_> {
        self.customer_named("kate")
    }

    pub(crate) fn customer_named(&mut self, name: &str) -> Step<'_> {
        let Customer { id, profile } = customer_named(name);
        let (profile, client) = (Some(Box::new(profile)), Some(client_of(name)));
        Step { story: self, caller: Caller::Customer { id, profile, client } }
    }

    /// The router, or a timer.
    pub(crate) fn server(&mut self) -> Step<'_> {
        Step { story: self, caller: Caller::Server }
    }

    pub(crate) fn thread(&self) -> &Thread {
        self.chat.thread.as_ref().expect("a thread")
    }

    pub(crate) fn thread_id(&self) -> ThreadId {
        self.thread().id.clone()
    }

    pub(crate) fn last_event(&self) -> &Event {
        self.events.last().expect("an event")
    }

    /// Type and text of the last event, a system message.
    pub(crate) fn last_system_message(&self) -> (&str, &str) {
        self.system_messages().pop().expect("a system message")
    }

    /// Type and text of every system message.
    pub(crate) fn system_messages(&self) -> Vec<(&str, &str)> {
        self.events.iter().filter_map(|event| system_message(event)).collect()
    }

    pub(crate) fn is_present(&self, name: &str) -> bool {
        self.chat.present_user(&user_id(name)).is_some()
    }

    pub(crate) fn seen_up_to(&self, name: &str) -> Option<Timestamp> {
        self.chat.user(&user_id(name)).and_then(|user| user.seen_up_to)
    }

    pub(crate) fn serving(&self) -> Vec<AgentId> {
        self.chat.serving_agents().cloned().collect()
    }

    /// The chat as the rows of its last thread give it, each written and read back.
    pub(crate) fn reloaded(&self) -> Chat {
        let mut chat = Chat::new(self.chat.id.clone(), self.chat.license);
        for change in self.stored_changes() {
            chat.apply(&change);
        }
        chat
    }

    fn stored_changes(&self) -> Vec<Change> {
        let last = self.chat.thread.as_ref().map(|thread| &thread.id);
        let rows = self.rows.iter().filter(|(thread, _)| Some(thread) == last);
        rows.flat_map(|(_, changes)| {
            let row = serde_json::to_vec(changes).expect("a row");
            serde_json::from_slice::<Vec<Change>>(&row).expect("the row again")
        })
        .collect()
    }

    /// Forgets the recent sends and learns them again from the logs of this and the previous thread.
    pub(crate) fn restart(&mut self) {
        self.chat = self.reloaded();
        self.operations = RecentOperations::default();
        let thread = self.thread();
        let kept = [thread.previous_thread_id.clone(), Some(thread.id.clone())];
        for (_, changes) in self.rows.iter().filter(|(thread, _)| kept.contains(&Some(thread.clone()))) {
            for change in changes {
                if let Change::EventAdded(event) = change {
                    self.operations.remember(event);
                }
            }
        }
    }

    /// What the actor would read for the command.
    fn subject(&self, request: SubjectRequest) -> Option<Subject> {
        match request {
            SubjectRequest::Event(id) => {
                let found = self.events.iter().find(|event| event.id == id)?;
                let thread = self.thread_in_log(&id.thread)?;
                Some(Subject::Event(Box::new((**found).clone()), Box::new(thread)))
            }
            SubjectRequest::Thread(id) => Some(Subject::Thread(Box::new(self.thread_in_log(&id)?))),
            SubjectRequest::Visit(id) => {
                let (customer, visit) = self.visit.as_ref()?;
                (*customer == id).then(|| Subject::Visit(Box::new(visit.clone())))
            }
        }
    }

    /// A thread as the rows of its own log give it.
    fn thread_in_log(&self, id: &ThreadId) -> Option<Thread> {
        let mut chat = Chat::new(self.chat.id.clone(), self.chat.license);
        for (_, changes) in self.rows.iter().filter(|(thread, _)| thread == id) {
            changes.iter().for_each(|change| chat.apply(change));
        }
        chat.thread
    }

    pub(super) fn decide(&mut self, caller: Caller, command: Command) -> Outcome {
        let asks_router = command.route_request(&self.chat, &caller, &self.license).is_some();
        let subject = command.subject_request(&self.chat).and_then(|request| self.subject(request));
        let context = Context {
            now: self.now,
            license: &self.license,
            rules: &self.rules,
            ids: &self.ids,
            caller: &caller,
            operations: &self.operations,
            route: if asks_router { self.route.take() } else { None },
            subject,
        };
        let result = command.decide(&self.chat, &context);
        if let Ok(decision) = &result {
            self.store(decision);
        }
        Outcome { result, license: self.license.clone() }
    }

    /// As the actor does it: what changes an earlier thread is a row of that one's log, and where it is told, of the last one's.
    fn store(&mut self, decision: &Decision) {
        let is_of_last = decision.older_thread.is_none() || !decision.pushes.is_empty();
        for change in &decision.changes {
            if is_of_last {
                self.chat.apply(change);
            }
            if let Change::EventAdded(event) = change {
                self.operations.remember(event);
                self.events.push(event.clone());
            }
            if let Change::EventDeleted(id) = change {
                let deleted = self.events.iter_mut().find(|event| event.id == *id);
                deleted.into_iter().for_each(|event| Arc::make_mut(event).deleted = true);
            }
        }
        if !decision.changes.is_empty() {
            if let Some(older) = &decision.older_thread {
                self.rows.push((older.clone(), decision.changes.clone()));
            }
            if is_of_last {
                self.rows.push((self.thread_id(), decision.changes.clone()));
            }
        }
    }
}

fn system_message(event: &Event) -> Option<(&str, &str)> {
    match &event.body {
        EventBody::SystemMessage(message) => {
            Some((&message.system_message_type, message.text.as_deref().unwrap_or_default()))
        }
        _ => None,
    }
}
