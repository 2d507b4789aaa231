//! How far a session that may be resumed was told, and the tokens that say so (`docs/resume.md`).
//!
//! Every push that stands in a chat's log gets a token: up to it and no further was told. It names the last row of each chat
//! that was told lately. Of all others a moment is enough, since what lies further back than [`SETTLED`] was told by then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::handle::SessionHandle;
use crate::actors::catching_up::{Known, SKEW};
use crate::actors::delivery::{Mark, Place};
use crate::domain::id::ChatId;
use crate::domain::push::PushBody;
use crate::domain::time::{Clock, Timestamp};
use crate::observe::Metrics;
use crate::protocol::envelope;
use crate::protocol::version::ApiVersion;
use crate::requests::PageKey;

/// Whatever happened so long ago was told: also if the node of a chat died, and another took it over.
const SETTLED: Duration = Duration::from_secs(120);
/// Chats that a token names at most; one for more says that nothing is known.
const NAMED: usize = 128;
/// Chats that are kept in mind, until fewer were told lately.
const KEPT: usize = 1_024;
/// Bytes of pushes that wait while a session reads what it missed.
const WAITING: usize = 1024 * 1024;

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Position {
    since: Timestamp,
    /// What the user might see, as a hash.
    pub(super) access: u64,
    chats: Vec<(ChatId, u32, u64)>,
    /// The row of which not everything was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partly: Option<Partly>,
}

/// A row of which some pushes were told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Partly {
    pub(super) chat: ChatId,
    pub(super) to: Place,
    /// The [`print()`]s of what was told.
    pub(super) told: Vec<u32>,
}

impl Position {
    pub(super) fn known(&self) -> Known {
        let chats = self.chats.iter().map(|(chat, thread, row)| (chat.clone(), Place(*thread, *row)));
        Known { since: self.since, chats: chats.collect() }
    }

    /// The moment from which on it is not known what was told of other chats than those it names.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }
}

/// A push for one session.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) action: &'static str,
    pub(super) payload: ByteString,
    pub(super) request_id: Option<ByteString>,
    /// The session writes it with the answer that follows.
    pub(super) before_answer: bool,
    /// See [`print()`].
    pub(super) print: u32,
}

/// By what a push is known again among those of its row, however it is worded.
pub(super) fn print(action: &str, body: &PushBody) -> u32 {
    let about = match body {
        PushBody::IncomingEvent { event, .. } => event.id.to_string(),
        PushBody::UserAddedToChat { user, .. } => user.id.as_str().to_owned(),
        PushBody::UserRemovedFromChat { user, .. } => user.as_str().to_owned(),
        _ => String::new(),
    };
    xxh3_64(format!("{action} {about}").as_bytes()) as u32
}

/// How far a session was told.
pub(super) struct Trail {
    key: PageKey,
    /// For whom the tokens are good.
    scope: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    access: u64,
    since: Timestamp,
    /// The last row that was told, and when.
    chats: HashMap<ChatId, (Place, Timestamp)>,
    /// More was told than can be kept in mind.
    is_lost: bool,
    /// What is told while the session reads what it missed.
    waiting: Option<Waiting>,
}

#[derive(Default)]
struct Waiting {
    pushes: Vec<(Option<Mark>, Vec<Frame>)>,
    bytes: usize,
}

impl Trail {
    /// Of a session that is told nothing before [`Self::caught_up`].
    pub(super) fn new(key: PageKey, scope: String, clock: Arc<dyn Clock>, access: u64) -> Self {
        let state = State {
            access,
            since: Timestamp::default(),
            chats: HashMap::new(),
            is_lost: false,
            waiting: Some(Waiting::default()),
        };
        Self { key, scope, clock, state: Mutex::new(state) }
    }

    /// What a token says that was made for this user; none for any other text.
    pub(super) fn open(&self, token: &str) -> Option<Position> {
        self.key.open(&self.scope, token, self.clock.now()).ok()
    }

    /// What the user may see from now on.
    pub(super) fn set_access(&self, access: u64) {
        self.state.lock().access = access;
    }

    /// What was told to the user before. The token that says so.
    pub(super) fn begin(&self, known: &Known) -> String {
        let mut state = self.state.lock();
        let now = self.clock.now();
        state.since = known.since;
        state.chats = known.chats.iter().map(|(chat, place)| (chat.clone(), (*place, now))).collect();
        state.is_lost = false;
        self.seal(&state, None)
    }

    /// The session has read what it missed. Gives that as frames, which go out first, and offers what came meanwhile.
    pub(super) fn caught_up(
        &self,
        session: &SessionHandle,
        missed: &[(Mark, Vec<Frame>)],
        metrics: &Metrics,
    ) -> Vec<ByteString> {
        let mut state = self.state.lock();
        let mut first = Vec::new();
        for (mark, frames) in missed {
            first.extend(self.encode(&mut state, Some(mark), frames));
        }
        let waiting = state.waiting.take().unwrap_or_default();
        for (mark, frames) in waiting.pushes {
            self.offer(&mut state, session, mark.as_ref(), &frames, metrics);
        }
        first
    }

    /// Offers what one stretch of a chat's log tells the session. Never waits.
    pub(super) fn tell(
        &self,
        session: &SessionHandle,
        mark: Option<&Mark>,
        frames: Vec<Frame>,
        metrics: &Metrics,
    ) {
        let mut state = self.state.lock();
        let Some(waiting) = &mut state.waiting else {
            self.offer(&mut state, session, mark, &frames, metrics);
            return;
        };
        waiting.bytes += frames.iter().map(|frame| frame.payload.len()).sum::<usize>();
        if waiting.bytes > WAITING {
            waiting.pushes.clear();
            session.cut();
        } else {
            waiting.pushes.push((mark.cloned(), frames));
        }
    }

    fn offer(
        &self,
        state: &mut State,
        session: &SessionHandle,
        mark: Option<&Mark>,
        frames: &[Frame],
        metrics: &Metrics,
    ) {
        for (text, frame) in self.encode(state, mark, frames).into_iter().zip(frames) {
            session.put(text, frame.before_answer, metrics);
        }
    }

    /// The frames as they are sent; none if the session was told them before.
    fn encode(&self, state: &mut State, mark: Option<&Mark>, frames: &[Frame]) -> Vec<ByteString> {
        let Some(mark) = mark.filter(|mark| mark.from != mark.to) else {
            // It stands in no log.
            return frames.iter().map(|frame| encode(frame, None)).collect();
        };
        if state.chats.get(&mark.chat).is_some_and(|(place, _)| *place >= mark.to) {
            return Vec::new();
        }
        let mut told = Vec::new();
        let mut texts = Vec::with_capacity(frames.len());
        for (frame, number) in frames.iter().zip(1..) {
            told.push(frame.print);
            let token = if number < frames.len() {
                let partly = Partly { chat: mark.chat.clone(), to: mark.to, told: told.clone() };
                self.seal(state, Some(partly))
            } else {
                self.note(state, mark);
                self.seal(state, None)
            };
            texts.push(encode(frame, Some(&token)));
        }
        texts
    }

    /// Everything that a stretch tells the session was told.
    fn note(&self, state: &mut State, mark: &Mark) {
        let now = self.clock.now();
        state.chats.insert(mark.chat.clone(), (mark.to, now));
        // Of what is still being told again, later chats count from the old moment.
        if state.waiting.is_none() {
            state.since = state.since.max(now.before(SETTLED));
            let since = state.since.before(SKEW);
            state.chats.retain(|_, (_, at)| *at >= since);
        }
        if state.chats.len() > KEPT {
            state.is_lost = true;
            state.chats.clear();
        }
    }

    fn seal(&self, state: &State, partly: Option<Partly>) -> String {
        let mut position =
            Position { since: state.since, access: state.access, chats: Vec::new(), partly: None };
        if state.is_lost || state.chats.len() > NAMED {
            position.since = Timestamp(i64::MIN);
        } else {
            let chats =
                state.chats.iter().map(|(chat, (Place(thread, row), _))| (chat.clone(), *thread, *row));
            position.chats.extend(chats);
            position.partly = partly;
        }
        self.key.seal(&self.scope, &position, self.clock.now())
    }
}

fn encode(frame: &Frame, resume: Option<&str>) -> ByteString {
    let Frame { action, payload, request_id, .. } = frame;
    envelope::push_frame(ApiVersion::V3_6, request_id.as_deref(), resume, action, payload).into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::domain::id::ThreadId;

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    impl Hands {
        fn turn(&self, seconds: i64) {
            self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        }
    }

    const START: Timestamp = Timestamp(1_795_235_696_000_000);

    fn trail() -> (Arc<Hands>, Trail) {
        let clock = Arc::new(Hands(AtomicI64::new(START.0)));
        let trail = Trail::new(PageKey::new([7; 32]), "resume/1/a/x".to_owned(), clock.clone(), 5);
        trail.begin(&Known { since: START, chats: HashMap::new() });
        trail.state.lock().waiting = None;
        (clock, trail)
    }

    fn frame(print: u32) -> Frame {
        Frame {
            action: "incoming_event",
            payload: "{}".into(),
            request_id: None,
            before_answer: false,
            print,
        }
    }

    fn mark(chat: &str, row: u64) -> Mark {
        let (chat, thread) = (ChatId::new(chat), ThreadId::new("thread"));
        Mark { chat, thread, from: Place(1, row - 1), to: Place(1, row) }
    }

    /// What the tokens of a row's pushes say.
    fn told(trail: &Trail, mark: &Mark, prints: &[u32]) -> Vec<Position> {
        let frames: Vec<Frame> = prints.iter().map(|print| frame(*print)).collect();
        let texts = trail.encode(&mut trail.state.lock(), Some(mark), &frames);
        let positions = texts.iter().map(|text| {
            let push: serde_json::Value = serde_json::from_str(text).expect("a push");
            trail.open(push["resume"].as_str().expect("a token")).expect("a position")
        });
        positions.collect()
    }

    #[test]
    fn a_row_is_known_once_its_last_push_was_told() {
        let (_, trail) = trail();
        let positions = told(&trail, &mark("a", 3), &[1, 2]);
        assert!(positions[0].known().chats.is_empty());
        let partly = Partly { chat: ChatId::new("a"), to: Place(1, 3), told: vec![1] };
        assert_eq!(positions[0].partly, Some(partly));
        assert_eq!(positions[1].known().chats[&ChatId::new("a")], Place(1, 3));
        assert_eq!((&positions[1].partly, positions[1].access), (&None, 5));
        assert!(told(&trail, &mark("a", 3), &[1]).is_empty(), "it was told");
        assert_eq!(told(&trail, &mark("a", 4), &[1]).len(), 1);
    }

    #[test]
    fn chats_that_were_told_long_ago_are_known_by_the_moment() {
        let (clock, trail) = trail();
        told(&trail, &mark("a", 3), &[1]);
        clock.turn(60);
        let position = told(&trail, &mark("b", 1), &[1]).remove(0);
        assert_eq!((position.since(), position.known().chats.len()), (START, 2));
        clock.turn(120);
        let position = told(&trail, &mark("b", 2), &[1]).remove(0);
        assert_eq!(position.since(), START.after(Duration::from_secs(60)));
        let known = position.known().chats;
        assert_eq!((known.len(), known[&ChatId::new("b")]), (1, Place(1, 2)));
    }

    #[test]
    fn a_token_for_too_many_chats_says_that_nothing_is_known_until_they_are_fewer() {
        let (clock, trail) = trail();
        for number in 0..NAMED {
            let position = told(&trail, &mark(&format!("chat {number}"), 1), &[1]).remove(0);
            assert_eq!(position.since(), START);
        }
        let position = told(&trail, &mark("one more", 1), &[1]).remove(0);
        assert_eq!((position.since(), position.known().chats.len()), (Timestamp(i64::MIN), 0));
        clock.turn(240);
        let position = told(&trail, &mark("later", 1), &[1]).remove(0);
        assert_eq!(
            (position.since(), position.known().chats.len()),
            (START.after(Duration::from_secs(120)), 1)
        );
    }

    #[test]
    fn a_token_is_good_for_its_user_alone_and_shorter_than_what_is_read() {
        let (clock, trail) = trail();
        let other = Trail::new(PageKey::new([7; 32]), "resume/1/a/y".to_owned(), clock, 5);
        for number in 0..NAMED {
            told(&trail, &mark(&format!("CHAT-OF-16-TEXT-{number}"), 1_000_000), &[1]);
        }
        let token = trail.seal(&trail.state.lock(), None);
        assert!(token.len() < 10_000, "{}", token.len());
        assert!(trail.open(&token).is_some() && other.open(&token).is_none());
        assert!(trail.open(&token[1..]).is_none() && trail.open("").is_none());
    }
}
