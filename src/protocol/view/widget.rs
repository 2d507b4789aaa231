//! What customers' pages are told of a license or a group: configuration, phrases, properties, forms.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::properties::Readable;
use super::{View, hex, json};
use crate::domain::id::{GroupId, OrganizationId};
use crate::domain::properties::{Properties, Wanted};
use crate::domain::property_definitions::Location;
use crate::domain::widget::{ChatButton, Form, FormKind, GroupWidget};

/// What changes from one moment to the next.
#[derive(Clone, Debug)]
pub struct Moment<'a> {
    /// No more customers can be served at once.
    pub client_limit_exceeded: bool,
    /// The page that asks may show the chat.
    pub domain_allowed: bool,
    /// Groups in which somebody accepts chats.
    pub online_groups: &'a [GroupId],
}

/// 32 hex digits that change with a text.
fn version(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..16])
}

impl View<'_> {
    /// The properties of the license: `list_license_properties`.
    pub fn license_properties(&self, wanted: &Wanted) -> String {
        let properties = wanted.among(&self.license.settings.widget.properties);
        json(&self.at(Location::License, &properties))
    }

    /// The properties of a group: `list_group_properties`.
    pub fn group_properties(&self, group: &GroupWidget<'_>, wanted: &Wanted) -> String {
        let properties = group.properties().map(|properties| wanted.among(properties)).unwrap_or_default();
        json(&self.at(Location::Group, &properties))
    }

    fn at<'p>(&'p self, location: Location, properties: &'p Properties) -> Readable<'p, Properties> {
        Readable { view: *self, location, properties }
    }

    /// `get_form`.
    pub fn form(&self, form: Option<&Form>) -> String {
        #[derive(Serialize)]
        struct Answer<'f> {
            enabled: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            form: Option<&'f Form>,
        }
        json(&Answer { enabled: form.is_some(), form })
    }

    /// `get_configuration`.
    pub fn configuration(&self, group: &GroupWidget<'_>) -> String {
        #[derive(Serialize)]
        struct Answer<'c> {
            buttons: &'c [ChatButton],
            #[serde(skip_serializing_if = "Option::is_none")]
            ticket_form: Option<Form>,
            #[serde(skip_serializing_if = "Option::is_none")]
            prechat_form: Option<Form>,
            /// There are none.
            integrations: BTreeMap<String, String>,
            properties: Both<'c>,
        }
        #[derive(Serialize)]
        struct Both<'c> {
            group: Readable<'c, Properties>,
            license: Readable<'c, Properties>,
        }
        let nothing = Properties::new();
        json(&Answer {
            buttons: group.buttons(),
            ticket_form: group.form(FormKind::Ticket),
            prechat_form: group.form(FormKind::Prechat),
            integrations: BTreeMap::new(),
            properties: Both {
                group: self.at(Location::Group, group.properties().unwrap_or(&nothing)),
                license: self.at(Location::License, &self.license.settings.widget.properties),
            },
        })
    }

    /// The version of what [`Self::configuration`] says.
    pub fn configuration_version(&self, group: &GroupWidget<'_>) -> String {
        version(&self.configuration(group))
    }

    /// The version of what [`Self::localization`] says in any language.
    pub fn localization_version(&self, group: &GroupWidget<'_>) -> String {
        version(&json(&group.phrases()))
    }

    /// `get_dynamic_configuration`.
    pub fn dynamic_configuration(&self, id: GroupId, group: &GroupWidget<'_>, now: &Moment<'_>) -> String {
        #[derive(Serialize)]
        struct Answer<'c> {
            organization_id: OrganizationId,
            default_widget: &'static str,
            livechat_active: bool,
            livechat: LiveChat<'c>,
        }
        #[derive(Serialize)]
        struct LiveChat<'c> {
            group_id: GroupId,
            client_limit_exceeded: bool,
            domain_allowed: bool,
            #[serde(skip_serializing_if = "<[GroupId]>::is_empty")]
            online_group_ids: &'c [GroupId],
            config_version: String,
            localization_version: String,
            language: &'c str,
        }
        json(&Answer {
            organization_id: self.license.organization_id,
            default_widget: "livechat",
            livechat_active: true,
            livechat: LiveChat {
                group_id: id,
                client_limit_exceeded: now.client_limit_exceeded,
                domain_allowed: now.domain_allowed,
                online_group_ids: now.online_groups,
                config_version: self.configuration_version(group),
                localization_version: self.localization_version(group),
                language: group.language(),
            },
        })
    }

    /// `get_localization`: nothing for a language without phrases, and the page keeps its own.
    pub fn localization(&self, group: &GroupWidget<'_>, language: &str) -> String {
        json(&group.phrases().remove(language).unwrap_or_default())
    }
}
