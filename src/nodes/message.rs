//! What nodes say to each other: JSON with names. Nodes of two versions talk: a field that the other does not know is
//! ignored, a new one has a default, and a message of a kind that the other does not know is answered with
//! [`Answer::NotUnderstood`], which means that nothing was done.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Epoch, Incarnation};

use super::news::News;
use super::visitors::{VisitorsCall, VisitorsFound};
use super::whereabouts::{Named, UsersUpdate};
use crate::actors::ahead::ComingCall;
use crate::actors::barrier::{RebuildAnswer, RebuildCall};
use crate::actors::delivery::{Mark, Place};
use crate::actors::elsewhere::{ChatCall, RouterCall};
use crate::actors::router::RouterAnswer;
use crate::actors::{AskError, Origin, chat};
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::push::Push;
use crate::domain::rejection::Rejection;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// The version of these forms that this build writes. A build reads those of its own and of the one before.
pub(super) const PROTOCOL: u32 = 1;

/// A call, with what both sides need to know of each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope<T> {
    /// What the sender writes.
    pub(super) protocol: u32,
    pub(super) body: T,
}

/// What is asked of a node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    /// Work for a chat.
    Chat {
        call: ChatCall,
        /// Milliseconds until the asker gives up.
        within: u64,
        /// Since which term the receiver has the chat's shard, as far as the asker knows.
        #[serde(default)]
        since: Option<Epoch>,
    },
    /// A question to a router.
    Router(RouterCall),
    /// A new router's question.
    Rebuild(RebuildCall),
    /// Whose pushes the asker wants.
    Interest(InterestUpdate),
    /// Who is connected to the asker.
    Users(UsersUpdate),
    /// Something changed.
    News(News),
    /// Who of a license's customers is connected?
    Visitors(VisitorsCall),
    /// A shard is about to come: what stands of its chats can be read ahead.
    Coming(ComingCall),
}

/// The same, borrowed: what is sent is not copied first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallRef<'a> {
    Chat {
        call: &'a ChatCall,
        within: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<Epoch>,
    },
    Router(&'a RouterCall),
    Rebuild(&'a RebuildCall),
    Interest(&'a InterestUpdate),
    Users(&'a UsersUpdate),
    News(&'a News),
    Visitors(&'a VisitorsCall),
    Coming(&'a ComingCall),
}

/// What a node answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The chat did it.
    Chat(chat::Answer),
    /// The chat did not, or nobody knows.
    Refused(Refusal),
    /// It is not this node's. Nothing was done.
    NotOwner {
        /// Whose it is, as far as is known, and since which term.
        owner: Option<(Incarnation, Epoch)>,
    },
    /// The router's word.
    Router(RouterAnswer),
    /// To a new router.
    Rebuild(RebuildAnswer),
    /// Those.
    Visitors(VisitorsFound),
    /// Noted.
    Noted,
    /// Something was missed before: all of it is to be told again.
    TellAll,
    /// Not now. Nothing was done.
    NotNow,
    /// This version does not know the question. Nothing was done.
    NotUnderstood,
}

/// The licenses whose pushes a node wants, as a change from one version of that list to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InterestUpdate {
    /// The version that is changed; 0 = all that was before is void.
    pub(super) since: u64,
    pub(super) version: u64,
    pub(super) add: Vec<LicenseId>,
    pub(super) remove: Vec<LicenseId>,
}

/// Something on the stream between two nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// For the sessions of a license.
    Pushes(Pushes),
    /// How far chats have been told; what was lost before is found by it.
    Heads { license: LicenseId, heads: Vec<Head> },
    /// Rows that were not told, since nobody whom they are for is connected there.
    Spared { license: LicenseId, spared: Vec<Spared> },
}

/// Pushes of one license, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pushes {
    pub(super) license: LicenseId,
    /// The version of the license that they were made under.
    pub(super) version: u64,
    /// The rows that they tell of, if they are a chat's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<Mark>,
    /// The request that caused them, if its session is the receiver's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin>,
    pub(super) pushes: Vec<Push>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToldRef<'a> {
    Pushes(PushesRef<'a>),
    Heads { license: LicenseId, heads: &'a [Head] },
    Spared { license: LicenseId, spared: &'a [Spared] },
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct PushesRef<'a> {
    pub(super) license: LicenseId,
    pub(super) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<&'a Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<&'a Origin>,
    pub(super) pushes: &'a [Push],
}

/// How far a chat has been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) chat: ChatId,
    /// The thread of the row.
    pub(super) thread: ThreadId,
    /// The last row.
    pub(super) place: Place,
    /// When the chat was last changed.
    pub(super) last_at: Timestamp,
}

/// Rows of a chat that were not told, and whom they were for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spared {
    /// The version of the receiver's users that the sender went by when it spared the first of the rows.
    pub(super) version: u64,
    pub(super) mark: Mark,
    #[serde(flatten)]
    pub(super) named: Named,
}

/// Why work was not done, as it travels. Causes stay in the log of the node that had them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    Rejected(Rejection),
    Busy,
    Unconfirmed,
    Deadline,
    Stopped,
    NoLicense,
    /// The store could not; nothing was stored.
    StoreUnavailable(String),
    /// The store did not say whether it did.
    StoreUnknown(String),
    /// Too large for the store.
    StoreTooLarge {
        size: usize,
        limit: usize,
    },
    /// The store is in a state that somebody has to look at.
    StoreFailed(String),
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Rejected(rejection) => Self::Rejected(rejection),
            AskError::Busy => Self::Busy,
            // Nothing was done, which is what a full queue means to the asker as well.
            AskError::NotOwner | AskError::Unreachable => Self::Busy,
            AskError::Unconfirmed => Self::Unconfirmed,
            AskError::Deadline => Self::Deadline,
            AskError::Stopped => Self::Stopped,
            AskError::NoLicense => Self::NoLicense,
            AskError::Store(error) => match &error {
                StoreError::Unavailable(_) | StoreError::Full { .. } => {
                    Self::StoreUnavailable(error.to_string())
                }
                StoreError::OutcomeUnknown(_) => Self::StoreUnknown(error.to_string()),
                StoreError::TooLarge { size, limit, .. } => {
                    Self::StoreTooLarge { size: *size, limit: *limit }
                }
                _ => Self::StoreFailed(error.to_string()),
            },
        }
    }
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        let there = |text: String| -> crate::store::Cause { Arc::new(std::io::Error::other(text)) };
        match refusal {
            Refusal::Rejected(rejection) => Self::Rejected(rejection),
            Refusal::Busy => Self::Busy,
            Refusal::Unconfirmed => Self::Unconfirmed,
            Refusal::Deadline => Self::Deadline,
            Refusal::Stopped => Self::Stopped,
            Refusal::NoLicense => Self::NoLicense,
            Refusal::StoreUnavailable(text) => Self::Store(StoreError::Unavailable(there(text))),
            Refusal::StoreUnknown(text) => Self::Store(StoreError::OutcomeUnknown(there(text))),
            Refusal::StoreTooLarge { size, limit } => {
                Self::Store(StoreError::TooLarge { what: "what another node stores", size, limit })
            }
            Refusal::StoreFailed(text) => Self::Store(StoreError::Failed(there(text))),
        }
    }
}

/// Writes a call or an answer.
pub(super) fn encode<T: Serialize>(body: T) -> Bytes {
    let envelope = Envelope { protocol: PROTOCOL, body };
    Bytes::from(serde_json::to_vec(&envelope).expect("a message has a JSON form"))
}

/// Reads one.
pub(super) fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<Envelope<T>>(bytes).map(|envelope| envelope.body)
}

/// Appends to a frame: its length, then it.
pub(super) fn append(frame: &mut BytesMut, told: &ToldRef<'_>) {
    let item = serde_json::to_vec(told).expect("a message has a JSON form");
    append_encoded(frame, &item);
}

/// The same of something that is written already.
pub(super) fn append_encoded(frame: &mut BytesMut, item: &[u8]) {
    frame.put_u32(u32::try_from(item.len()).unwrap_or(u32::MAX));
    frame.put_slice(item);
}

/// The items of a frame; none for one that this version does not understand.
pub(super) fn items(frame: &[u8]) -> impl Iterator<Item = Result<Told, serde_json::Error>> + '_ {
    let mut rest = frame;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let (item, after) = after.split_at_checked(length)?;
        rest = after;
        Some(serde_json::from_slice(item))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::actors::chat::Work;
    use crate::actors::{ChatKey, SessionId};
    use crate::domain::command::{Caller, Command, Reach, SendEvent};
    use crate::domain::event::{EventBody, Json, NewEvent, Visibility};
    use crate::domain::id::{AgentId, ClientId, CustomerId};
    use crate::domain::push::{Audience, PushBody};

    const NODE: Incarnation = Incarnation(Uuid::from_u128(7));

    fn origin() -> Origin {
        Origin { session: SessionId { node: NODE, number: 3 }, request_id: Some("r1".into()) }
    }

    fn send() -> ChatCall {
        let content =
            serde_json::value::RawValue::from_string("{ \"a\" : [1,\n2] }".to_owned()).expect("JSON");
        let event = NewEvent {
            custom_id: Some("c1".into()),
            visibility: Visibility::Agents,
            properties: Default::default(),
            author: None,
            body: EventBody::Custom { content: Some(Json(content)) },
        };
        let send = SendEvent { event, attach_to_last_thread: true };
        ChatCall {
            key: ChatKey { license: LicenseId(1_001), chat: ChatId::new("CHAT") },
            work: Work::Command(Box::new(Command::SendEvent(send))),
            caller: Caller::Agent { id: AgentId::new("smith@example.com"), reach: Reach::Access },
            origin: Some(origin()),
        }
    }

    /// Any message, written and read back, says the same.
    fn again<T: Serialize + for<'de> Deserialize<'de>>(message: &T) -> T {
        let read: T = decode(&encode(message)).expect("a message reads back");
        assert_eq!(encode(message), encode(&read));
        read
    }

    #[test]
    fn work_arrives_as_it_was_given() {
        let bytes = encode(CallRef::Chat { call: &send(), within: 1_500, since: Some(Epoch(7)) });
        let Call::Chat { call, within: 1_500, since: Some(Epoch(7)) } = decode(&bytes).expect("a call")
        else {
            panic!("another call")
        };
        assert_eq!(format!("{:?}", send()), format!("{call:?}"));
        assert!(call.is_idempotent());
        let customer = Caller::Customer {
            id: CustomerId::new("kate"),
            profile: None,
            client: Some(ClientId::new("web")),
        };
        let call = ChatCall { caller: customer, ..send() };
        let bytes = encode(CallRef::Chat { call: &call, within: 1_500, since: None });
        let Call::Chat { call: arrived, .. } = decode(&bytes).expect("a call") else {
            panic!("another call")
        };
        assert_eq!(format!("{call:?}"), format!("{arrived:?}"));
        again(&Call::Interest(InterestUpdate {
            since: 1,
            version: 2,
            add: vec![LicenseId(1)],
            remove: vec![],
        }));
    }

    #[test]
    fn refusals_keep_what_the_asker_can_do_about_them() {
        let cause = || -> crate::store::Cause { Arc::new(std::io::Error::other("x")) };
        let rejections = [
            Rejection::validation("event.text", "is too long"),
            Rejection::NotFound("chat"),
            Rejection::MissingAccess("requester is not in the chat"),
            Rejection::ChatInactive,
            Rejection::GroupNotFound(7),
        ];
        for rejection in rejections {
            let refusal = again(&Answer::Refused(AskError::Rejected(rejection.clone()).into()));
            let Answer::Refused(refusal) = refusal else { panic!("another answer") };
            let AskError::Rejected(back) = refusal.into() else { panic!("another error") };
            assert_eq!(back, rejection);
        }
        let kept = |error: AskError| AskError::from(Refusal::from(error));
        assert!(matches!(kept(AskError::Busy), AskError::Busy));
        assert!(matches!(kept(AskError::Unconfirmed), AskError::Unconfirmed));
        assert!(matches!(kept(AskError::Deadline), AskError::Deadline));
        let unavailable = kept(AskError::Store(StoreError::Unavailable(cause())));
        assert!(matches!(unavailable, AskError::Store(StoreError::Unavailable(_))));
        let unknown = kept(AskError::Store(StoreError::OutcomeUnknown(cause())));
        assert!(matches!(unknown, AskError::Store(StoreError::OutcomeUnknown(_))));
    }

    #[test]
    fn a_frame_holds_its_items_in_order_and_survives_one_that_is_unknown() {
        let mark = Mark {
            chat: ChatId::new("CHAT"),
            thread: ThreadId::new("THREAD"),
            from: Place(1, 2),
            to: Place(1, 3),
        };
        let body = PushBody::RoutingStatusSet { agent: AgentId::new("a@example.com"), status: "offline" };
        let pushes = [Push { body, to: Audience::all_agents() }];
        let (mark, origin) = (Some(&mark), origin());
        let told =
            PushesRef { license: LicenseId(1), version: 4, mark, origin: Some(&origin), pushes: &pushes };
        let mut frame = BytesMut::new();
        append(&mut frame, &ToldRef::Pushes(told));
        append_encoded(&mut frame, b"{\"of_a_later_version\":{}}");
        append(&mut frame, &ToldRef::Heads { license: LicenseId(2), heads: &[] });
        let items: Vec<_> = items(&frame).collect();
        let [Ok(Told::Pushes(first)), Err(_), Ok(Told::Heads { license: LicenseId(2), .. })] = &items[..]
        else {
            panic!("{items:?}")
        };
        assert_eq!(first.mark.as_ref(), mark);
        assert_eq!(first.origin.as_ref(), Some(&origin));
        assert_eq!(format!("{:?}", first.pushes), format!("{pushes:?}"));
    }

    #[test]
    fn a_later_version_may_say_more() {
        let mut call: serde_json::Value =
            serde_json::from_slice(&encode(CallRef::Chat { call: &send(), within: 5, since: None }))
                .expect("JSON");
        call["protocol"] = json!(2);
        call["trace"] = json!("abc");
        call["body"]["chat"]["priority"] = json!({ "new": true });
        call["body"]["chat"]["call"]["key"]["region"] = json!("eu");
        call["body"]["chat"]["call"]["caller"]["agent"]["device"] = json!("phone");
        let text = serde_json::to_vec(&call).expect("JSON");
        assert!(matches!(decode::<Call>(&text), Ok(Call::Chat { within: 5, since: None, .. })));
        assert!(decode::<Call>(br#"{"protocol":2,"body":{"of_a_later_version":{}}}"#).is_err());
    }
}
