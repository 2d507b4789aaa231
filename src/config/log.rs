//! `[log]`: what is logged, and how it looks.

use super::kind::{Choice, Key, Text, key};
use super::reader::Reader;
use super::text;

const FORMAT: Key<Choice<LogFormat>> =
    key("log.format", "pretty", Choice(&[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)]));
const LEVEL: Key<Text> = key(
    "log.level",
    "info",
    Text {
        accepts: text::is_log_filter,
        allowed: "off, error, warn, info, debug or trace, or such by module: \"info,switchboard::store=debug\"",
    },
);

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Pretty,
    /// For machines.
    Json,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct Log {
    /// Default pretty.
    pub format: LogFormat,
    /// Level, or levels by module. Default info.
    pub level: String,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { format: reader.get(&FORMAT), level: reader.get(&LEVEL) }
    }
}
