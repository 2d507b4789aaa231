//! Settings: read once at start, all faults reported at once; nothing reads the environment after that.
//!
//! What somebody says of a setting comes, in rising order, from the built-in default, the file
//! (`switchboard.toml`, or the one that `--config` names), the environment and the flags. The cast:
//!
//! - [`Inputs`] is everything that was said; [`load`] makes a [`Config`] of it, or tells every fault.
//! - `kind` says what the text of a setting may be, `reader` brings the sources together, `file` reads the
//!   file with its lines, `names` knows flags and variables.
//! - A file a section: `server`, `store`, `log`, `chat`, `files`, `routing`, `rtm`, `outgoing`, `mail`, `geo`.
//! - `rules` lays a license's own settings over the server's; `overrides` writes them.

mod auto_access;
mod chat;
mod fault;
mod file;
mod files;
mod geo;
mod greetings;
mod kind;
mod list;
mod log;
mod mail;
mod names;
mod outgoing;
mod overrides;
mod reader;
mod routing;
mod rtm;
mod rules;
mod server;
mod staff;
mod store;
mod text;
mod typed;
mod units;
mod widget;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use reader::Reader;

pub use chat::{Chat, Sizes};
pub use fault::{Fault, Faults, Source};
pub use files::{Files, S3};
pub use geo::Geo;
pub use kind::Rate;
pub use log::{Log, LogFormat};
pub use mail::{Mail, MailTls};
pub use names::CONFIG_VARIABLE;
pub use outgoing::Outgoing;
pub use overrides::{OverrideError, override_names, set_override, shown_overrides};
pub use reader::Effective;
pub use routing::Routing;
pub use rtm::{Limits, Rtm};
pub use rules::RoutingRules;
pub use server::{Node, Server, StoreKind, TlsFiles};
pub use staff::{AGENT_SETTINGS, GROUP_SETTINGS, set_of_agent, set_of_group, shown_of_agent, shown_of_group};
pub use store::{Cql, CqlLogin};
pub use units::parse_duration;
pub use widget::WIDGET_SETTINGS;

/// Everything that can be set, typed and checked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the section of that name, described there")]
pub struct Config {
    pub server: Server,
    pub tls: Option<TlsFiles>,
    pub node: Node,
    pub cql: Cql,
    pub log: Log,
    pub chat: Chat,
    pub sizes: Sizes,
    pub file: Files,
    pub routing: Routing,
    pub rtm: Rtm,
    pub limits: Limits,
    pub outgoing: Outgoing,
    pub geo: Geo,
    /// None: no mail is sent.
    pub mail: Option<Mail>,
}

/// Everything that was said before the start.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Relative names of files start here; empty for the current folder.
    pub folder: PathBuf,
    /// The file that a flag or the variable names; it has to exist.
    pub file: Option<PathBuf>,
    /// The environment, as it was at start.
    pub environment: Vec<(String, String)>,
    /// What flags say, by dotted key.
    pub flags: Vec<(&'static str, String)>,
}

/// What became of the inputs.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// With the defaults where nothing good was said.
    pub config: Config,
    /// Every setting, in the order of the sections.
    pub effective: Vec<Effective>,
    /// What is odd, but harmless.
    pub warnings: Vec<String>,
    /// Why the server must not start like this.
    pub faults: Vec<Fault>,
}

impl Loaded {
    /// Whose word a setting is.
    pub fn source_of(&self, key: &str) -> Source {
        let found = self.effective.iter().find(|one| one.key == key);
        found.map_or(Source::Default, |one| one.source.clone())
    }

    /// The configuration and the warnings, if there is no fault.
    ///
    /// # Errors
    /// All faults.
    pub fn into_result(self) -> Result<(Config, Vec<String>), Faults> {
        if self.faults.is_empty() { Ok((self.config, self.warnings)) } else { Err(Faults(self.faults)) }
    }
}

impl Inputs {
    /// Of this process, with what its flags say.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        let named = environment.iter().find(|(name, _)| name == CONFIG_VARIABLE);
        let file = file.or_else(|| named.map(|(_, value)| PathBuf::from(value)));
        Self { folder: PathBuf::new(), file, environment, flags }
    }
}

/// Reads and checks everything.
pub fn load(inputs: &Inputs) -> Loaded {
    let mut faults = Vec::new();
    let file = file::read(inputs.file.as_deref(), &inputs.folder, &mut faults);
    let mut reader = Reader::new(file, &inputs.environment, &inputs.flags, faults);
    let config = Config::read(&mut reader);
    let (effective, warnings, faults) = reader.finish();
    Loaded { config, effective, warnings, faults }
}

impl Config {
    /// Scheme, host and port under which clients reach the server: `server.public_url`, or the address that it
    /// listens on (`bound`, which differs from the setting where that has port 0).
    pub fn base_url(&self, bound: SocketAddr) -> String {
        if let Some(url) = &self.server.public_url {
            return url.clone();
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let reached = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("{scheme}://{}", SocketAddr::new(reached, bound.port()))
    }
}

impl Config {
    /// The folder of uploaded files.
    pub fn files_dir(&self) -> PathBuf {
        self.file.dir.clone().unwrap_or_else(|| self.server.data_dir.join("files"))
    }
}

impl Default for Config {
    /// What nobody changed.
    fn default() -> Self {
        let nothing = file::FileSettings::default();
        let mut reader = Reader::new(nothing, &[], &[], Vec::new());
        Self::read(&mut reader)
    }
}

impl Config {
    fn read(reader: &mut Reader) -> Self {
        let config = Self {
            server: Server::read(reader),
            tls: TlsFiles::read(reader),
            node: Node::read(reader),
            cql: Cql::read(reader),
            log: Log::read(reader),
            chat: Chat::read(reader),
            sizes: Sizes::read(reader),
            file: Files::read(reader),
            routing: Routing::read(reader),
            rtm: Rtm::read(reader),
            limits: Limits::read(reader),
            outgoing: Outgoing::read(reader),
            geo: Geo::read(reader),
            mail: Mail::read(reader),
        };
        config.limits.check(config.sizes.event_max_size, reader);
        config
    }
}

#[cfg(test)]
mod tests;
