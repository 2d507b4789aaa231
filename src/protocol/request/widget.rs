//! What customers' pages ask before they show anything: configuration, phrases, properties, forms.

use serde::Deserialize;

use super::{Payload, Request};
use crate::domain::id::GroupId;
use crate::domain::properties::Wanted;
use crate::domain::widget::FormKind;
use crate::protocol::error::WireError;

/// A question that needs no token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum WidgetRequest {
    LicenseProperties(Wanted),
    GroupProperties {
        group: GroupId,
        wanted: Wanted,
    },
    DynamicConfiguration {
        group: GroupId,
        /// The page that asks.
        url: Option<String>,
    },
    Configuration {
        group: GroupId,
        version: String,
    },
    Localization {
        group: GroupId,
        language: String,
        version: String,
    },
}

/// `get_dynamic_configuration`. That a call is a test, or of some channel, changes nothing of the answer.
pub(super) fn get_dynamic_configuration(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "organization_id")]
        _organization_id: Option<String>,
        #[serde(rename = "license_id")]
        _license_id: Option<i64>,
        group_id: Option<GroupId>,
        url: Option<String>,
        #[serde(rename = "channel_type")]
        _channel_type: Option<String>,
        #[serde(rename = "test")]
        _test: Option<bool>,
    }
    let Wire { group_id, url, .. } = payload.read()?;
    let group = group_id.unwrap_or(GroupId::ALL);
    Ok(Request::Widget(WidgetRequest::DynamicConfiguration { group, url }))
}

/// `get_configuration`: what holds now, whichever version is named. A page that read the number a moment before a
/// change gets what it would get next.
pub(super) fn get_configuration(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "organization_id")]
        _organization_id: String,
        group_id: GroupId,
        version: String,
    }
    let Wire { group_id: group, version, .. } = payload.read()?;
    Ok(Request::Widget(WidgetRequest::Configuration { group, version }))
}

/// `get_localization`; of its version holds the same.
pub(super) fn get_localization(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "organization_id")]
        _organization_id: String,
        group_id: GroupId,
        language: String,
        version: String,
    }
    let Wire { group_id: group, language, version, .. } = payload.read()?;
    Ok(Request::Widget(WidgetRequest::Localization { group, language, version }))
}

/// `list_license_properties`.
pub(super) fn list_license_properties(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "organization_id")]
        _organization_id: String,
        namespace: Option<String>,
        name: Option<String>,
    }
    let Wire { namespace, name, .. } = payload.read()?;
    Ok(Request::Widget(WidgetRequest::LicenseProperties(Wanted { namespace, name })))
}

/// `list_group_properties`.
pub(super) fn list_group_properties(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "organization_id")]
        _organization_id: String,
        id: GroupId,
        namespace: Option<String>,
        name: Option<String>,
    }
    let Wire { id: group, namespace, name, .. } = payload.read()?;
    let wanted = Wanted { namespace, name };
    Ok(Request::Widget(WidgetRequest::GroupProperties { group, wanted }))
}

/// `get_form`.
pub(super) fn get_form(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        group_id: GroupId,
        #[serde(rename = "type")]
        kind: FormKind,
    }
    let Wire { group_id: group, kind } = payload.read()?;
    Ok(Request::GetForm { group, kind })
}
