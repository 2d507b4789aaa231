//! What the inside answers, as the protocol's errors: the one place where the two meet.

use crate::actors::AskError;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;
use crate::store::StoreError;

/// An actor's refusal on the wire. Causes are logged, not told.
pub(super) fn of_ask(error: AskError, surface: Surface) -> WireError {
    match error {
        AskError::Rejected(rejection) => WireError::from_rejection(rejection, surface),
        AskError::Busy => WireError::of(ErrorType::TooManyRequests),
        AskError::NotOwner | AskError::Unreachable | AskError::Unconfirmed | AskError::Stopped => {
            WireError::of(ErrorType::ServiceUnavailable)
        }
        AskError::Deadline => WireError::of(ErrorType::RequestTimeout),
        AskError::Store(error) => of_store(&error),
        AskError::NoLicense => WireError::of(ErrorType::LicenseNotFound),
    }
}

/// A store's refusal on the wire.
pub(super) fn of_store(error: &StoreError) -> WireError {
    match error {
        StoreError::Unavailable(_) | StoreError::Full { .. } | StoreError::OutcomeUnknown(_) => {
            tracing::warn!(%error, "the store refused");
            WireError::of(ErrorType::ServiceUnavailable)
        }
        StoreError::Overloaded(_) => {
            tracing::debug!(%error, "the store refused");
            WireError::of(ErrorType::TooManyRequests)
        }
        StoreError::TooLarge { .. } => WireError::of(ErrorType::Validation),
        StoreError::Corrupt { .. }
        | StoreError::Failed(_)
        | StoreError::Hole { .. }
        | StoreError::Refused(_) => {
            tracing::error!(%error, "the store failed");
            WireError::of(ErrorType::Internal)
        }
    }
}
