//! What is known of a customer.

use serde::{Deserialize, Serialize};

use super::address::check_address;
use super::event::Json;
use super::id::{ChatId, CustomerId};
use super::rejection::Rejection;
use super::time::Timestamp;

/// A customer's profile; structure `User:customer` without what belongs to a chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerProfile {
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The customer has shown that mail to it reaches them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
    /// Picture URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// One-key texts in the order that the client gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_fields: Vec<(String, String)>,
    /// The number of the visit that the session fields belong to; none: they wait for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_fields_of: Option<u32>,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Ids in other networks, carried as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omnichannel: Option<Json>,
    /// First seen.
    #[serde(default)]
    pub created_at: Timestamp,
    /// Chats ever started.
    #[serde(default)]
    pub chats_count: u32,
    /// Threads ever opened.
    #[serde(default)]
    pub threads_count: u32,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct Address {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

/// What `update_customer` or `login` changes; absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct CustomerUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_fields: Option<Vec<(String, String)>>,
    /// Session fields of this visit that are not among the given ones stay; else the given ones replace them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_fields: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omnichannel: Option<Json>,
}

const MAX_TEXT: usize = 1_024;
const MAX_SESSION_FIELDS: usize = 100;
const MAX_OMNICHANNEL: usize = 16 * 1_024;

impl CustomerUpdate {
    /// True if no field is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks lengths and counts, and that nothing is an address that runs.
    ///
    /// # Errors
    /// [`Rejection::Validation`] naming the field, [`Rejection::LimitReached`] for too many session fields.
    pub fn check(&self) -> Result<(), Rejection> {
        let texts = [("name", &self.name), ("email", &self.email), ("avatar", &self.avatar)];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
                return Err(Rejection::validation(field, format!("at most {MAX_TEXT} bytes")));
            }
        }
        check_address("avatar", self.avatar.as_deref().unwrap_or_default())?;
        if self.phone_number.as_ref().is_some_and(|number| !is_e164(number)) {
            return Err(Rejection::validation("phone_number", "must be of the form +14155552671 (E.164)"));
        }
        let fields = self.session_fields.as_deref().unwrap_or_default();
        if fields.len() > MAX_SESSION_FIELDS {
            return Err(Rejection::LimitReached("at most 100 session fields"));
        }
        if fields.iter().any(|(key, value)| key.len() > MAX_TEXT || value.len() > MAX_TEXT) {
            return Err(Rejection::validation("session_fields", format!("at most {MAX_TEXT} bytes a text")));
        }
        let address = self.address.as_ref().map(|address| {
            [&address.address, &address.city, &address.country, &address.state, &address.postal_code]
        });
        if address.iter().flatten().copied().flatten().any(|text| text.len() > MAX_TEXT) {
            return Err(Rejection::validation("address", format!("at most {MAX_TEXT} bytes a text")));
        }
        if self.omnichannel.as_ref().is_some_and(|ids| ids.0.get().len() > MAX_OMNICHANNEL) {
            return Err(Rejection::validation("omnichannel", format!("at most {MAX_OMNICHANNEL} bytes")));
        }
        Ok(())
    }
}

/// A plus and at most 15 digits, the first of which is not 0; the empty text takes the number away.
fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return number.is_empty() };
    (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl CustomerProfile {
    /// The customer comes, with what they say of themselves: session fields of an earlier visit than this one lapse. Says
    /// whether anything that is shown differs now.
    pub fn arrive(&mut self, visit: u32, update: &CustomerUpdate) -> bool {
        let before = self.clone();
        if self.session_fields_of.replace(visit).is_some_and(|of| of != visit) {
            self.session_fields.clear();
        }
        self.apply(update, Some(visit));
        Self { session_fields_of: before.session_fields_of, ..self.clone() } != before
    }

    /// Takes over the given fields, during a visit or outside of any; says whether anything differs now.
    pub fn apply(&mut self, update: &CustomerUpdate, visit: Option<u32>) -> bool {
        let before = self.clone();
        let take = |slot: &mut Option<String>, value: &Option<String>| {
            if value.is_some() {
                slot.clone_from(value);
            }
        };
        take(&mut self.name, &update.name);
        take(&mut self.email, &update.email);
        self.email_verified &= self.email == before.email;
        take(&mut self.avatar, &update.avatar);
        take(&mut self.phone_number, &update.phone_number);
        if let Some(fields) = &update.session_fields {
            self.take_fields(fields, update.keeps_fields && self.session_fields_of == visit);
            self.session_fields_of = visit;
        }
        if update.address.is_some() {
            self.address.clone_from(&update.address);
        }
        if update.omnichannel.is_some() {
            self.omnichannel.clone_from(&update.omnichannel);
        }
        *self != before
    }

    /// Of two fields of one name the later one counts, where others are kept; the first one's place stays.
    fn take_fields(&mut self, fields: &[(String, String)], keeps: bool) {
        if !keeps {
            fields.clone_into(&mut self.session_fields);
            return;
        }
        for (name, value) in fields {
            match self.session_fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(value),
                None => self.session_fields.push((name.clone(), value.clone())),
            }
        }
    }

    /// Has it as many session fields as it may have, or fewer?
    pub fn fields_fit(&self) -> bool {
        self.session_fields.len() <= MAX_SESSION_FIELDS
    }

    /// Do readers of a chat see the same of both? They do not see what is counted.
    pub fn looks_like(&self, other: &Self) -> bool {
        let counts_apart = Self {
            session_fields_of: other.session_fields_of,
            created_at: other.created_at,
            chats_count: other.chats_count,
            threads_count: other.threads_count,
            ..self.clone()
        };
        counts_apart == *other
    }

    /// The name in system messages: the name, else the e-mail address, else "Customer".
    pub fn display_name(&self) -> &str {
        let mut texts = [&self.name, &self.email].into_iter().filter_map(|text| text.as_deref());
        texts.find(|text| !text.is_empty()).unwrap_or("Customer")
    }
}

/// A customer with their id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// What is known.
    pub profile: CustomerProfile,
}

/// How a chat of a customer stands when they start another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its opening was cut short: it has no thread.
    NeverOpened,
    /// Its last thread is closed.
    Inactive,
    /// A thread is active.
    Active,
}

/// Which chat a start opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Its first thread.
    New(ChatId),
    /// Its next thread.
    Next(ChatId),
}

/// Whether a customer with so many chats may have one more; none = any number.
pub fn has_room(chats: usize, limit: Option<u32>) -> bool {
    limit.is_none_or(|limit| chats < limit as usize)
}

/// What a start opens of a customer who has no room for another chat: the newest inactive chat goes on (ruling C2).
/// None of the chats, oldest first, can: none.
pub fn opening_at_limit(chats: &[(ChatId, Standing)]) -> Option<Opening> {
    chats.iter().rev().find_map(|(chat, standing)| match standing {
        Standing::NeverOpened => Some(Opening::New(chat.clone())),
        Standing::Inactive => Some(Opening::Next(chat.clone())),
        Standing::Active => None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::command::testing::demo_license;
    use crate::domain::visit::{Arrival, CustomerVisits};

    fn named(name: Option<&str>, email: Option<&str>) -> CustomerProfile {
        let text = |text: Option<&str>| text.map(str::to_owned);
        CustomerProfile { name: text(name), email: text(email), ..CustomerProfile::default() }
    }

    #[test]
    fn a_customer_is_called_by_name_else_by_email_else_customer() {
        assert_eq!(named(Some("Kate"), Some("kate@example.com")).display_name(), "Kate");
        assert_eq!(named(None, Some("kate@example.com")).display_name(), "kate@example.com");
        assert_eq!(named(Some(""), Some("kate@example.com")).display_name(), "kate@example.com");
        assert_eq!(named(Some(""), Some("")).display_name(), "Customer");
        assert_eq!(named(None, None).display_name(), "Customer");
    }

    #[test]
    fn an_update_leaves_what_it_does_not_name() {
        let mut profile = named(Some("Kate"), Some("kate@example.com"));
        let update = CustomerUpdate { name: Some("Kat".to_owned()), ..CustomerUpdate::default() };
        assert!(profile.apply(&update, None));
        assert_eq!(profile, named(Some("Kat"), Some("kate@example.com")));
        assert!(!profile.apply(&update, None), "nothing differs the second time");
    }

    #[test]
    fn fields_are_added_to_those_of_the_same_visit_alone() {
        let given = |pairs: &[(&str, &str)], keeps_fields: bool| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let session_fields = Some(pairs.collect());
            CustomerUpdate { session_fields, keeps_fields, ..CustomerUpdate::default() }
        };
        let shown = |profile: &CustomerProfile| -> Vec<String> {
            profile.session_fields.iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        let mut profile = CustomerProfile::default();
        profile.apply(&given(&[("a", "1"), ("b", "2")], false), Some(1));
        profile.apply(&given(&[("b", "3"), ("c", "4"), ("c", "5")], true), Some(1));
        assert_eq!(shown(&profile), ["a=1", "b=3", "c=5"]);
        profile.apply(&given(&[("d", "6")], true), Some(2));
        assert_eq!(shown(&profile), ["d=6"], "those of the visit before are gone");
        profile.apply(&given(&[("e", "7")], false), Some(2));
        assert_eq!(shown(&profile), ["e=7"]);
        let many: Vec<(String, String)> =
            (0..100).map(|number| (number.to_string(), String::new())).collect();
        let many = CustomerUpdate { session_fields: Some(many), ..given(&[], true) };
        assert!(many.check().is_ok() && profile.fields_fit());
        profile.apply(&many, Some(2));
        assert!(!profile.fields_fit(), "101 in all");
    }

    #[test]
    fn what_is_counted_does_not_show() {
        let profile = named(Some("Kate"), None);
        let counted = CustomerProfile { chats_count: 3, session_fields_of: Some(7), ..profile.clone() };
        assert!(profile.looks_like(&counted));
        assert!(!profile.looks_like(&named(Some("Kat"), None)));
    }

    fn fields(value: &str) -> CustomerUpdate {
        let fields = Some(vec![("cart".to_owned(), value.to_owned())]);
        CustomerUpdate { session_fields: fields, ..CustomerUpdate::default() }
    }

    fn cart(profile: &CustomerProfile) -> Option<&str> {
        profile.session_fields.first().map(|(_, value)| value.as_str())
    }

    #[test]
    fn session_fields_last_for_their_visit() {
        let (nothing, mut profile) = (CustomerUpdate::default(), named(Some("Kate"), None));
        assert!(profile.arrive(1, &fields("3")));
        assert!(!profile.arrive(1, &nothing), "the same visit goes on");
        assert_eq!(cart(&profile), Some("3"));
        assert!(profile.arrive(2, &nothing));
        assert_eq!((cart(&profile), profile.name.as_deref()), (None, Some("Kate")));
        assert!(!profile.arrive(3, &nothing), "there was nothing that could lapse");
        profile.apply(&fields("4"), Some(3));
        assert!(!profile.arrive(4, &fields("4")), "the new visit's are the same");
        assert_eq!(cart(&profile), Some("4"));
        assert!(profile.arrive(5, &fields("5")));
        assert_eq!(cart(&profile), Some("5"));
    }

    #[test]
    fn session_fields_that_are_given_while_the_customer_is_away_wait_for_their_next_visit() {
        let (nothing, mut profile) = (CustomerUpdate::default(), CustomerProfile::default());
        profile.apply(&fields("3"), None);
        for visit in [1, 1] {
            assert!(!profile.arrive(visit, &nothing));
            assert_eq!(cart(&profile), Some("3"));
        }
        assert!(profile.arrive(2, &nothing));
        assert_eq!(cart(&profile), None);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Comes, with session fields or without.
        Comes(bool),
        Sets,
        Leaves,
        Waits(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            any::<bool>().prop_map(Step::Comes),
            Just(Step::Sets),
            Just(Step::Leaves),
            (0_u64..60).prop_map(Step::Waits),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        /// Whatever happens: shown are the fields given last, unless a visit has begun since then that they were not given for.
        #[test]
        fn session_fields_are_those_given_last_and_never_those_of_an_earlier_visit(steps in steps()) {
            let (license, mut at) = (demo_license(), Timestamp(1_000_000_000));
            let (mut profile, mut visits) = (CustomerProfile::default(), CustomerVisits::default());
            let pause = Duration::from_secs(30 * 60);
            // What was given last, and the visit that it is for, once there is one.
            let mut given: Option<(String, Option<u32>)> = None;
            for (number, step) in steps.into_iter().enumerate() {
                let value = number.to_string();
                match step {
                    Step::Comes(with_fields) => {
                        visits.arrive(&Arrival { pause, ..Arrival::default() }, &license, at);
                        let update = if with_fields { fields(&value) } else { CustomerUpdate::default() };
                        profile.arrive(visits.visits_count, &update);
                        let visit = visits.visits_count;
                        given = match given {
                            _ if with_fields => Some((value, Some(visit))),
                            given => given.map(|(value, of)| (value, Some(of.unwrap_or(visit)))),
                        };
                    }
                    Step::Sets => {
                        profile.apply(&fields(&value), visits.current());
                        given = Some((value, visits.current()));
                    }
                    Step::Leaves => {
                        let _ = visits.leave(at);
                    }
                    Step::Waits(minutes) => at = at.after(Duration::from_secs(60 * minutes)),
                }
                let lasts = |(_, of): &&(String, Option<u32>)| of.is_none_or(|of| of == visits.visits_count);
                let expected = given.as_ref().filter(lasts).map(|(value, _)| value.as_str());
                prop_assert_eq!(cart(&profile), expected);
            }
        }
    }

    #[test]
    fn another_address_is_not_verified() {
        let verified =
            CustomerProfile { email_verified: true, ..named(Some("Kate"), Some("kate@example.com")) };
        for (email, stays) in [(None, true), (Some("kate@example.com"), true), (Some("k@example.com"), false)]
        {
            let mut profile = verified.clone();
            profile.apply(&CustomerUpdate { email: email.map(str::to_owned), ..Default::default() }, None);
            assert_eq!(profile.email_verified, stays, "{email:?}");
        }
    }

    #[test]
    fn a_phone_number_is_international() {
        for (number, fits) in [
            ("+14155552671", true),
            ("", true),
            ("4155552671", false),
            ("+0155552671", false),
            ("+1", false),
            ("+1415555267100000", false),
            ("+1415x", false),
        ] {
            let update = CustomerUpdate { phone_number: Some(number.to_owned()), ..Default::default() };
            assert_eq!(update.check().is_ok(), fits, "{number}");
        }
    }

    #[test]
    fn texts_fields_and_documents_of_a_customer_are_bounded() {
        let long = "x".repeat(MAX_TEXT + 1);
        let field = |update: CustomerUpdate| match update.check() {
            Err(Rejection::Validation { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(CustomerUpdate { name: Some(long.clone()), ..Default::default() }), "name");
        let fields = Some(vec![("key".to_owned(), long.clone())]);
        assert_eq!(field(CustomerUpdate { session_fields: fields, ..Default::default() }), "session_fields");
        let address = Some(Address { city: Some(long.clone()), ..Address::default() });
        assert_eq!(field(CustomerUpdate { address, ..Default::default() }), "address");
        let document = serde_json::value::to_raw_value(&"x".repeat(MAX_OMNICHANNEL)).expect("JSON");
        let omnichannel = Some(Json(document));
        assert_eq!(field(CustomerUpdate { omnichannel, ..Default::default() }), "omnichannel");
        let many = vec![(String::new(), String::new()); MAX_SESSION_FIELDS + 1];
        let update = CustomerUpdate { session_fields: Some(many), ..Default::default() };
        assert!(matches!(update.check(), Err(Rejection::LimitReached(_))));
    }
}
