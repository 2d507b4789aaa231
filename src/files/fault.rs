//! What may go wrong with files, in words that may stand in a log.

use std::error::Error as StdError;

use thiserror::Error;

/// Why a file was not taken, or cannot be had.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is a program.
    #[error("programs are not accepted")]
    Program,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Where files lie, something went wrong.
    #[error("the files could not be reached: {0}")]
    Store(StoreFault),
    /// A record does not read.
    #[error("the record of a file is broken")]
    Record(#[from] serde_json::Error),
}

/// What went wrong where files lie. Names no object, as whoever knows a file's name may read the file, and repeats nothing
/// of a request but the error's code.
#[derive(Debug, Error)]
#[error("{text}")]
pub struct StoreFault {
    text: String,
    is_refusal: bool,
}

impl FileError {
    /// True if the store said no, false if it could not be asked, or could not do it now.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Store(fault) if !fault.is_refusal)
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(StoreFault::from(&error))
    }
}

/// Codes of answers that may be others a moment later.
const PASSING: [&str; 5] =
    ["InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"];

impl From<&object_store::Error> for StoreFault {
    fn from(error: &object_store::Error) -> Self {
        use object_store::Error as E;
        let mut cause: &dyn StdError = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.to_string();
        let code = code_in(&cause);
        // What follows is the answer's body.
        let said = cause.split('<').next().unwrap_or_default().trim_end_matches([' ', ':']);
        let is_refusal = match error {
            E::NotFound { .. }
            | E::PermissionDenied { .. }
            | E::Unauthenticated { .. }
            | E::NotImplemented { .. }
            | E::NotSupported { .. } => true,
            _ => code.is_some_and(|code| !PASSING.contains(&code)),
        };
        let text = code.map_or_else(|| said.to_owned(), |code| format!("{code} ({said})"));
        Self { text, is_refusal }
    }
}

/// `NoSuchBucket` of `…<Code>NoSuchBucket</Code>…`
fn code_in(text: &str) -> Option<&str> {
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    (code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreFault {
        StoreFault::from(&object_store::Error::Generic { store: "S3", source: text.into() })
    }

    #[test]
    fn a_fault_tells_the_code_and_nothing_else_of_the_answer() {
        let fault =
            generic("status code: 403 Forbidden: <Error><Code>AccessDenied</Code><Key>a/b</Key></Error>");
        assert_eq!(fault.to_string(), "AccessDenied (status code: 403 Forbidden)");
        assert!(fault.is_refusal);
        let fault = generic("status code: 503: <Error><Code>SlowDown</Code></Error>");
        assert!(!fault.is_refusal, "it may be over in a moment");
        assert!(!generic("Connection refused (os error 111)").is_refusal);
    }

    #[test]
    fn what_is_missing_is_not_named() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let path = "1/0123/data".to_owned();
        let fault = StoreFault::from(&object_store::Error::NotFound { path, source: source.into() });
        assert!(!fault.to_string().contains("0123") && fault.is_refusal, "{fault}");
    }
}
