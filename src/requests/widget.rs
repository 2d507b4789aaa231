//! What customers' pages ask before they show anything, most of it before anybody has a token.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::error::of_ask;
use super::pipeline::{Call, Requests};
use crate::domain::id::GroupId;
use crate::domain::license::License;
use crate::domain::widget::{FormKind, GroupWidget};
use crate::outgoing::Fetcher;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::Method;
use crate::protocol::request::{Request, WidgetRequest, decode};
use crate::protocol::version::Surface;
use crate::protocol::view::{Moment, View};
use crate::tenants::Origin;

/// An answer to somebody who may have no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The response's payload as JSON text.
    pub payload: String,
    /// It is what the version that was asked for will always say.
    pub lasts: bool,
}

impl Requests {
    /// Carries out a call that needs no token.
    ///
    /// # Errors
    /// The protocol's.
    pub async fn handle_open(
        &self,
        license: &Arc<License>,
        method: &'static Method,
        payload: &RawValue,
    ) -> Result<Opened, WireError> {
        let Request::Widget(request) = decode(method, Some(payload))? else {
            return Err(WireError::of(ErrorType::Authentication));
        };
        let lasts = is_current(license, &request)?;
        Ok(Opened { payload: self.widget(license, request).await?, lasts })
    }

    pub(super) async fn widget(
        &self,
        license: &Arc<License>,
        request: WidgetRequest,
    ) -> Result<String, WireError> {
        let view = View::of_customers(license);
        match request {
            WidgetRequest::LicenseProperties(wanted) => Ok(view.license_properties(&wanted)),
            WidgetRequest::GroupProperties { group, wanted } => {
                Ok(view.group_properties(&group_of(license, group)?, &wanted))
            }
            WidgetRequest::Configuration { group, .. } => Ok(view.configuration(&group_of(license, group)?)),
            WidgetRequest::Localization { group, language, .. } => {
                Ok(view.localization(&group_of(license, group)?, &language))
            }
            WidgetRequest::DynamicConfiguration { group: id, url } => {
                let group = group_of(license, id)?;
                let router = self.parts.actors.router(license.id);
                let online = router.online_groups().await;
                let online = online.map_err(|error| of_ask(error, Surface::Customer))?;
                let now = Moment {
                    client_limit_exceeded: self.is_full(license).await?,
                    domain_allowed: url.is_none_or(|url| self.is_trusted(license, &url)),
                    online_groups: &online,
                };
                Ok(view.dynamic_configuration(id, &group, &now))
            }
        }
    }

    pub(super) fn get_form(
        &self,
        call: &Call<'_>,
        group: GroupId,
        kind: FormKind,
    ) -> Result<String, WireError> {
        let form = group_of(&call.who.license, group)?.form(kind);
        Ok(self.view(call).form(form.as_ref()))
    }

    /// Are as many chats served as the license may have at once?
    async fn is_full(&self, license: &License) -> Result<bool, WireError> {
        let Some(most) = self.parts.actors.licenses().routing_rules(license).concurrent_chats else {
            return Ok(false);
        };
        let served = self.parts.actors.router(license.id).served().await;
        Ok(u64::from(served.map_err(|error| of_ask(error, Surface::Customer))?) >= most)
    }

    /// Is the page of an origin from which a client of the license may be used?
    fn is_trusted(&self, license: &License, page: &str) -> bool {
        let own = Origin::parse(self.base_url());
        let origin = Fetcher::parse(page).ok().map(|url| url.origin().ascii_serialization());
        let (Some(origin), Some(own)) = (origin.and_then(|origin| Origin::parse(&origin)), own) else {
            return false;
        };
        license.clients.values().any(|client| origin.is_allowed(client, &own))
    }
}

/// Whether a request names the version that this node knows. Another node may have heard of a later one, or not yet of this
/// one: an answer to another version must not be taken for that.
fn is_current(license: &License, request: &WidgetRequest) -> Result<bool, WireError> {
    let view = View::of_customers(license);
    Ok(match request {
        WidgetRequest::Configuration { group, version } => {
            view.configuration_version(&group_of(license, *group)?) == *version
        }
        WidgetRequest::Localization { group, version, .. } => {
            view.localization_version(&group_of(license, *group)?) == *version
        }
        _ => false,
    })
}

fn group_of(license: &License, group: GroupId) -> Result<GroupWidget<'_>, WireError> {
    license.widget(group).ok_or_else(|| WireError::of(ErrorType::GroupNotFound))
}
