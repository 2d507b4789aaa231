//! The one table of errors: wire name, default message and HTTP status, and how a domain's no becomes one.

use serde::Serialize;
use serde_json::Value;

use super::version::Surface;
use crate::domain::rejection::Rejection;

macro_rules! error_types {
    ($($name:ident = $wire:literal, $status:literal, $message:literal;)*) => {
        /// The error types of both surfaces. The statuses are those of `customer-3.6.json`; agents' own types
        /// follow `architecture.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are the protocol's")]
        pub enum ErrorType {
            $($name),*
        }

        impl ErrorType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in `error.type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),* }
            }

            /// What is said where there is nothing more exact to say.
            pub fn default_message(self) -> &'static str {
                match self { $(Self::$name => $message),* }
            }

            /// The status of a web answer.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

error_types! {
    AgentOffline = "agent_offline", 422, "Agent offline";
    Authentication = "authentication", 401, "Authentication error";
    Authorization = "authorization", 403, "Authorization error";
    ChatAnonymized = "chat_anonymized", 422, "Chat anonymized";
    ChatInactive = "chat_inactive", 422, "Chat is inactive";
    CustomerBanned = "customer_banned", 403, "Customer is banned";
    EntityTooLarge = "entity_too_large", 413, "Upload limit exceeded (10MB).";
    GreetingNotFound = "greeting_not_found", 404, "Greeting not found";
    GroupNotFound = "group_not_found", 404, "Group not found";
    GroupOffline = "group_offline", 422, "Group is offline";
    GroupUnavailable = "group_unavailable", 422, "No agent available for group";
    GroupsOffline = "groups_offline", 422, "Groups offline";
    Internal = "internal", 500, "Internal server error";
    LicenseExpired = "license_expired", 402, "License expired";
    LicenseNotFound = "license_not_found", 404, "License not found";
    LimitReached = "limit_reached", 422, "Limit reached";
    MisdirectedRequest = "misdirected_request", 421, "Wrong region";
    MissingAccess = "missing_access", 403, "Missing access";
    NotAllowed = "not_allowed", 403, "Not allowed";
    NotFound = "not_found", 404, "Not found";
    PendingRequestsLimitReached = "pending_requests_limit_reached", 429, "Requests limit reached";
    RequestTimeout = "request_timeout", 504, "Request timed out";
    RequesterAlreadyOffline = "requester_already_offline", 422, "Requester is already offline";
    RequesterAwaitingApproval = "requester_awaiting_approval", 403, "Requester awaiting approval";
    RequesterSuspended = "requester_suspended", 403, "Requester suspended";
    SeatsLimitExceeded = "seats_limit_exceeded", 422, "Seats limit exceeded";
    ServiceUnavailable = "service_unavailable", 503, "Service unavailable";
    TooManyRequests = "too_many_requests", 429, "Too many requests";
    UnsupportedVersion = "unsupported_version", 400, "Cannot call unsupported API versions.";
    UsersLimitReached = "users_limit_reached", 422, "Users limit reached";
    Validation = "validation", 400, "Wrong format of request";
    WrongProductVersion = "wrong_product_version", 422, "Wrong product version";
}

/// Bytes of a message, and what a longer one ends with.
const MAX_MESSAGE: usize = 512;
const CUT: &str = "…";

/// An error as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Its type.
    pub kind: ErrorType,
    /// What went wrong, for people.
    pub message: String,
    /// More, for programs; most errors have none.
    pub data: Option<Value>,
}

impl WireError {
    /// An error with its own message, which is cut where it repeats too much of what a client wrote.
    pub fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE - CUT.len()));
            message.push_str(CUT);
        }
        Self { kind, message, data: None }
    }

    /// An error with the default message of its type.
    pub fn of(kind: ErrorType) -> Self {
        Self::new(kind, kind.default_message())
    }

    /// A request has a wrong shape or value; the message names the parameter.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Validation, message)
    }

    /// The domain's no, in a type that the surface has.
    pub fn from_rejection(rejection: Rejection, surface: Surface) -> Self {
        use Surface::{Agent, Customer};
        let kind = match (&rejection, surface) {
            (Rejection::Validation { .. }, _) => ErrorType::Validation,
            (Rejection::NotFound(_), _) | (Rejection::GroupNotFound(_), Agent) => ErrorType::NotFound,
            (Rejection::GroupNotFound(_), Customer) => ErrorType::GroupNotFound,
            (Rejection::MissingAccess(_), Agent) => ErrorType::MissingAccess,
            (Rejection::NotAllowed(_), Customer) => ErrorType::NotAllowed,
            (Rejection::Authorization(_), _)
            | (Rejection::NotAllowed(_), Agent)
            | (Rejection::MissingAccess(_), Customer)
            | (Rejection::CustomerBanned, Agent) => ErrorType::Authorization,
            (Rejection::CustomerBanned, Customer) => ErrorType::CustomerBanned,
            (Rejection::ChatInactive, _) => ErrorType::ChatInactive,
            (Rejection::LimitReached(_), _) => ErrorType::LimitReached,
            (Rejection::AgentOffline | Rejection::GroupsOffline, Agent) => ErrorType::AgentOffline,
            (Rejection::AgentOffline | Rejection::GroupsOffline, Customer) => ErrorType::GroupsOffline,
        };
        Self::new(kind, rejection.to_string())
    }

    /// The status of a web answer.
    pub fn http_status(&self) -> u16 {
        self.kind.http_status()
    }

    /// The body of a web answer, and the payload of an RTM one: `{"error":{"type","message","data"?}}`.
    pub fn body(&self) -> String {
        #[derive(Serialize)]
        struct Inner<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a Value>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            error: Inner<'a>,
        }
        let error = Inner { kind: self.kind.as_str(), message: &self.message, data: self.data.as_ref() };
        super::view::json(&Body { error })
    }
}
