//! What is stored of customers: their profile, their visits, and which chats they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::actors::customer_chats::{self, CustomerChats};
use crate::actors::visits;
use crate::domain::customer::{CustomerProfile, CustomerUpdate};
use crate::domain::email_verification::{EmailVerification, Mails};
use crate::domain::id::{ChatId, CustomerId, LicenseId};
use crate::domain::time::Timestamp;
use crate::domain::visit::CustomerVisits;
use crate::store::{CellKey, CellTable, Store, StoreError, change_record};

/// The cells of customers.
#[derive(Clone)]
pub struct Customers {
    store: Arc<dyn Store>,
}

/// A profile that something was to change.
#[derive(Clone, Debug)]
pub struct ChangedProfile {
    /// As it was; none if there was none.
    pub before: Option<CustomerProfile>,
    /// As it is.
    pub now: CustomerProfile,
}

impl ChangedProfile {
    /// Has it changed?
    pub fn differs(&self) -> bool {
        self.before.as_ref() != Some(&self.now)
    }
}

/// What a record is called that cannot be read.
const WHAT: &str = "a customer's record";

impl Customers {
    /// Over a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A customer's profile; none if nobody of that id was ever seen in the license.
    ///
    /// # Errors
    /// The store's.
    pub async fn profile(
        &self,
        license: LicenseId,
        customer: &CustomerId,
    ) -> Result<Option<CustomerProfile>, StoreError> {
        let key = CellKey::new(CellTable::CustomerProfiles, license, customer.as_str());
        self.store.read_cell(&key).await?.map(|cell| decode(&cell)).transpose()
    }

    /// Makes the profile if there is none, then takes over the given fields, during this visit or outside of any. There is no
    /// answer, and nothing has changed, if there would be too many session fields.
    ///
    /// # Errors
    /// The store's.
    pub async fn update(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        update: &CustomerUpdate,
        visit: Option<u32>,
        now: Timestamp,
    ) -> Result<Option<ChangedProfile>, StoreError> {
        let fits = AtomicBool::new(true);
        let change = |found: &Option<CustomerProfile>| {
            let before = found.clone().unwrap_or_else(|| new_profile(now));
            let mut profile = before.clone();
            profile.apply(update, visit);
            fits.store(profile.fields_fit(), Ordering::Relaxed);
            if profile.fields_fit() { profile } else { before }
        };
        let changed = self.change_profile(license, customer, change).await?;
        Ok(fits.into_inner().then_some(changed))
    }

    /// A customer comes, in this visit: makes the profile if there is none, then takes over the given fields. The answer says
    /// whether a profile that was there shows something else now.
    ///
    /// # Errors
    /// The store's.
    pub async fn arrive(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        update: &CustomerUpdate,
        visit: u32,
        now: Timestamp,
    ) -> Result<(ChangedProfile, bool), StoreError> {
        let differs = AtomicBool::new(false);
        let arrive = |found: &Option<CustomerProfile>| {
            let mut profile = found.clone().unwrap_or_else(|| new_profile(now));
            let changed = profile.arrive(visit, update);
            differs.store(changed && found.is_some(), Ordering::Relaxed);
            profile
        };
        let changed = self.change_profile(license, customer, arrive).await?;
        Ok((changed, differs.into_inner()))
    }

    /// Counts a thread of the customer's, and the chat if it is its first.
    ///
    /// # Errors
    /// The store's.
    pub async fn count_start(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        new_chat: bool,
    ) -> Result<(), StoreError> {
        self.change_profile(license, customer, |found| {
            let mut profile = found.clone().unwrap_or_default();
            profile.threads_count += 1;
            profile.chats_count += u32::from(new_chat);
            profile
        })
        .await?;
        Ok(())
    }

    async fn change_profile(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        change: impl Fn(&Option<CustomerProfile>) -> CustomerProfile,
    ) -> Result<ChangedProfile, StoreError> {
        let key = CellKey::new(CellTable::CustomerProfiles, license, customer.as_str());
        let before = Mutex::new(None);
        let now = change_record(&*self.store, &key, WHAT, |found: &Option<CustomerProfile>| {
            before.lock().clone_from(found);
            change(found)
        })
        .await?;
        Ok(ChangedProfile { before: before.into_inner(), now })
    }

    /// A customer's visits.
    ///
    /// # Errors
    /// The store's.
    pub async fn visits(
        &self,
        license: LicenseId,
        customer: &CustomerId,
    ) -> Result<CustomerVisits, StoreError> {
        visits::read(&*self.store, license, customer).await
    }

    /// Changes a customer's visits; says what they are now, and what the change said.
    ///
    /// # Errors
    /// The store's.
    pub async fn change_visits<T>(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        change: impl Fn(&mut CustomerVisits) -> T,
    ) -> Result<(CustomerVisits, Option<T>), StoreError> {
        self.change_and_say(&visits::key(license, customer), change).await
    }

    /// The address is the customer's, if it still is the one that is known of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn verify_email(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        email: &str,
    ) -> Result<ChangedProfile, StoreError> {
        let verify = |found: &Option<CustomerProfile>| {
            let mut profile = found.clone().unwrap_or_default();
            profile.email_verified |= profile.email.as_deref() == Some(email);
            profile
        };
        self.change_profile(license, customer, verify).await
    }

    /// What a customer asked to prove.
    ///
    /// # Errors
    /// The store's.
    pub async fn email_verification(
        &self,
        license: LicenseId,
        customer: &CustomerId,
    ) -> Result<EmailVerification, StoreError> {
        let cell = self.store.read_cell(&verification_key(license, customer)).await?;
        cell.map_or_else(|| Ok(EmailVerification::default()), |cell| decode(&cell))
    }

    /// Changes what a customer asked to prove; says what the change said.
    ///
    /// # Errors
    /// The store's.
    pub async fn change_email_verification<T: Default>(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        change: impl Fn(&mut EmailVerification) -> T,
    ) -> Result<T, StoreError> {
        let (_, said) = self.change_and_say(&verification_key(license, customer), change).await?;
        Ok(said.unwrap_or_default())
    }

    /// Counts a mail to an address; says whether it may go.
    ///
    /// # Errors
    /// The store's.
    pub async fn count_mail(
        &self,
        license: LicenseId,
        email: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = mails_key(license, email);
        let (_, admitted) = self.change_and_say(&key, |mails: &mut Mails| mails.admits(now)).await?;
        Ok(admitted == Some(true))
    }

    /// A mail that was counted at this moment did not go out.
    ///
    /// # Errors
    /// The store's.
    pub async fn uncount_mail(
        &self,
        license: LicenseId,
        email: &str,
        counted_at: Timestamp,
    ) -> Result<(), StoreError> {
        let withdraw = |mails: &mut Mails| mails.withdraw(counted_at);
        self.change_and_say(&mails_key(license, email), withdraw).await.map(drop)
    }

    /// The chats of a customer.
    ///
    /// # Errors
    /// The store's.
    pub async fn chats(
        &self,
        license: LicenseId,
        customer: &CustomerId,
    ) -> Result<CustomerChats, StoreError> {
        customer_chats::read(&*self.store, license, customer).await
    }

    /// Adds a chat to a customer's chats, unless they have `limit` already (none: no limit). The answer is what
    /// they have now; the chat is among them if it was added.
    ///
    /// # Errors
    /// The store's.
    pub async fn add_chat(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        chat: &ChatId,
        limit: Option<u32>,
    ) -> Result<CustomerChats, StoreError> {
        customer_chats::add(&*self.store, license, customer, chat, limit).await
    }

    /// Changes a cell; says what stands there, and what the change said.
    async fn change_and_say<R: Serialize + DeserializeOwned + PartialEq + Clone + Default, T>(
        &self,
        key: &CellKey,
        change: impl Fn(&mut R) -> T,
    ) -> Result<(R, Option<T>), StoreError> {
        let said = Mutex::new(None);
        let record = change_record(&*self.store, key, WHAT, |found: &Option<R>| {
            let mut record = found.clone().unwrap_or_default();
            *said.lock() = Some(change(&mut record));
            record
        })
        .await?;
        Ok((record, said.into_inner()))
    }
}

fn new_profile(now: Timestamp) -> CustomerProfile {
    CustomerProfile { created_at: now, ..CustomerProfile::default() }
}

fn verification_key(license: LicenseId, customer: &CustomerId) -> CellKey {
    CellKey::new(CellTable::EmailVerifications, license, format!("customer/{customer}"))
}

/// What counts the mails to an address.
fn mails_key(license: LicenseId, email: &str) -> CellKey {
    let hash = Sha256::digest(email.to_lowercase());
    let hash = hash.iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    CellKey::new(CellTable::EmailVerifications, license, format!("address/{hash}"))
}

fn decode<T: for<'de> Deserialize<'de>>(cell: &(impl AsRef<[u8]> + ?Sized)) -> Result<T, StoreError> {
    serde_json::from_slice(cell.as_ref()).map_err(corrupt)
}

fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt { what: WHAT, source: Some(Arc::new(error)) }
}
