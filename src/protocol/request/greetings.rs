//! `accept_greeting`, `cancel_greeting` and `send_greeting_button_clicked`.

use serde::Deserialize;

use super::value::IncomingId;
use super::{Payload, Request};
use crate::protocol::error::WireError;

/// `accept_greeting`.
pub(super) fn accept_greeting(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        greeting_id: i64,
        unique_id: String,
    }
    let Wire { greeting_id: greeting, unique_id } = payload.read()?;
    Ok(Request::AcceptGreeting { greeting, unique_id: unique_id.checked("unique_id")? })
}

/// `cancel_greeting`.
pub(super) fn cancel_greeting(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        unique_id: String,
    }
    let Wire { unique_id } = payload.read()?;
    Ok(Request::CancelGreeting { unique_id: unique_id.checked("unique_id")? })
}

/// `send_greeting_button_clicked`.
pub(super) fn send_greeting_button_clicked(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        greeting_unique_id: String,
        button_id: String,
    }
    let Wire { greeting_unique_id, button_id } = payload.read()?;
    Ok(Request::SendGreetingButtonClicked {
        unique_id: greeting_unique_id.checked("greeting_unique_id")?,
        button: button_id.checked("button_id")?,
    })
}
