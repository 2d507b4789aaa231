//! `update_customer`, and the same fields in a customer's `login`.

use serde::{Deserialize, Serialize};

use super::value::SessionField;
use super::{Payload, Request};
use crate::domain::customer::{Address, CustomerUpdate};
use crate::domain::event::Json;
use crate::protocol::error::WireError;

/// What a customer says of themselves.
#[derive(Deserialize)]
pub(super) struct WireCustomer {
    name: Option<String>,
    email: Option<String>,
    avatar: Option<String>,
    session_fields: Option<Vec<SessionField>>,
    address: Option<Address>,
    omnichannel: Option<WireOmnichannel>,
}

/// As requests spell it; the structure has lists under other names.
#[derive(Deserialize)]
struct WireOmnichannel {
    fbmessenger: Option<Messenger>,
    twilio: Option<Twilio>,
}

#[derive(Serialize)]
struct Omnichannel {
    #[serde(skip_serializing_if = "Option::is_none")]
    fb_messenger: Option<[Messenger; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twilio: Option<[Twilio; 1]>,
}

#[derive(Serialize, Deserialize)]
struct Messenger {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_pic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_verified_user: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct Twilio {
    phone_number: String,
}

impl WireOmnichannel {
    /// In the form of the structure, ready to be shown; none where it names no network.
    fn into_json(self) -> Option<Json> {
        if self.fbmessenger.is_none() && self.twilio.is_none() {
            return None;
        }
        let shown = Omnichannel {
            fb_messenger: self.fbmessenger.map(|messenger| [messenger]),
            twilio: self.twilio.map(|twilio| [twilio]),
        };
        serde_json::value::to_raw_value(&shown).ok().map(Json)
    }
}

impl WireCustomer {
    pub(super) fn into_update(self) -> CustomerUpdate {
        let pairs = |fields: Vec<SessionField>| {
            fields.into_iter().map(|SessionField(key, value)| (key, value)).collect()
        };
        CustomerUpdate {
            name: self.name,
            email: self.email,
            avatar: self.avatar,
            session_fields: self.session_fields.map(pairs),
            address: self.address,
            omnichannel: self.omnichannel.and_then(WireOmnichannel::into_json),
        }
    }
}

/// `update_customer`: at least one field must be given.
pub(super) fn update_customer(payload: Payload<'_>) -> Result<Request, WireError> {
    let update = payload.read::<WireCustomer>()?.into_update();
    if update.is_empty() {
        let fields = "name, email, avatar, session_fields, omnichannel, address";
        return Err(WireError::validation(format!("at least one of {fields} is required")));
    }
    Ok(Request::UpdateCustomer(update))
}
