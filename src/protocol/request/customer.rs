//! `update_customer`, and the same fields in a customer's `login`.

use serde::{Deserialize, Serialize};

use super::value::{IncomingId, Object, SessionField};
use super::{Payload, Request, Surface};
use crate::domain::customer::{Address, CustomerUpdate};
use crate::domain::event::Json;
use crate::domain::id::{CustomerId, GroupId};
use crate::protocol::error::WireError;

/// What a customer says of themselves.
#[derive(Deserialize)]
pub(super) struct WireCustomer {
    name: Option<String>,
    email: Option<String>,
    avatar: Option<String>,
    phone_number: Option<String>,
    session_fields: Option<Vec<SessionField>>,
    address: Option<Object<Address>>,
    omnichannel: Option<Object<WireOmnichannel>>,
}

/// As requests spell it; the structure has lists under other names.
#[derive(Deserialize)]
struct WireOmnichannel {
    fbmessenger: Option<Object<Messenger>>,
    twilio: Option<Object<Twilio>>,
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
            fb_messenger: self.fbmessenger.map(|Object(messenger)| [messenger]),
            twilio: self.twilio.map(|Object(twilio)| [twilio]),
        };
        serde_json::value::to_raw_value(&shown).ok().map(Json)
    }
}

impl WireCustomer {
    /// Customers' payloads have no phone number: what they say under that name is ignored.
    pub(super) fn into_update(self, surface: Surface) -> CustomerUpdate {
        let pairs = |fields: Vec<SessionField>| {
            fields.into_iter().map(|SessionField(key, value)| (key, value)).collect()
        };
        CustomerUpdate {
            name: self.name,
            email: self.email,
            avatar: self.avatar,
            phone_number: self.phone_number.filter(|_| surface == Surface::Agent),
            session_fields: self.session_fields.map(pairs),
            keeps_fields: false,
            address: self.address.map(|Object(address)| address),
            omnichannel: self.omnichannel.and_then(|Object(networks)| networks.into_json()),
        }
    }
}

/// `get_customer`: agents name whom they mean.
pub(super) fn get_customer(payload: Payload<'_>) -> Result<Request, WireError> {
    if payload.surface() == Surface::Customer {
        return payload.nothing(Request::GetCustomer(None));
    }
    named(payload).map(|customer| Request::GetCustomer(Some(customer)))
}

fn named(payload: Payload<'_>) -> Result<CustomerId, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        id: CustomerId,
    }
    payload.read::<Wire>()?.id.checked("id")
}

/// `set_customer_session_fields`: they replace those that are there.
pub(super) fn set_customer_session_fields(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        session_fields: Vec<SessionField>,
    }
    let Wire { session_fields } = payload.read()?;
    Ok(Request::UpdateCustomer(None, only_fields(session_fields)))
}

fn only_fields(fields: Vec<SessionField>) -> CustomerUpdate {
    let fields = fields.into_iter().map(|SessionField(key, value)| (key, value)).collect();
    CustomerUpdate { session_fields: Some(fields), ..CustomerUpdate::default() }
}

/// `check_goals`.
pub(super) fn check_goals(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        session_fields: Vec<SessionField>,
        group_id: GroupId,
        #[serde(rename = "page_url")]
        _page_url: String,
    }
    let Wire { session_fields, group_id: group, .. } = payload.read()?;
    Ok(Request::CheckGoals { group, fields: only_fields(session_fields) })
}

/// Days that a ban may last: a hundred years.
const MAX_BAN: i64 = 36_525;

/// `ban_customer`.
pub(super) fn ban_customer(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Ban {
        days: i64,
    }
    #[derive(Deserialize)]
    struct Wire {
        id: CustomerId,
        ban: Object<Ban>,
    }
    let Wire { id, ban: Object(ban) } = payload.read()?;
    let days = u32::try_from(ban.days).ok().filter(|days| (1..=MAX_BAN).contains(&i64::from(*days)));
    let days =
        days.ok_or_else(|| WireError::validation(format!("`ban.days` must be from 1 to {MAX_BAN}")))?;
    Ok(Request::BanCustomer { customer: id.checked("id")?, days })
}

/// `update_customer`: at least one field must be given; agents name whom they mean. Session fields are added to those that are
/// there.
pub(super) fn update_customer(payload: Payload<'_>) -> Result<Request, WireError> {
    let surface = payload.surface();
    let update = payload.read::<WireCustomer>()?;
    let customer = if surface == Surface::Agent { Some(named(payload)?) } else { None };
    let update = update.into_update(surface);
    if update.is_empty() {
        let fields = "name, email, avatar, session_fields, omnichannel, address";
        return Err(WireError::validation(format!("at least one of {fields} is required")));
    }
    Ok(Request::UpdateCustomer(customer, CustomerUpdate { keeps_fields: true, ..update }))
}
