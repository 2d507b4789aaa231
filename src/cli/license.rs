//! `switchboard license create|show|set`

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::{LicenseCommand, LicenseCreate, LicenseSet, LicenseShow};
use super::operate::operate;
use super::print;
use crate::admin::{ClientChange, ClientView, GroupView, LicenseChange, LicenseView, Operation, Outcome};
use crate::config::Config;
use crate::domain::id::{ClientId, LicenseId};
use crate::domain::license::Role;
use crate::tenants::Credentials;

/// The license was made, but its secrets could not be written where they were wanted.
#[derive(Debug, thiserror::Error)]
#[error(
    "license {license} was made, but its credentials cannot be written to {path}; \
     make new tokens with `switchboard token create`"
)]
struct CredentialsLost {
    license: LicenseId,
    path: PathBuf,
    source: std::io::Error,
}

/// Runs the command.
pub(super) fn run(config: &Config, command: LicenseCommand) -> Result<(), Box<dyn Error>> {
    match command {
        LicenseCommand::Create(flags) => create(config, flags),
        LicenseCommand::Show(LicenseShow { license, json, .. }) => {
            let operation = Operation::ShowLicenses { license: license.map(LicenseId) };
            show(config, operation, json)
        }
        LicenseCommand::Set(flags) => {
            let json = flags.of.json;
            show(config, change(flags), json)
        }
    }
}

fn create(config: &Config, flags: LicenseCreate) -> Result<(), Box<dyn Error>> {
    let LicenseCreate { agents, origins, loopback, set, credentials_file, .. } = flags;
    let settings = set.into_iter().collect();
    let made = operate(config, Operation::CreateLicense { agents, origins, loopback, settings })?;
    let Outcome::LicenseMade(credentials) = made else { return Ok(()) };
    let Some(path) = credentials_file else {
        return Ok(print::result(&(serde_json::to_string_pretty(&credentials)? + "\n"))?);
    };
    let license = credentials.license_id;
    credentials.write(&path).map_err(|source| CredentialsLost { license, path: path.clone(), source })?;
    Ok(print::result(&summary(&credentials, &path.display().to_string()))?)
}

fn summary(credentials: &Credentials, path: &str) -> String {
    format!(
        "license       {}\norganization  {}\nclient        {}\nagents        {}\ncredentials   {path}\n",
        credentials.license_id,
        credentials.organization_id,
        credentials.client_id,
        credentials.agents.len(),
    )
}

fn change(flags: LicenseSet) -> Operation {
    let LicenseSet { set, new_client, client, remove_client, origins, loopback, of } = flags;
    let client = match (new_client, client, remove_client) {
        (true, ..) => Some(ClientChange::Add { origins, loopback }),
        (_, Some(id), _) => Some(ClientChange::Change { client: ClientId::new(id), origins, loopback }),
        (_, _, Some(id)) => Some(ClientChange::Remove { client: ClientId::new(id) }),
        _ => None,
    };
    let change = LicenseChange { settings: set.into_iter().collect(), client };
    Operation::ChangeLicense { license: of.license.map(LicenseId), change }
}

/// Shows what became of the licenses that the operation names.
pub(super) fn show(config: &Config, operation: Operation, json: bool) -> Result<(), Box<dyn Error>> {
    let Outcome::Licenses(licenses) = operate(config, operation)? else { return Ok(()) };
    let text = if json {
        serde_json::to_string_pretty(&licenses)? + "\n"
    } else if licenses.is_empty() {
        "no license yet\n".to_owned()
    } else {
        licenses.iter().map(shown).collect::<Vec<String>>().join("\n")
    };
    Ok(print::result(&text)?)
}

fn shown(license: &LicenseView) -> String {
    let demo = if license.demo { " (demo)" } else { "" };
    let owners: Vec<&str> = license
        .agents
        .iter()
        .filter(|agent| agent.role == Role::Owner)
        .map(|agent| agent.id.as_str())
        .collect();
    let mut text = String::new();
    let _ = writeln!(text, "license       {}{demo}", license.license_id);
    let _ = writeln!(text, "organization  {}", license.organization_id);
    let _ = writeln!(text, "created       {}", print::moment(license.created_at));
    let _ = writeln!(text, "version       {}", license.version);
    let _ = writeln!(text, "agents        {} (owner: {})", license.agents.len(), owners.join(", "));
    for ClientView { client_id, origins, loopback } in &license.clients {
        let mut from = origins.clone();
        if *loopback {
            from.push("loopback and the server's own origin".to_owned());
        }
        let from = if from.is_empty() { "no origin".to_owned() } else { from.join(", ") };
        let _ = writeln!(text, "client        {client_id} from {from}");
    }
    for GroupView { id, name, settings } in &license.groups {
        let _ = writeln!(text, "group         {} {name}{}", id.0, own(settings));
    }
    for agent in license.agents.iter().filter(|agent| agent.suspended || !agent.settings.is_empty()) {
        let suspended = if agent.suspended { ", suspended" } else { "" };
        let _ = writeln!(text, "agent         {}{}{suspended}", agent.id, own(&agent.settings));
    }
    for (name, value) in &license.settings {
        let _ = writeln!(text, "setting       {name} = {value}");
    }
    text
}

fn own(settings: &BTreeMap<String, String>) -> String {
    settings.iter().map(|(name, value)| format!(", {name} = {value}")).collect()
}
