//! `update_customer_page`, `get_url_info`, `request_email_verification`, `subscribe_customers` and `unsubscribe_customers`.

use serde::Deserialize;

use super::value::{IncomingId, check_groups};
use super::{Payload, Request};
use crate::domain::id::GroupId;
use crate::domain::visit::NewPage;
use crate::domain::watch::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::protocol::error::WireError;

/// Bytes of an address.
const MAX_ADDRESS: usize = 2_048;

/// `update_customer_page`.
pub(super) fn update_customer_page(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        url: String,
        title: Option<String>,
    }
    let Wire { url, title } = payload.read()?;
    if url.is_empty() {
        return Err(WireError::validation("`url` must not be empty"));
    }
    Ok(Request::UpdateCustomerPage(NewPage { url, title }))
}

/// `get_url_info`: whether it is a web address is for who fetches it.
pub(super) fn get_url_info(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        url: String,
    }
    let Wire { url } = payload.read()?;
    if url.len() > MAX_ADDRESS {
        return Err(WireError::validation(format!("`url` must have at most {MAX_ADDRESS} bytes")));
    }
    Ok(Request::GetUrlInfo(url))
}

/// `request_email_verification`; of the address holds the same.
pub(super) fn request_email_verification(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        callback_uri: String,
    }
    let Wire { callback_uri: callback } = payload.read()?;
    if callback.len() > MAX_ADDRESS {
        return Err(WireError::validation(format!("`callback_uri` must have at most {MAX_ADDRESS} bytes")));
    }
    Ok(Request::RequestEmailVerification { callback })
}

/// `subscribe_customers`.
pub(super) fn subscribe_customers(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        group_ids: Option<Vec<GroupId>>,
        limit: Option<i64>,
    }
    let Wire { group_ids, limit } = payload.read()?;
    check_groups("group_ids", group_ids.as_deref().unwrap_or_default())?;
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| WireError::validation(format!("`limit` must be from 1 to {MAX_LIMIT}")))?,
    };
    Ok(Request::SubscribeCustomers { groups: group_ids, limit })
}

/// `unsubscribe_customers`.
pub(super) fn unsubscribe_customers(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        subscription_id: String,
    }
    let Wire { subscription_id } = payload.read()?;
    Ok(Request::UnsubscribeCustomers { subscription: subscription_id.checked("subscription_id")? })
}
