//! `[chat]`, `[event]` and the size in `[file]`: the life of a chat, and what may be sent.

use std::time::Duration;

use super::kind::{Choice, Key, Size, Span, Text, key, span, span_or_off};
use super::reader::Reader;
use super::text;
use crate::domain::license::InactiveSend;

const DAY_MS: u64 = 86_400_000;

pub(super) const THREAD_INACTIVITY_TIMEOUT: Key<Span> =
    key("chat.thread_inactivity_timeout", "30m", span(100, 365 * DAY_MS));
pub(super) const IDLE_AFTER: Key<Span> = key("chat.idle_after", "0", span_or_off(100, 365 * DAY_MS));
pub(super) const UNREPLIED_TRANSFER_AFTER: Key<Span> =
    key("chat.unreplied_transfer_after", "5m", span_or_off(100, 365 * DAY_MS));
pub(super) const INACTIVE_SEND: Key<Choice<InactiveSend>> = key(
    "chat.inactive_send",
    "new_thread",
    Choice(&[("new_thread", InactiveSend::NewThread), ("refuse", InactiveSend::Refuse)]),
);
pub(super) const WELCOME_MESSAGE: Key<Text> = key(
    "chat.welcome_message",
    "Hello. How may I help you?",
    Text { accepts: text::is_short_message, allowed: "1 to 1000 bytes on one line" },
);
pub(super) const CONTINUOUS_INACTIVITY_TIMEOUT: Key<Span> =
    key("chat.continuous_inactivity_timeout", "30m", span(100, 365 * DAY_MS));
pub(super) const CUSTOMER_GONE_AFTER: Key<Span> =
    key("chat.customer_gone_after", "0", span_or_off(100, 365 * DAY_MS));
const PASSIVATE_AFTER: Key<Span> = key("chat.passivate_after", "1m", span(100, DAY_MS));
pub(super) const EVENT_MAX_SIZE: Key<Size> =
    key("event.max_size", "16KiB", Size { min: 1 << 10, max: 1 << 20 });
pub(super) const FILE_MAX_SIZE: Key<Size> =
    key("file.max_size", "10MiB", Size { min: 1 << 10, max: 1 << 30 });

/// `[chat]`
#[derive(Clone, Debug)]
pub struct Chat {
    /// Silence after which the active thread is archived. Default 30 min.
    pub thread_inactivity_timeout: Duration,
    /// The same for continuous chats. Default 30 min.
    pub continuous_inactivity_timeout: Duration,
    /// A customer whose connections are gone for so long is not waited for; zero = never. Default off.
    pub customer_gone_after: Duration,
    /// Silence after which a chat is idle and frees its agent's slot; zero = never. Default off.
    pub idle_after: Duration,
    /// First unanswered customer message to the next agent; zero = never. Default 5 min.
    pub unreplied_transfer_after: Duration,
    /// What an event other than `annotation` does without an active thread. Default: opens the next thread.
    pub inactive_send: InactiveSend,
    /// What `request_welcome_message` says in the name of the agent who would get the chat.
    pub welcome_message: String,
    /// Quiet time after which a chat leaves memory. Too short and chats are loaded all the time. Default 1 min.
    pub passivate_after: Duration,
}

/// `[event]`, and the size in `[file]`
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of an event's text or content. Default 16 KiB, the protocol's value.
    pub event_max_size: u64,
    /// Bytes of an uploaded file. Default 10 MiB, the protocol's value.
    pub file_max_size: u64,
}

impl Chat {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            thread_inactivity_timeout: reader.get(&THREAD_INACTIVITY_TIMEOUT),
            continuous_inactivity_timeout: reader.get(&CONTINUOUS_INACTIVITY_TIMEOUT),
            customer_gone_after: reader.get(&CUSTOMER_GONE_AFTER),
            idle_after: reader.get(&IDLE_AFTER),
            unreplied_transfer_after: reader.get(&UNREPLIED_TRANSFER_AFTER),
            inactive_send: reader.get(&INACTIVE_SEND),
            welcome_message: reader.get(&WELCOME_MESSAGE),
            passivate_after: reader.get(&PASSIVATE_AFTER),
        }
    }
}

impl Sizes {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { event_max_size: reader.get(&EVENT_MAX_SIZE), file_max_size: reader.get(&FILE_MAX_SIZE) }
    }
}
