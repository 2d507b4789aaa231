//! `request_email_verification` (customers, 3.6): a mail with a link goes to the customer's address, and whoever opens the
//! link and says yes has shown that it is theirs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::customers::ChangedProfile;
use super::error::of_store;
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use crate::domain::customer::Customer;
use crate::domain::email_verification::VALID;
use crate::domain::id::{CustomerId, LicenseId};
use crate::domain::license::License;
use crate::domain::mail_address::{MailAddress, NoMailAddress};
use crate::outgoing::{Fetcher, MailError};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;

/// What links are signed for.
const SCOPE: &str = "verify-email";
const SUBJECT: &str = "Please confirm your e-mail address";

/// What a link names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailLink {
    /// The tenant.
    pub license: LicenseId,
    customer: CustomerId,
    number: String,
}

impl Requests {
    pub(super) async fn request_email_verification(
        &self,
        call: &Call<'_>,
        callback: String,
    ) -> Result<String, WireError> {
        let wrong = |error| WireError::validation(format!("`callback_uri`: {error}"));
        let url = Fetcher::parse(&callback).map_err(wrong)?;
        self.parts.fetcher.check(&url).map_err(wrong)?;
        let (license, id) = (call.who.license_id(), customer_id(call.who)?);
        let profile = self.parts.customers.profile(license, id).await;
        let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
        let email = profile.email.filter(|email| !email.is_empty());
        let email = email.ok_or_else(|| WireError::validation("the customer has no `email` to verify"))?;
        if profile.email_verified {
            self.call_back(&callback, &email).await;
            return Ok(EMPTY.to_owned());
        }
        let Some(mailer) = &self.parts.mailer else {
            return Err(WireError::new(ErrorType::NotAllowed, "this server sends no mail"));
        };
        let to: MailAddress = email.parse().map_err(|error: NoMailAddress| of_mail(&error.into()))?;
        let now = self.parts.actors.clock().now();
        let fresh = self.parts.actors.ids().uuid().simple().to_string();
        let asked = self.parts.customers.change_email_verification(license, id, |verification| {
            verification.ask(&email, &callback, &fresh, now)
        });
        let too_many = || WireError::new(ErrorType::TooManyRequests, "too many mails were sent lately");
        let number = asked.await.map_err(|error| of_store(&error))?.ok_or_else(too_many)?;
        let link = EmailLink { license, customer: id.clone(), number };
        let link = self.parts.pages.seal_until(SCOPE, &link, now.after(VALID));
        let link = format!("{}/verify-email/{link}", self.parts.base_url);
        let sent = match self.parts.customers.count_mail(license, &email, now).await {
            Ok(true) => mailer.send(&to, SUBJECT, &text(&link)).await.map_err(|error| of_mail(&error)),
            Ok(false) => Err(too_many()),
            Err(error) => Err(of_store(&error)),
        };
        if let Err(refused) = sent {
            let withdrawn = self
                .parts
                .customers
                .change_email_verification(license, id, |verification| verification.withdraw(&callback));
            withdrawn.await.map_err(|error| of_store(&error))?;
            return Err(refused);
        }
        Ok(EMPTY.to_owned())
    }

    /// What the path of a link names; none if this server did not make it, or too long ago.
    pub fn email_link(&self, token: &str) -> Option<EmailLink> {
        self.parts.pages.open(SCOPE, token, self.parts.actors.clock().now()).ok()
    }

    /// Whoever has the link says yes: the address is the customer's. False if the link is no longer good.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it; the link is good for another try.
    pub async fn confirm_email(
        self: &Arc<Self>,
        license: &Arc<License>,
        link: &EmailLink,
    ) -> Result<bool, WireError> {
        let (id, now) = (&link.customer, self.parts.actors.clock().now());
        let customers = &self.parts.customers;
        let known = customers.email_verification(license.id, id).await.map_err(|error| of_store(&error))?;
        let Some((email, is_used)) = known.proves(&link.number, now) else { return Ok(false) };
        let profile = customers.profile(license.id, id).await.map_err(|error| of_store(&error))?;
        if profile.is_none_or(|profile| {
            profile.email.as_deref() != Some(email) || (is_used && !profile.email_verified)
        }) {
            return Ok(false);
        }
        if is_used {
            return Ok(true);
        }
        // What is cut short here is done again by the next try: the link is used up last.
        let verified = customers.verify_email(license.id, id, email).await;
        let ChangedProfile { before, now: profile } = verified.map_err(|error| of_store(&error))?;
        if !profile.email_verified || profile.email.as_deref() != Some(email) {
            return Ok(false);
        }
        let customer = Customer { id: id.clone(), profile };
        self.tell_profile(license, customer, before, None, (None, Surface::Customer)).await?;
        let used = customers
            .change_email_verification(license.id, id, |verification| verification.use_up(&link.number, now));
        if let Some(callbacks) = used.await.map_err(|error| of_store(&error))? {
            let (requests, email) = (self.clone(), email.to_owned());
            actix_rt::spawn(async move {
                let calls = callbacks.iter().map(|callback| requests.call_back(callback, &email));
                futures_util::future::join_all(calls).await;
            });
        }
        Ok(true)
    }

    /// Once, whatever comes of it.
    async fn call_back(&self, callback: &str, email: &str) {
        let body = serde_json::json!({ "email": email }).to_string();
        let Ok(url) = Fetcher::parse(callback) else { return };
        if let Err(error) = self.parts.fetcher.post(url, body).await {
            tracing::debug!(%error, "nobody was told of a verified e-mail address");
        }
    }
}

/// Nothing in it is of the customer's choice, so nobody can be told anything by it.
fn text(link: &str) -> String {
    format!(
        "Somebody who chats with us, most likely you, has given this e-mail address as theirs.\n\n\
         To confirm that it is yours, open this page and press the button there:\n\n{link}\n\n\
         It works for 7 days. If it was not you, there is nothing to do.\n"
    )
}

fn of_mail(error: &MailError) -> WireError {
    match error {
        MailError::Refused => WireError::validation(format!("`email`: {error}")),
        MailError::Busy => WireError::of(ErrorType::TooManyRequests),
        MailError::Relay(_) | MailError::Setting(_) => {
            tracing::warn!(%error, "a mail was not sent");
            WireError::of(ErrorType::ServiceUnavailable)
        }
    }
}
