//! Rules that hold after any sequence of commands, tried on random ones by several agents and a customer.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::change::{Change, Target};
use super::chat::Chat;
use super::command::testing::*;
use super::command::*;
use super::event::{EventBody, EventKind, NewEvent, SystemMessage, Visibility};
use super::id::{ThreadId, UserId};
use super::properties::PropertyValue;
use super::push::{Push, PushBody};
use super::replaced::Replaced;
use super::thread_limits::{Extent, Need, ThreadLimits, bytes_of};
use super::time::Timestamp;
use super::transcript;

/// One step of a random story.
#[derive(Clone, Debug)]
struct Move {
    who: Who,
    what: What,
    /// Microseconds until then; negative when the clock is set back.
    after: i64,
    /// What the router says if it is asked.
    route: Option<Route>,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Agent(&'static str, Reach),
    Customer(&'static str),
    Server,
}

#[derive(Clone, Debug)]
enum What {
    Start(NewThread),
    Resume(NewThread),
    Send(NewEvent, bool),
    Close(bool),
    Follow,
    Unfollow,
    Transfer(TransferTo, bool),
    Add(NewUser, Visibility, bool),
    Remove(&'static str, bool),
    Seen(i64),
    Type(Visibility),
    Peek,
    /// A property of the chat (0), a thread (odd) or an event (even), by number from the end.
    Set(usize, bool),
    Delete(usize),
    /// A transcript of the last thread, or not any more.
    Want(bool),
    /// The first transcript that is owed is mailed.
    Mail,
    Rename(&'static str),
    Assign(&'static str, Vec<&'static str>, Option<LeaveCause>),
    Unassign(Vec<&'static str>, LeaveCause, bool),
    HeedSilence,
    Restart,
}

const AGENTS: [&str; 4] = ["smith", "brown", "bot", "nobody"];

fn agent() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&AGENTS[..])
}

fn visibility() -> impl Strategy<Value = Visibility> {
    prop_oneof![3 => Just(Visibility::All), 1 => Just(Visibility::Agents)]
}

fn who() -> impl Strategy<Value = Who> {
    let reach = prop_oneof![
        4 => Just(Reach::Access),
        3 => Just(Reach::All),
        1 => Just(Reach::My),
        1 => Just(Reach::Nothing)
    ];
    prop_oneof![
        8 => (prop::sample::select(&AGENTS[..3]), reach).prop_map(|(name, reach)| Who::Agent(name, reach)),
        6 => Just(Who::Customer("kate")),
        1 => Just(Who::Customer("pete")),
        2 => Just(Who::Server),
    ]
}

fn new_event() -> impl Strategy<Value = NewEvent> {
    let system = SystemMessage { system_message_type: "own".to_owned(), text: None, text_vars: None };
    let body = prop_oneof![
        6 => (0..3u8).prop_map(|n| message(n.to_string()).body),
        2 => Just(annotation("5 of 5").body),
        1 => Just(EventBody::SystemMessage(system)),
        1 => Just(EventBody::Custom { content: Some(json(r#"{ "a": [1, "ä"] }"#)) }),
        1 => Just(message("x".repeat(16_385)).body),
    ];
    let custom_id = prop::option::of((0..3u8).prop_map(|n| n.to_string().into()));
    (body, custom_id, visibility()).prop_map(|(body, custom_id, visibility)| NewEvent {
        custom_id,
        visibility,
        ..event(body)
    })
}

fn new_thread() -> impl Strategy<Value = NewThread> {
    let access = prop::option::of(prop::sample::select(vec![
        groups(&[0]),
        groups(&[1]),
        groups(&[2]),
        groups(&[1, 2]),
        groups(&[9]),
    ]));
    let user = prop_oneof![
        2 => Just(customer("kate")),
        1 => Just(customer("pete")),
        2 => agent().prop_map(|name| NewUser::Agent(agent_id(name))),
    ];
    (
        access,
        prop::collection::vec(user, 0..2),
        prop::collection::vec(new_event(), 0..3),
        prop::bool::weighted(0.85),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(access, users, events, active, continuous)| NewThread {
            access,
            users,
            events,
            active,
            continuous,
            ..NewThread::default()
        })
}

fn target() -> impl Strategy<Value = TransferTo> {
    prop_oneof![
        prop::sample::select(vec![0, 1, 2, 9]).prop_map(|id| TransferTo::Groups(groups(&[id]).group_ids)),
        agent().prop_map(|name| TransferTo::Agents(vec![agent_id(name)])),
        Just(TransferTo::Anybody),
    ]
}

fn leave_cause() -> impl Strategy<Value = LeaveCause> {
    use LeaveCause::{Deleted, Disconnected, Inactive, Offline, Other, RemotelySignedOut, SignedOut};
    prop::sample::select(vec![SignedOut, RemotelySignedOut, Disconnected, Deleted, Inactive, Offline, Other])
}

/// Those whom the router takes a chat from; some may not be in it.
fn those_before() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(agent(), 0..3)
}

fn new_user() -> impl Strategy<Value = NewUser> {
    prop_oneof![
        4 => agent().prop_map(|name| NewUser::Agent(agent_id(name))),
        1 => prop::sample::select(vec!["kate", "pete"]).prop_map(customer),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => new_thread().prop_map(What::Start),
        6 => new_thread().prop_map(What::Resume),
        24 => (new_event(), any::<bool>()).prop_map(|(event, attach)| What::Send(event, attach)),
        5 => any::<bool>().prop_map(What::Close),
        3 => Just(What::Follow),
        1 => Just(What::Unfollow),
        5 => (target(), any::<bool>()).prop_map(|(to, ignore)| What::Transfer(to, ignore)),
        8 => (new_user(), visibility(), any::<bool>()).prop_map(|(user, to, ignore)| What::Add(user, to, ignore)),
        4 => (agent(), any::<bool>()).prop_map(|(name, ignore)| What::Remove(name, ignore)),
        4 => (-10_000_000..10_000_000i64).prop_map(What::Seen),
        2 => visibility().prop_map(What::Type),
        1 => Just(What::Peek),
        6 => (0..20usize, any::<bool>()).prop_map(|(target, rating)| What::Set(target, rating)),
        3 => (0..20usize).prop_map(What::Delete),
        4 => prop::bool::weighted(0.8).prop_map(What::Want),
        2 => Just(What::Mail),
        1 => prop::sample::select(vec!["Kate", "Catherine"]).prop_map(What::Rename),
        4 => (agent(), those_before(), prop::option::of(leave_cause()))
            .prop_map(|(name, before, cause)| What::Assign(name, before, cause)),
        4 => (those_before(), leave_cause(), any::<bool>())
            .prop_map(|(names, cause, archive)| What::Unassign(names, cause, archive)),
        2 => Just(What::HeedSilence),
        1 => Just(What::Restart),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    let route = prop_oneof![
        agent().prop_map(|name| Some(Route::Assign(agent_id(name)))),
        Just(Some(Route::Queue(None))),
        Just(Some(Route::Unrouted)),
        Just(None),
    ];
    let after = prop_oneof![
        6 => 0..3_000_000i64,
        1 => -5_000_000..0i64,
        1 => Just(0),
        1 => Just(31 * 60 * 1_000_000i64),
    ];
    (who(), what(), after, route).prop_map(|(who, what, after, route)| Move { who, what, after, route })
}

fn target_of(story: &Story, number: usize) -> Target {
    if number == 0 || story.chat.thread.is_none() {
        return Target::Chat;
    }
    let back = number / 2;
    if number % 2 == 1 {
        let mut threads: Vec<ThreadId> = story.rows.iter().map(|(thread, _)| thread.clone()).collect();
        threads.dedup();
        return Target::Thread(threads[threads.len() - 1 - back.min(threads.len() - 1)].clone());
    }
    match story.events.len().checked_sub(1 + back) {
        Some(index) => Target::Event(story.events[index].id.clone()),
        None => Target::Chat,
    }
}

fn command(story: &Story, what: What) -> Option<Command> {
    Some(match what {
        What::Start(thread) => Command::StartChat(StartChat { thread }),
        What::Resume(thread) => Command::ResumeChat(ResumeChat { thread }),
        What::Send(event, attach_to_last_thread) => {
            Command::SendEvent(SendEvent { event, attach_to_last_thread })
        }
        What::Close(ignored) => {
            Command::DeactivateChat(DeactivateChat { ignore_requester_presence: ignored })
        }
        What::Follow => Command::FollowChat(FollowChat),
        What::Unfollow => Command::UnfollowChat(UnfollowChat),
        What::Transfer(to, ignored) => Command::TransferChat(TransferChat {
            to,
            ignore_agents_availability: true,
            ignore_requester_presence: ignored,
        }),
        What::Add(user, visibility, ignored) => {
            Command::AddUserToChat(AddUserToChat { user, visibility, ignore_requester_presence: ignored })
        }
        What::Remove(name, ignored) => Command::RemoveUserFromChat(RemoveUserFromChat {
            agent: agent_id(name),
            ignore_requester_presence: ignored,
        }),
        What::Seen(offset) => {
            let seen_up_to = Timestamp(story.chat.last_at.0 + offset);
            Command::MarkEventsAsSeen(MarkEventsAsSeen { seen_up_to })
        }
        What::Type(visibility) => {
            Command::SendTypingIndicator(SendTypingIndicator { visibility, is_typing: true })
        }
        What::Peek => Command::SendSneakPeek(SendSneakPeek { text: "hel".to_owned() }),
        What::Set(number, rating) => {
            let properties = match rating {
                true => property("rating", "score", PropertyValue::Int(1)),
                false => property("test", "int_property", PropertyValue::Int(7)),
            };
            Command::UpdateProperties(UpdateProperties { target: target_of(story, number), properties })
        }
        What::Delete(number) => {
            let names = [("rating".to_owned(), vec!["score".to_owned()])].into();
            Command::DeleteProperties(DeleteProperties { target: target_of(story, number), names })
        }
        What::Want(is_wanted) => {
            let address = if is_wanted { "kate@mail.example" } else { "" };
            let value = PropertyValue::String(address.to_owned());
            let properties = property("routing", "transcript_email", value);
            Command::UpdateProperties(UpdateProperties { target: target_of(story, 1), properties })
        }
        What::Mail => {
            let thread = transcript::owed(&story.chat).next()?.thread;
            Command::SettleTranscript(SettleTranscript { thread })
        }
        What::Rename(name) => {
            let mut customer = customer_named("kate");
            customer.profile.name = Some(name.to_owned());
            Command::UpdateCustomer(UpdateCustomer { customer, by: None })
        }
        What::Assign(name, before, cause) => {
            let replaces = before.into_iter().map(agent_id).collect();
            Command::AssignAgent(AssignAgent { agent: agent_id(name), replaces, cause })
        }
        What::Unassign(names, cause, archive) => {
            let agents = names.into_iter().map(agent_id).collect();
            Command::UnassignAgent(UnassignAgent { agents, cause, archive, place: None })
        }
        What::HeedSilence => Command::HeedSilence(HeedSilence),
        What::Restart => return None,
    })
}

/// What is told again of everything that was stored, to compare the chat with.
struct Ledger {
    rows: usize,
    threads: Vec<(ThreadId, bool)>,
    events: u64,
    last_at: Timestamp,
    /// Threads that ended with the word that their transcript is sent, and it was not mailed since.
    owed: BTreeSet<ThreadId>,
    /// Somebody said so in the last thread, as its last event.
    is_promised: bool,
    /// Fed with what is read back from each row of the last thread.
    copy: Chat,
}

impl Ledger {
    fn new(story: &Story) -> Self {
        let copy = Chat::new(story.chat.id.clone(), story.chat.license);
        let (threads, owed) = (Vec::new(), BTreeSet::new());
        Self { rows: 0, threads, events: 0, last_at: Timestamp::default(), owed, is_promised: false, copy }
    }

    fn read_new_rows(&mut self, story: &Story) {
        for (thread, changes) in &story.rows[self.rows..] {
            let row = serde_json::to_vec(changes).expect("a row");
            let read: Vec<Change> = serde_json::from_slice(&row).expect("the row again");
            assert_eq!(&read, changes, "a row reads as it was written");
            changes.iter().for_each(check_count);
            self.read(&read);
            let last = self.threads.last().map(|(thread, _)| thread);
            if last == Some(thread) {
                read.iter().for_each(|change| self.apply(change));
            }
        }
        self.rows = story.rows.len();
        let owed: Vec<ThreadId> = transcript::owed(&story.chat).map(|owed| owed.thread).collect();
        assert_eq!(owed.iter().collect::<BTreeSet<_>>(), self.owed.iter().collect(), "as was said");
        assert_eq!(self.copy, story.chat, "the log gives the chat");
        let last = self.threads.last().map(|(thread, active)| (thread.clone(), *active));
        let ours = story.chat.thread.as_ref().map(|thread| (thread.id.clone(), thread.active));
        assert_eq!(ours, last, "the chat's thread is the last");
    }

    fn apply(&mut self, change: &Change) {
        if let Change::EventAdded(event) = change {
            let before = self.copy.clone();
            let replaced = Replaced::by(event, &before);
            self.copy.apply(change);
            replaced.restore(&mut self.copy);
            assert_eq!(self.copy, before, "an event that is taken back was never there");
        }
        self.copy.apply(change);
    }

    fn read(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::ThreadOpened(chat) => self.open(chat),
                Change::EventAdded(event) => {
                    let (thread, _) = self.threads.last().expect("a thread");
                    assert_eq!(&event.id.thread, thread, "events go to the last thread");
                    self.events += 1;
                    self.is_promised = matches!(&event.body, EventBody::SystemMessage(message)
                        if message.system_message_type == "transcript_sent");
                    assert_eq!(event.id.number, self.events, "event numbers have no gaps");
                    assert!(event.created_at > self.last_at, "created_at grows strictly");
                    self.last_at = event.created_at;
                }
                Change::ThreadClosed(at) => {
                    let (_, active) = self.threads.last_mut().expect("a thread");
                    assert!(std::mem::take(active), "only an active thread is closed");
                    assert!(*at > self.last_at, "it is closed after its last event");
                    self.last_at = *at;
                    if self.is_promised {
                        self.owed.extend(self.threads.last().map(|(thread, _)| thread.clone()));
                    }
                }
                Change::PropertiesDeleted { names, .. } if transcript::is_private(change) => {
                    let settled: Vec<&String> = names.values().flatten().collect();
                    self.owed.retain(|thread| !settled.iter().any(|name| *name == thread.as_str()));
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, chat: &Chat) {
        assert!(self.threads.iter().all(|(_, active)| !active), "one thread is active at most");
        let thread = chat.thread.as_ref().expect("the thread that was opened");
        assert_eq!(thread.previous_thread_id.as_ref(), self.threads.last().map(|(thread, _)| thread));
        assert!(thread.active && thread.created_at > self.last_at);
        self.threads.push((thread.id.clone(), true));
        assert_eq!(thread.number as usize, self.threads.len());
        (self.events, self.last_at) = (0, thread.created_at);
        self.is_promised = false;
    }
}

/// Nothing that is for agents only has customers in its audience.
fn check_push(push: &Push, before: &Story, after: &Chat) {
    let customers = &push.to.customers;
    assert!(customers.iter().all(|id| after.customer().is_some_and(|(own, _)| own == id)), "{push:?}");
    let for_agents = match &push.body {
        PushBody::IncomingEvent { event, .. } => event.visibility == Visibility::Agents,
        PushBody::IncomingSneakPeek { .. } | PushBody::ChatUnfollowed { .. } => true,
        PushBody::IncomingTypingIndicator { visibility, author, .. } => {
            *visibility == Visibility::Agents || before.chat.has_hidden(author)
        }
        PushBody::UserAddedToChat { user, .. } => user.visibility == Visibility::Agents,
        PushBody::UserRemovedFromChat { user, .. } | PushBody::EventsMarkedAsSeen { user, .. } => {
            before.chat.has_hidden(user)
        }
        PushBody::EventPropertiesUpdated { event: id, .. }
        | PushBody::EventPropertiesDeleted { event: id, .. } => {
            before.events.iter().any(|event| event.id == *id && event.visibility == Visibility::Agents)
        }
        _ => false,
    };
    assert!(!for_agents || customers.is_empty(), "told a customer: {push:?}");
    // One who hid, and has not shown themselves by it.
    let stays_hidden = |id: &UserId| {
        let is_shown = after.present_user(id).is_some_and(|user| user.visibility == Visibility::All);
        before.chat.has_hidden(id) && !is_shown
    };
    let names_hidden = requester(&push.body).is_some_and(stays_hidden);
    assert!(!names_hidden || customers.is_empty(), "told a customer of a hidden member: {push:?}");
    if let PushBody::IncomingEvent { .. } = &push.body {
        assert!(push.to.groups.is_empty(), "events are for members and followers: {push:?}");
    }
}

fn check_state(chat: &Chat) {
    let customers = chat.users.iter().filter(|user| user.id.customer().is_some()).count();
    assert!(customers <= 1, "one customer at most");
    assert!(chat.present_agents().count() <= 5, "five agents at most");
    assert!(chat.last_public_events.values().all(|last| last.event.visibility == Visibility::All));
    if chat.thread.as_ref().is_some_and(|thread| !thread.active) {
        assert_eq!(chat.present_agents().count(), 0, "nobody serves a closed thread");
        assert!(chat.thread.as_ref().is_some_and(|thread| thread.queued_at.is_none()));
    }
    for follower in &chat.followers {
        let id = UserId::Agent(follower.clone());
        assert!(chat.present_user(&id).is_none(), "members do not follow");
    }
}

/// Takes the step; gives what it led to, and what it needed of the thread.
fn take(story: &mut Story, step: Move) -> Option<(Need, Outcome)> {
    story.now = Timestamp(story.now.0 + step.after);
    let Some(command) = command(story, step.what) else {
        if story.chat.thread.is_some() {
            story.restart();
        }
        return None;
    };
    // Only the router, timers and the chat itself give these, and they give no others.
    let routes = matches!(
        command,
        Command::AssignAgent(_)
            | Command::UnassignAgent(_)
            | Command::HeedSilence(_)
            | Command::SettleTranscript(_)
    );
    if let Some(route) = step.route {
        story.router_says(route);
    }
    let who = match step.who {
        _ if routes => story.server(),
        Who::Server => match command {
            Command::DeactivateChat(_) | Command::UpdateCustomer(_) => story.server(),
            _ => return None,
        },
        Who::Agent(name, reach) => story.agent_reaching(name, reach),
        Who::Customer(name) => story.customer_named(name),
    };
    let need = Need::of(&command, &who.caller);
    Some((need, who.gives(command)))
}

/// A change counts no less than is stored of it, and not much more.
fn check_count(change: &Change) {
    let (written, counted) = (serde_json::to_vec(change).expect("a row").len() as u64, bytes_of(change));
    match change {
        Change::ThreadOpened(_) => assert_eq!(counted, 0),
        _ => assert!((written + 128..2 * written + 128).contains(&counted), "{counted}: {change:?}"),
    }
}

/// What is done at somebody's word fills no thread beyond its limits, or what is kept back for it beyond them.
fn check_extent(before: &Chat, story: &Story, need: Need) {
    let limits = match need {
        Need::Nothing => return,
        Need::Reserve => story.rules.thread.with_reserve(),
        Need::Room => story.rules.thread,
    };
    let extent = Extent::of(story.thread());
    if before.thread.as_ref().map(Extent::of) != Some(extent) {
        assert!(extent.events <= limits.events && extent.bytes <= limits.bytes, "{extent:?} in {limits:?}");
    }
}

/// Mostly of a chat that smith has; some chats are not started yet.
fn tell(moves: (bool, Vec<Move>)) -> Story {
    tell_within(Story::new().rules.thread, moves)
}

/// The same, with threads that are full sooner.
fn tell_within(limits: ThreadLimits, (started, moves): (bool, Vec<Move>)) -> Story {
    let mut story = if started { Story::with_smith() } else { Story::new() };
    story.rules.thread = limits;
    story.rules.mails_transcripts = true;
    let mut ledger = Ledger::new(&story);
    ledger.read_new_rows(&story);
    for step in moves {
        let mut before = Story::new();
        (before.chat, before.events) = (story.chat.clone(), story.events.clone());
        let rows = story.rows.len();
        let outcome = take(&mut story, step.clone());
        if let Some((need, outcome)) = outcome {
            match &outcome.result {
                Ok(decision) => {
                    if !decision.changes.is_empty() {
                        check_extent(&before.chat, &story, need);
                    }
                    for push in &decision.pushes {
                        check_push(push, &before, &story.chat);
                    }
                }
                Err(_) => {
                    assert_eq!(story.chat, before.chat, "a rejected command changes nothing: {step:?}");
                    assert_eq!(story.rows.len(), rows);
                }
            }
        }
        ledger.read_new_rows(&story);
        check_state(&story.chat);
        let own = before.chat.customer().map(|(id, _)| id);
        assert!(
            own.is_none() || own == story.chat.customer().map(|(id, _)| id),
            "a chat stays its customer's"
        );
    }
    story
}

fn moves(most: usize) -> impl Strategy<Value = (bool, Vec<Move>)> {
    (prop::bool::weighted(0.9), prop::collection::vec(a_move(), 1..most))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_of_chats_threads_and_events_hold_after_any_commands(moves in moves(60)) {
        let story = tell(moves);
        if story.chat.thread.is_some() {
            assert_eq!(story.reloaded(), story.chat);
        }
    }

    #[test]
    fn a_thread_holds_no_more_than_it_may_and_can_be_closed_and_followed_by_another(
        moves in moves(60), events in 4..16u64, bytes in 3_000..6_000u64,
    ) {
        let mut story = tell_within(ThreadLimits { events, bytes }, moves);
        if story.chat.active_thread().is_some() {
            story.server().gives(Command::DeactivateChat(DeactivateChat { ignore_requester_presence: true })).done();
        }
        let own = story.chat.customer().is_some_and(|(id, _)| *id == customer_id("kate"));
        if own {
            story.router_assigns("smith").customer().resumes().done();
            story.customer().sends("hello").done();
        }
        if story.chat.thread.is_some() {
            assert_eq!(story.reloaded(), story.chat);
        }
    }

    #[test]
    fn an_annotation_opens_no_thread_whatever_came_before(moves in moves(30)) {
        let mut story = tell(moves);
        let threads = story.chat.thread.as_ref().map(|thread| (thread.number, thread.active));
        let sent = story.customer().sends_event(annotation("5 of 5"));
        let now = story.chat.thread.as_ref().map(|thread| (thread.number, thread.active));
        assert_eq!(now, threads);
        if sent.result.is_ok() {
            assert_eq!(story.last_event().body.kind(), EventKind::Annotation);
        }
    }

    #[test]
    fn a_repeated_send_is_answered_as_the_first_before_and_after_a_restart(moves in moves(30)) {
        let mut story = tell(moves);
        let once = || named("once", message("hello"));
        let first = story.customer().sends_event(once());
        if first.result.is_ok() {
            let events = story.events.len();
            assert_eq!(story.customer().sends_event(once()).event_id(), first.event_id());
            story.restart();
            assert_eq!(story.customer().sends_event(once()).event_id(), first.event_id());
            assert_eq!(story.events.len(), events);
        }
    }
}
