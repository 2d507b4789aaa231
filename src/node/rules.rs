//! Where actors find a tenant and the rules that bind it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::actors::LicenseSource;
use crate::config::{Config, RoutingRules};
use crate::domain::id::LicenseId;
use crate::domain::license::{ChatRules, License};
use crate::store::StoreError;
use crate::tenants::Licenses;

/// Licenses from the store, rules from the settings.
pub struct Rules {
    config: Arc<Config>,
    licenses: Arc<Licenses>,
}

impl Rules {
    /// Of the licenses that `licenses` finds, under these settings.
    pub fn new(config: Arc<Config>, licenses: Arc<Licenses>) -> Self {
        Self { config, licenses }
    }
}

#[async_trait]
impl LicenseSource for Rules {
    async fn license(&self, id: LicenseId) -> Result<Option<Arc<License>>, StoreError> {
        self.licenses.get(id).await
    }

    fn known_license(&self, id: LicenseId) -> Option<Arc<License>> {
        self.licenses.cached(id)
    }

    fn chat_rules(&self, license: &License) -> ChatRules {
        self.config.rules_for(license)
    }

    fn routing_rules(&self, license: &License) -> RoutingRules {
        self.config.routing_for(license)
    }

    fn file_max_size(&self, license: &License) -> u64 {
        self.config.file_max_size_for(license)
    }

    fn welcome_message(&self, license: &License) -> String {
        self.config.welcome_message_for(license).to_owned()
    }
}
