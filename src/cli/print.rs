//! What commands print: results to standard output, faults to standard error.

use std::error::Error;
use std::io::{self, Write as _};

use jiff::Timestamp as Moment;

use crate::domain::time::Timestamp;

/// Prints a result. Whoever stops reading (`| head`) has seen enough, which is no fault.
pub(super) fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Prints why the command failed, with the causes.
pub(super) fn error(error: &(dyn Error + 'static)) {
    let mut text = format!("switchboard: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n  because: {error}"));
        cause = error.source();
    }
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints what is odd.
pub(super) fn warning(text: &str) {
    let _ = writeln!(io::stderr(), "switchboard: warning: {text}");
}

/// A moment as people write it.
pub(super) fn moment(at: Timestamp) -> String {
    Moment::from_second(at.unix_seconds()).map_or_else(|_| at.0.to_string(), |moment| moment.to_string())
}
