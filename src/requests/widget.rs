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

impl Requests {
    /// Carries out a call that needs no token. The answer is the response's payload as JSON text.
    ///
    /// # Errors
    /// The protocol's.
    pub async fn handle_open(
        &self,
        license: &Arc<License>,
        method: &'static Method,
        payload: &RawValue,
    ) -> Result<String, WireError> {
        match decode(method, Some(payload))? {
            Request::Widget(request) => self.widget(license, request).await,
            _ => Err(WireError::of(ErrorType::Authentication)),
        }
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
            WidgetRequest::Configuration { group } => Ok(view.configuration(&group_of(license, group)?)),
            WidgetRequest::Localization { group, language } => {
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
        let snapshot = self.parts.actors.router(license.id).snapshot().await;
        let snapshot = snapshot.map_err(|error| of_ask(error, Surface::Customer))?;
        Ok(u64::from(snapshot.served) >= most)
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

fn group_of(license: &License, group: GroupId) -> Result<GroupWidget<'_>, WireError> {
    license.widget(group).ok_or_else(|| WireError::of(ErrorType::GroupNotFound))
}
