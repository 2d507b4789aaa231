//! Newtypes of every identifier; none is a bare string or number in a signature.
//!
//! Their shapes come from `docs/architecture.md`: chat and thread ids are 16 characters of `0-9A-Z` without
//! `_`, an event id is `<thread>_<n>`, customers, accounts and organizations are UUIDs, a client id is 32 hex
//! digits, an agent id is an e-mail address (or a bot id), license and group ids are integers.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that is already known to have the right shape, or that will be looked up as is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_id!(
    /// A tenant. Every key in every store begins with it.
    LicenseId, i64
);
number_id!(
    /// A group of agents inside a license; 0 is "all agents".
    GroupId, i64
);
number_id!(
    /// The organization that owns a license; customers' requests name it.
    OrganizationId, Uuid
);
number_id!(
    /// The account behind an agent; the first half of a personal access token.
    AccountId, Uuid
);
text_id!(
    /// A chat: 16 characters of `0-9A-Z`.
    ChatId
);
text_id!(
    /// A thread: 16 characters of `0-9A-Z`.
    ThreadId
);
text_id!(
    /// An agent's e-mail address, or a bot's id.
    AgentId
);
text_id!(
    /// A customer: a UUID.
    CustomerId
);

impl CustomerId {
    /// Whether a text has the form of a customer's id: a UUID with hyphens. Ids of bots are hexadecimal digits alone.
    pub fn is_form_of(text: &str) -> bool {
        text.len() == 36 && Uuid::try_parse(text).is_ok()
    }
}

text_id!(
    /// An application that was registered with a license: 32 hex digits.
    ClientId
);

impl GroupId {
    /// The group that every agent belongs to.
    pub const ALL: Self = Self(0);
}

/// An event: `<thread>_<n>`, `n` counting the thread's events from 1.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    /// The thread that holds the event.
    pub thread: ThreadId,
    /// Position among the thread's events, from 1.
    pub number: u64,
}

impl EventId {
    /// Reads `<thread>_<n>`; nothing else is an event id.
    pub fn parse(text: &str) -> Option<Self> {
        let (thread, number) = text.rsplit_once('_')?;
        if thread.is_empty() || number.starts_with('0') || number.starts_with('+') {
            return None;
        }
        Some(Self { thread: ThreadId::new(thread), number: number.parse().ok()? })
    }

    /// Gives `<thread>_<n>` to whoever reads it. Put together by hand and without memory of its own, since every event is named in
    /// several texts.
    pub fn with_text<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        let mut number = itoa::Buffer::new();
        let mut text = SmallVec::<[u8; 40]>::new();
        for part in [self.thread.as_str(), "_", number.format(self.number)] {
            text.extend_from_slice(part.as_bytes());
        }
        read(str::from_utf8(&text).expect("texts side by side are a text"))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an event id"))
    }
}

/// Whoever can be in a chat. The kind is part of the identity: an agent is never taken for a customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserId {
    /// An agent or a bot.
    Agent(AgentId),
    /// A customer.
    Customer(CustomerId),
}

impl UserId {
    /// The id alone, as agents see it on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Agent(id) => id.as_str(),
            Self::Customer(id) => id.as_str(),
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Agent(id) => Some(id),
            Self::Customer(_) => None,
        }
    }

    /// The customer, if it is one.
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Customer(id) => Some(id),
            Self::Agent(_) => None,
        }
    }
}

/// The door through which randomness enters; tests pass a seeded source.
pub trait IdSource: Send + Sync {
    /// 128 random bits. Everything else is derived from them.
    fn bits(&self) -> u128;

    /// A new chat id.
    fn chat(&self) -> ChatId {
        ChatId::new(base36(self.bits()))
    }

    /// A new thread id.
    fn thread(&self) -> ThreadId {
        ThreadId::new(base36(self.bits()))
    }

    /// A new version 4 UUID, as customers and accounts have.
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bits().to_be_bytes()).into_uuid()
    }
}

/// 16 characters of `0-9A-Z`: about 82 bits of what comes in.
fn base36(mut bits: u128) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut text = String::with_capacity(16);
    for _ in 0..16 {
        text.push(DIGITS[(bits % 36) as usize] as char);
        bits /= 36;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_id_is_thread_and_number() {
        let id = EventId::parse("K600PKZON8_12").expect("an event id");
        assert_eq!((id.thread.as_str(), id.number), ("K600PKZON8", 12));
        assert_eq!(id.to_string(), "K600PKZON8_12");
    }

    #[test]
    fn other_texts_are_no_event_ids() {
        for text in ["", "_1", "A", "A_", "A_x", "A_01", "A_+1", "A_-1", "A_99999999999999999999"] {
            assert!(EventId::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn chat_ids_are_sixteen_upper_case_alphanumerics() {
        struct Fixed(u128);
        impl IdSource for Fixed {
            fn bits(&self) -> u128 {
                self.0
            }
        }
        for bits in [0, 1, u128::MAX, u128::MAX / 7] {
            let id = Fixed(bits).chat();
            assert_eq!(id.as_str().len(), 16);
            assert!(id.as_str().bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
        }
    }
}
