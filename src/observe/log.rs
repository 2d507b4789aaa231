//! Sets the log up, once, at start.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadySetUp;

/// Everything that is logged from now on goes to standard error: pretty (coloured where it is a terminal), or a
/// line of JSON each.
///
/// # Errors
/// The second call fails.
pub fn set_up(settings: &Log) -> Result<(), AlreadySetUp> {
    // The settings were checked by `config`; what is not understood here would only be logged too little.
    let filter = EnvFilter::new(format!("{}{}", quiet_libraries(&settings.level), settings.level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let result = match settings.format {
        LogFormat::Pretty => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).try_init(),
    };
    result.map_err(|_| AlreadySetUp)
}

/// At the level that operators run with, the store's engine would tell of its housekeeping in every second line, and
/// the web server would call every client's garbage an error of its own. Who names a module of theirs, or asks for more or less than `info`, gets just that.
fn quiet_libraries(level: &str) -> &'static str {
    if level == "info" { "fjall=warn,lsm_tree=warn,actix_http=off," } else { "" }
}
