//! Settings that a license may have of its own, by the names of the server's.
//!
//! `switchboard license set` and the admin socket write through here, so a license can hold no value that the
//! server's own setting could not have.

use std::time::Duration;

use super::auto_access::{AUTO_ACCESS, set_auto_access, shown_auto_access};
use super::greetings::{GREETINGS, set_greetings, shown_greetings};
use super::kind::{Key, Kind};
use super::widget::{set_of_widget, shown_of_widget};
use super::{chat, routing, units};
use crate::domain::license::{InactiveSend, OfflineStart, Settings};
use crate::domain::property_definitions::Location;

/// Why a license's setting was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not a setting, or not one that a license may have of its own.
    #[error(
        "{0}: a license has no such setting; `switchboard license set --help` lists those that it may have"
    )]
    Unknown(String),
    /// Not a setting of an agent, or of a group.
    #[error("{name}: {whose} has no such setting; there are {known}")]
    UnknownOf {
        /// What was said.
        name: String,
        /// Of what it is none.
        whose: &'static str,
        /// Those that there are.
        known: String,
    },
    /// Not a value of the setting.
    #[error("{key} = \"{text}\": must be {allowed}")]
    NotAllowed {
        /// The setting.
        key: String,
        /// What was said.
        text: String,
        /// What may be said.
        allowed: String,
    },
}

impl OverrideError {
    pub(super) fn wrong(key: &str, text: &str, allowed: &str) -> Self {
        Self::NotAllowed { key: key.to_owned(), text: text.to_owned(), allowed: allowed.to_owned() }
    }

    pub(super) fn unknown(name: &str, whose: &'static str, known: &[(&str, &str)]) -> Self {
        let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        Self::UnknownOf { name: name.to_owned(), whose, known: known.join(", ") }
    }
}

type Write = fn(&mut Settings, &str) -> Result<(), OverrideError>;
type Show = fn(&Settings) -> Option<String>;

struct Override {
    name: &'static str,
    /// The empty text takes the license's own value away.
    write: Write,
    show: Show,
}

macro_rules! overrides {
    ($($key:path => $field:ident, $store:expr, $show:expr;)*) => {
        const OVERRIDES: &[Override] = &[$(Override {
            name: $key.name,
            write: |settings, text| {
                settings.$field = value(&$key, text)?.map($store);
                Ok(())
            },
            show: |settings| settings.$field.as_ref().map($show),
        }),*];
    };
}

overrides! {
    chat::THREAD_INACTIVITY_TIMEOUT => thread_inactivity_timeout_ms, to_ms, show_ms;
    chat::CONTINUOUS_INACTIVITY_TIMEOUT => continuous_inactivity_timeout_ms, to_ms, show_ms;
    chat::CUSTOMER_GONE_AFTER => customer_gone_after_ms, to_ms, show_ms;
    chat::IDLE_AFTER => idle_after_ms, to_ms, show_ms;
    chat::UNREPLIED_TRANSFER_AFTER => unreplied_transfer_after_ms, to_ms, show_ms;
    chat::INACTIVE_SEND => inactive_send, std::convert::identity, show_inactive_send;
    chat::WELCOME_MESSAGE => welcome_message, std::convert::identity, Clone::clone;
    chat::EVENT_MAX_SIZE => event_max_size, std::convert::identity, show_size;
    chat::FILE_MAX_SIZE => file_max_size, std::convert::identity, show_size;
    routing::AGENT_DISCONNECT_GRACE => agent_disconnect_grace_ms, to_ms, show_ms;
    routing::OFFLINE_START => offline_start, std::convert::identity, show_offline_start;
    routing::MAX_CUSTOMER_CHATS_COUNT => max_customer_chats_count, std::convert::identity, ToString::to_string;
    routing::MANUAL_ROUTING => manual_routing, std::convert::identity, ToString::to_string;
    routing::PREFER_RECENT_AGENT => prefer_recent_agent, std::convert::identity, ToString::to_string;
    routing::QUEUE_ENABLED => queue_enabled, std::convert::identity, ToString::to_string;
    routing::QUEUE_LIMIT => queue_limit, std::convert::identity, ToString::to_string;
    routing::QUEUE_REOPEN_THRESHOLD => queue_reopen_threshold, std::convert::identity, ToString::to_string;
    routing::MAX_CHATS_COUNT => max_chats_count, std::convert::identity, ToString::to_string;
    routing::MAX_CHATS_CEILING => max_chats_ceiling, std::convert::identity, ToString::to_string;
    routing::QUEUE_PLAN => queue_plan, std::convert::identity, ToString::to_string;
    routing::QUEUE_CONTINUOUS => queue_continuous, std::convert::identity, ToString::to_string;
    routing::MAX_AGENT_ACTIVE_CHATS => max_agent_active_chats, std::convert::identity, ToString::to_string;
    routing::CONCURRENT_CHATS => concurrent_chats, std::convert::identity, ToString::to_string;
}

/// The names of the settings that a license may have of its own.
pub fn override_names() -> impl Iterator<Item = &'static str> {
    OVERRIDES.iter().map(|one| one.name)
}

/// Gives a license a value of its own; the empty text takes it away, so that the server's counts again.
///
/// # Errors
/// An unknown name, or a value that is not allowed. Nothing is changed then.
pub fn set_override(settings: &mut Settings, name: &str, text: &str) -> Result<(), OverrideError> {
    match OVERRIDES.iter().find(|one| one.name == name) {
        Some(found) => (found.write)(settings, text),
        None if name == AUTO_ACCESS => set_auto_access(settings, text),
        None if name == GREETINGS => set_greetings(settings, text),
        None => set_of_widget(&mut settings.widget, Location::License, name, text)
            .unwrap_or_else(|| Err(OverrideError::Unknown(name.to_owned()))),
    }
}

/// What a license has of its own: name and text.
pub fn shown_overrides(settings: &Settings) -> Vec<(&'static str, String)> {
    let own = OVERRIDES.iter().filter_map(|one| Some((one.name, (one.show)(settings)?)));
    let lists = shown_auto_access(settings).into_iter().chain(shown_greetings(settings));
    own.chain(lists).chain(shown_of_widget(&settings.widget)).collect()
}

fn value<K: Kind>(key: &Key<K>, text: &str) -> Result<Option<K::Value>, OverrideError> {
    if text.is_empty() {
        return Ok(None);
    }
    key.kind.parse(text).map(Some).ok_or_else(|| OverrideError::NotAllowed {
        key: key.name.to_owned(),
        text: text.to_owned(),
        allowed: key.kind.allowed(),
    })
}

fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn show_ms(ms: &u64) -> String {
    units::show_duration(Duration::from_millis(*ms))
}

fn show_size(size: &u64) -> String {
    units::show_size(*size)
}

fn show_inactive_send(choice: &InactiveSend) -> String {
    chat::INACTIVE_SEND.kind.show(choice)
}

fn show_offline_start(choice: &OfflineStart) -> String {
    routing::OFFLINE_START.kind.show(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_override_is_written_shown_and_taken_away() {
        let texts = ["7m", "2KiB", "3", "true", "refuse"];
        for name in override_names() {
            let mut settings = Settings::default();
            let text = texts.iter().find(|text| set_override(&mut settings, name, text).is_ok());
            let text = text.expect("a value that fits");
            assert_eq!(shown_overrides(&settings), [(name, (*text).to_owned())]);
            set_override(&mut settings, name, "").expect("can be taken away");
            assert_eq!(settings, Settings::default());
        }
    }

    #[test]
    fn a_license_can_hold_no_value_that_the_server_could_not() {
        let mut settings = Settings::default();
        let error = set_override(&mut settings, "chats.queue.limit", "-5").expect_err("not allowed");
        assert!(error.to_string().contains("from 0 to 1000000"), "{error}");
        assert!(set_override(&mut settings, "server.listen", "x").is_err());
        assert_eq!(settings, Settings::default());
    }
}
