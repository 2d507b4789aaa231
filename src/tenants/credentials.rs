//! The file with the credentials of a new license, which is the only place where its secrets ever stand.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::id::{AccountId, AgentId, ClientId, LicenseId, OrganizationId};

/// What a new license's owner needs to use it; the fields are those that `docs/architecture.md` fixes.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Where the server is reached.
    pub base_url: String,
    /// The license.
    pub license_id: LicenseId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The application that customers' pages use.
    pub client_id: ClientId,
    /// The agents with their secrets.
    pub agents: Vec<AgentCredentials>,
}

/// An agent with their secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct AgentCredentials {
    /// E-mail address.
    pub id: AgentId,
    /// Display name.
    pub name: String,
    /// The account.
    pub account_id: AccountId,
    /// Stands after `Bearer `.
    pub token: String,
    /// Stands after `Basic `.
    pub pat: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("license_id", &self.license_id)
            .field("agents", &self.agents.len())
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Writes the file, readable by its owner only; whole or not at all, even if the machine stops.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let part = folder.join(format!(".{}.part", name.to_string_lossy()));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        fs::File::open(folder)?.sync_all()
    }
}
