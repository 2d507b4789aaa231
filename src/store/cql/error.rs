//! What errors of the driver mean to a caller.

use std::sync::Arc;
use std::time::Duration;

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PagerExecutionError, PrepareError, RequestAttemptError,
    SchemaAgreementError,
};

use crate::store::{Cause, StoreError};

/// Why the store could not be opened or its schema brought up to date, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keyspace cannot be named so.
    #[error(
        "{0:?} cannot name a keyspace: use up to 48 small letters, digits and _, beginning with a letter"
    )]
    KeyspaceName(String),
    /// No contact point answers.
    #[error("the database cannot be reached at {}; check that it runs and the contact points are right", .contact_points.join(", "))]
    Unreachable {
        /// Where it was tried.
        contact_points: Vec<String>,
        /// What the driver says.
        source: Box<NewSessionError>,
    },
    /// It is there, and does not know the role, or not by this password.
    #[error("the database at {} refuses the role or its password; check cql.user and cql.password", .contact_points.join(", "))]
    LoginRefused {
        /// Where it was tried.
        contact_points: Vec<String>,
        /// What the driver says.
        source: Box<NewSessionError>,
    },
    /// It answers, but not to this question now.
    #[error("the database did not answer while {doing}")]
    NotNow {
        /// What was being done.
        doing: &'static str,
        /// What the driver says.
        source: Cause,
    },
    /// It refuses.
    #[error(
        "the database refused a statement while {doing}; check the rights of the role and the version of the server"
    )]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What the driver says.
        source: Cause,
    },
    /// The keyspace or some of its tables are not there.
    #[error(
        "the schema of keyspace {keyspace} is not there or behind ({missing} is missing); run `switchboard migrate`"
    )]
    SchemaBehind {
        /// The keyspace.
        keyspace: String,
        /// The first migration that was not applied.
        missing: &'static str,
    },
    /// A newer build was here.
    #[error(
        "the schema of keyspace {keyspace} is newer than this build (it has {found}); use the newer version of switchboard"
    )]
    SchemaNewer {
        /// The keyspace.
        keyspace: String,
        /// A migration that this build does not know.
        found: String,
    },
    /// A migration differs from what was applied.
    #[error(
        "migration {name} is not the one that was applied to keyspace {keyspace}: released migrations must not be changed; \
         use the build that made this schema, or one after it"
    )]
    SchemaChanged {
        /// The keyspace.
        keyspace: String,
        /// The migration.
        name: &'static str,
    },
    /// Writes with the epoch as timestamp would be refused.
    #[error(
        "the database refuses old write timestamps ({setting} is set), which Switchboard needs; unset it"
    )]
    TimestampsRefused {
        /// The setting.
        setting: &'static str,
    },
    /// The database's nodes do not agree about the schema.
    #[error(
        "the nodes of the database do not agree about the schema; see `nodetool describecluster`, then try again"
    )]
    Disagreement(#[source] Box<SchemaAgreementError>),
    /// Another node is migrating and does not come to an end.
    #[error(
        "another node is migrating keyspace {keyspace} (lease of {holder}); wait for it, or for its lease to run out"
    )]
    LeaseHeld {
        /// The keyspace.
        keyspace: String,
        /// Who holds the lease.
        holder: String,
    },
    /// The lease was lost between two statements.
    #[error("this node was too slow and lost the lease of the migration; run it again")]
    LeaseLost,
}

impl OpenError {
    /// Whether waiting may mend it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotNow { .. } | Self::Disagreement(_))
    }

    /// Judges a failed attempt to connect.
    pub(super) fn of_connecting(contact_points: &[String], error: NewSessionError) -> Self {
        let (contact_points, source) = (contact_points.to_vec(), Box::new(error));
        match is_login_refused(&source) {
            true => Self::LoginRefused { contact_points, source },
            false => Self::Unreachable { contact_points, source },
        }
    }

    /// Judges a failed statement.
    pub(super) fn of(doing: &'static str, error: ExecutionError) -> Self {
        match Fault::of(&error) {
            Fault::Refused => Self::Refused { doing, source: Arc::new(error) },
            Fault::NotDone | Fault::Unknown => Self::NotNow { doing, source: Arc::new(error) },
        }
    }

    /// Judges a failed preparation.
    pub(super) fn of_prepare(doing: &'static str, error: PrepareError) -> Self {
        match &error {
            PrepareError::AllAttemptsFailed { first_attempt } if is_refusal(first_attempt) => {
                Self::Refused { doing, source: Arc::new(error) }
            }
            _ => Self::NotNow { doing, source: Arc::new(error) },
        }
    }
}

fn is_login_refused(error: &NewSessionError) -> bool {
    let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
        last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
    })) = error
    else {
        return false;
    };
    matches!(
        &setup.error,
        ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError | DbError::Unauthorized, _)
            | ConnectionSetupRequestErrorKind::MissingAuthentication
    )
}

/// What a failed request tells about its effect, given that it was sent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It had none.
    NotDone,
    /// It may have had its effect, or may still have it.
    Unknown,
    /// It had none, and will have none next time.
    Refused,
}

impl Fault {
    pub(super) fn of(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => Self::NotDone,
            ExecutionError::LastAttemptError(RequestAttemptError::UnableToAllocStreamId) => Self::NotDone,
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(
                DbError::Unavailable { .. } | DbError::Overloaded | DbError::IsBootstrapping,
                _,
            )) => Self::NotDone,
            ExecutionError::LastAttemptError(attempt) if is_refusal(attempt) => Self::Refused,
            ExecutionError::BadQuery(_) | ExecutionError::PrepareError(_) => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

fn is_refusal(error: &RequestAttemptError) -> bool {
    matches!(
        error,
        RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_)
            | RequestAttemptError::DbError(
                DbError::SyntaxError
                    | DbError::Invalid
                    | DbError::Unauthorized
                    | DbError::AuthenticationError
                    | DbError::ConfigError,
                _
            )
    )
}

/// A read that failed had no effect, whatever happened.
pub(super) fn read_error(error: ExecutionError) -> StoreError {
    match Fault::of(&error) {
        Fault::Refused => StoreError::Refused(Arc::new(error)),
        Fault::NotDone | Fault::Unknown => StoreError::Unavailable(Arc::new(error)),
    }
}

/// The same, for a read by pages.
pub(super) fn pager_error(error: PagerExecutionError) -> StoreError {
    StoreError::Unavailable(Arc::new(error))
}

/// An idempotent write may have been sent several times, and the error is that of the last attempt: another node of the database
/// may have taken what this one refuses, as one does that has not heard of a table or of a right yet. Only what was refused before
/// anything was sent is known to have had no effect.
pub(super) fn write_error(error: ExecutionError) -> StoreError {
    match Fault::of(&error) {
        Fault::Refused if !matches!(error, ExecutionError::LastAttemptError(_)) => {
            StoreError::Refused(Arc::new(error))
        }
        fault => {
            if fault == Fault::Refused {
                tracing::error!(
                    %error,
                    "the database refused a write; check its schema (`switchboard migrate`) and the rights of the role"
                );
            }
            StoreError::OutcomeUnknown(Arc::new(error))
        }
    }
}

/// A result that is not of the shape that its statement gives.
pub(super) fn shape_error(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt { what: "a result of the database", source: Some(Arc::new(error)) }
}

/// No node of the database is connected.
#[derive(Debug, thiserror::Error)]
#[error("no node of the database is connected")]
pub(super) struct NobodyConnected;

/// A SERIAL read did not come through either.
#[derive(Debug, thiserror::Error)]
#[error("a conditional write could not be settled within {} s", .0.as_secs())]
pub(super) struct Unsettled(pub(super) Duration);

#[cfg(test)]
mod tests {
    use scylla::errors::BadQuery;

    use super::*;

    #[test]
    fn a_write_that_a_node_refuses_may_have_been_taken_by_another_before() {
        for refusal in [DbError::Invalid, DbError::Unauthorized, DbError::SyntaxError] {
            let attempt = || RequestAttemptError::DbError(refusal.clone(), "unconfigured table".to_owned());
            let written = write_error(ExecutionError::LastAttemptError(attempt()));
            assert!(matches!(written, StoreError::OutcomeUnknown(_)), "{written:?}");
            let read = read_error(ExecutionError::LastAttemptError(attempt()));
            assert!(matches!(read, StoreError::Refused(_)), "{read:?}");
        }
    }

    #[test]
    fn a_write_that_was_refused_before_it_was_sent_had_no_effect() {
        let written = write_error(ExecutionError::BadQuery(BadQuery::TooManyQueriesInBatchStatement(65_536)));
        assert!(matches!(written, StoreError::Refused(_)), "{written:?}");
    }
}
