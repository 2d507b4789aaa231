//! What can be typed. The texts here and in the examples are the manual: each command says what it does and shows it.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples::*;
use crate::bench::{BenchArgs, TortureArgs};
use crate::config;
use crate::tenants::TokenKind;

/// A self-hosted customer-service chat server that speaks the LiveChat messaging protocol
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, after_help = SERVE_EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: ServerFlags,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server (what `switchboard` alone does too)
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServerFlags),
    /// Make or update the tables of the CQL store, and print what was done
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(StoreFlags),
    /// Make, list and take back agents' tokens
    #[command(subcommand, after_help = TOKEN_EXAMPLES)]
    Token(TokenCommand),
    /// Make, show and change licenses: the tenants of the server
    #[command(subcommand, after_help = LICENSE_EXAMPLES)]
    License(LicenseCommand),
    /// Change how chats are given to an agent, or remove one
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Make groups, and change how their chats are given to agents
    #[command(subcommand)]
    Group(GroupCommand),
    /// Tell why a chat went where it went
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// See the cluster, and move its shards
    #[command(subcommand, after_help = CLUSTER_EXAMPLES)]
    Cluster(ClusterCommand),
    /// Measure a server: what it holds, what it costs, and whether anything acknowledged was lost
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(Box<BenchArgs>),
    /// Kill, freeze and drain the nodes of a scratch cluster under load, and show that nothing acknowledged was lost
    #[command(after_help = TORTURE_EXAMPLES)]
    Torture(Box<TortureArgs>),
    /// Print every setting with its value and source; fail where the server would not start
    #[command(after_help = CHECK_EXAMPLES)]
    CheckConfig(ServerFlags),
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for an agent and print it, once
    #[command(after_help = TOKEN_CREATE_EXAMPLES)]
    Create(TokenCreate),
    /// List tokens, without their secrets
    List(TokenList),
    /// Take a token back, or all of an agent
    #[command(after_help = TOKEN_REVOKE_EXAMPLES)]
    Revoke(TokenRevoke),
}

#[derive(Debug, Subcommand)]
pub(super) enum LicenseCommand {
    /// Make a license with agents, their tokens and a client for customers' pages
    #[command(after_help = LICENSE_CREATE_EXAMPLES)]
    Create(LicenseCreate),
    /// Show a license, or all: organization, agents, clients with their origins, settings
    Show(LicenseShow),
    /// Change a license's settings and clients
    #[command(after_help = LICENSE_SET_EXAMPLES, override_usage = "switchboard license set [OPTIONS]")]
    Set(LicenseSet),
}

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Change an agent's settings
    #[command(after_help = AGENT_SET_EXAMPLES)]
    Set(AgentSet),
    /// Remove an agent: tokens are taken back, chats go to others
    Remove(AgentRemove),
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Change a group's settings; one that is not there is made
    #[command(after_help = GROUP_SET_EXAMPLES)]
    Set(GroupSet),
    /// Remove a group; its agents stay
    Remove(GroupRemove),
}

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Show nodes, shards, epochs and moves, as a node of this machine sees them
    Status(ClusterFlags),
    /// Have a node give all its shards away; it goes on serving clients until it is stopped
    Drain(ClusterDrain),
    /// Even the nodes' shares out now
    Rebalance(ClusterFlags),
}

#[derive(Debug, Args)]
pub(super) struct ClusterFlags {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) store: StoreFlags,
}

#[derive(Debug, Args)]
pub(super) struct ClusterDrain {
    /// The node's name (--node-name)
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(super) node: String,
    #[command(flatten)]
    pub(super) flags: ClusterFlags,
}

/// Flags that say where the data is.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Where the data is")]
pub(super) struct StoreFlags {
    /// Settings file [default: switchboard.toml, where it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Folder of the embedded store, the admin socket and the demo credentials [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// embedded (files of this machine) or cql (ScyllaDB, Cassandra) [default: embedded]
    #[arg(long, value_name = "KIND")]
    store: Option<String>,
    /// Machines of the CQL store, parted by commas [default: 127.0.0.1:9042]
    #[arg(long, value_name = "HOSTS")]
    cql_contact_points: Option<String>,
    /// Keyspace of the CQL store [default: switchboard]
    #[arg(long, value_name = "NAME")]
    cql_keyspace: Option<String>,
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerFlags {
    #[command(flatten)]
    pub(super) store: StoreFlags,
    /// Where HTTP and websockets are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", help_heading = "Server")]
    listen: Option<String>,
    /// Certificate chain in PEM; with --tls-key the port speaks TLS
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    tls_cert: Option<String>,
    /// Private key in PEM
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    tls_key: Option<String>,
    /// Make no demo license on an empty data dir
    #[arg(long, help_heading = "Server")]
    no_demo: bool,
    /// Where the demo license's credentials are written [default: demo-credentials.json in the data dir]
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    credentials_file: Option<String>,
    /// Where other nodes of a cluster reach this one
    #[arg(long, value_name = "ADDRESS", help_heading = "Cluster")]
    node_listen: Option<String>,
    /// Where other nodes are told to reach this one, if not at --node-listen
    #[arg(long, value_name = "HOST:PORT", help_heading = "Cluster")]
    node_advertise: Option<String>,
    /// Name of this node in a cluster
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    node_name: Option<String>,
    /// off, error, warn, info, debug or trace, also by module: info,switchboard::store=debug [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Log")]
    log_level: Option<String>,
    /// pretty or json [default: pretty]
    #[arg(long, value_name = "FORMAT", help_heading = "Log")]
    log_format: Option<String>,
}

/// Flags of a command that is about one license.
#[derive(Debug, Args)]
pub(super) struct OfLicense {
    /// License; not needed where there is only one
    #[arg(long, value_name = "NUMBER")]
    pub(super) license: Option<i64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) store: StoreFlags,
}

#[derive(Debug, Args)]
pub(super) struct TokenCreate {
    /// Whom the token speaks for: the agent's e-mail address, or a bot's id
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) agent: String,
    /// pat: personal access token, sent as Basic, for the Web API; bearer: access token, sent as Bearer, for the Web
    /// API and RTM; bot: access token of a program, sent as Bearer, for the Web API
    #[arg(long, value_enum, default_value_t = Kind::Pat)]
    pub(super) kind: Kind,
    /// What it allows, parted by commas [default: all that the agent's role may hold]
    #[arg(long, value_delimiter = ',', value_name = "SCOPES")]
    pub(super) scopes: Option<Vec<String>>,
    /// How long it is good, such as 8h or 30d [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) expires: Option<Duration>,
    /// What you call it
    #[arg(long, value_name = "TEXT", value_parser = label)]
    pub(super) label: Option<String>,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct TokenList {
    /// Only this agent's
    #[arg(long, value_name = "ID")]
    pub(super) agent: Option<String>,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct TokenRevoke {
    /// The token's id as `token list` shows it, or the front of it
    #[arg(required_unless_present = "agent", conflicts_with = "agent")]
    pub(super) id: Option<String>,
    /// All of this agent's
    #[arg(long, value_name = "ID")]
    pub(super) agent: Option<String>,
    /// License; not needed where there is only one
    #[arg(long, value_name = "NUMBER")]
    pub(super) license: Option<i64>,
    #[command(flatten)]
    pub(super) store: StoreFlags,
}

#[derive(Debug, Args)]
pub(super) struct LicenseCreate {
    /// How many agents it has
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) agents: u32,
    /// Web origins whose pages customers may use, parted by commas
    #[arg(long, value_delimiter = ',', value_name = "ORIGINS")]
    pub(super) origins: Vec<String>,
    /// Pages of any loopback origin and of the server itself may be used too
    #[arg(long)]
    pub(super) loopback: bool,
    /// A setting of its own; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) set: Vec<(String, String)>,
    /// Where the secrets are written, mode 0600 [default: they are printed]
    #[arg(long, value_name = "FILE")]
    pub(super) credentials_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreFlags,
}

#[derive(Debug, Args)]
pub(super) struct LicenseShow {
    /// License [default: all]
    #[arg(long, value_name = "NUMBER")]
    pub(super) license: Option<i64>,
    /// Print JSON, with all agents
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) store: StoreFlags,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, args = ["set", "client", "new_client", "remove_client"])]
pub(super) struct LicenseSet {
    /// A setting of its own; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) set: Vec<(String, String)>,
    /// Add a client for customers' pages; --origins and --loopback say where it may be used
    #[arg(long, conflicts_with_all = ["client", "remove_client"])]
    pub(super) new_client: bool,
    /// Change where this client may be used; --origins and --loopback take the place of what it had
    #[arg(long, value_name = "ID", conflicts_with = "remove_client")]
    pub(super) client: Option<String>,
    /// Remove this client; its customers' tokens are refused from then on
    #[arg(long, value_name = "ID")]
    pub(super) remove_client: Option<String>,
    /// Web origins, parted by commas
    #[arg(long, value_delimiter = ',', value_name = "ORIGINS")]
    pub(super) origins: Vec<String>,
    /// Any loopback origin and the server's own
    #[arg(long)]
    pub(super) loopback: bool,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct AgentSet {
    /// The agent's e-mail address, or a bot's id
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) agent: String,
    /// A setting; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting, required = true)]
    pub(super) set: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct AgentRemove {
    /// The agent's e-mail address, or a bot's id
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) agent: String,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct GroupSet {
    /// The group's number, from 1
    #[arg(long, value_name = "NUMBER")]
    pub(super) group: i64,
    /// A setting; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) set: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct GroupRemove {
    /// The group's number
    #[arg(long, value_name = "NUMBER")]
    pub(super) group: i64,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The chat's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(super) chat: String,
    #[command(flatten)]
    pub(super) of: OfLicense,
}

/// How a token is presented; what each is stands in the help of `--kind`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    Pat,
    Bearer,
    Bot,
}

impl From<Kind> for TokenKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Pat => Self::Pat,
            Kind::Bearer => Self::Bearer,
            Kind::Bot => Self::Bot,
        }
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = config::parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or("must be a duration such as 8h or 30d")
}

fn label(text: &str) -> Result<String, &'static str> {
    let is_fine = text.len() <= 200 && !text.contains(char::is_control);
    if is_fine { Ok(text.to_owned()) } else { Err("must be one line of at most 200 bytes") }
}

fn setting(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

type Setting = (&'static str, String);

impl Command {
    /// The settings file that was named.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.store_flags()?.config.clone()
    }

    /// What the flags say of settings.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let mut said = self.store_flags().map(StoreFlags::settings).unwrap_or_default();
        if let Self::Serve(flags) | Self::CheckConfig(flags) = self {
            said.extend(flags.settings());
        }
        said
    }

    fn store_flags(&self) -> Option<&StoreFlags> {
        Some(match self {
            Self::Bench(_) | Self::Torture(_) => return None,
            Self::Serve(flags) | Self::CheckConfig(flags) => &flags.store,
            Self::Migrate(flags) => flags,
            Self::Token(TokenCommand::Create(flags)) => &flags.of.store,
            Self::Token(TokenCommand::List(flags)) => &flags.of.store,
            Self::Token(TokenCommand::Revoke(flags)) => &flags.store,
            Self::Agent(AgentCommand::Set(flags)) => &flags.of.store,
            Self::Agent(AgentCommand::Remove(flags)) => &flags.of.store,
            Self::Group(GroupCommand::Set(flags)) => &flags.of.store,
            Self::Group(GroupCommand::Remove(flags)) => &flags.of.store,
            Self::Explain(flags) => &flags.of.store,
            Self::Cluster(ClusterCommand::Status(flags) | ClusterCommand::Rebalance(flags)) => &flags.store,
            Self::Cluster(ClusterCommand::Drain(drain)) => &drain.flags.store,
            Self::License(LicenseCommand::Create(flags)) => &flags.store,
            Self::License(LicenseCommand::Show(flags)) => &flags.store,
            Self::License(LicenseCommand::Set(flags)) => &flags.of.store,
        })
    }
}

impl StoreFlags {
    fn settings(&self) -> Vec<Setting> {
        given([
            ("server.data_dir", &self.data_dir),
            ("server.store", &self.store),
            ("cql.contact_points", &self.cql_contact_points),
            ("cql.keyspace", &self.cql_keyspace),
        ])
    }
}

impl ServerFlags {
    fn settings(&self) -> Vec<Setting> {
        let no_demo = self.no_demo.then(|| "true".to_owned());
        given([
            ("server.listen", &self.listen),
            ("tls.cert", &self.tls_cert),
            ("tls.key", &self.tls_key),
            ("server.no_demo", &no_demo),
            ("server.credentials_file", &self.credentials_file),
            ("node.listen", &self.node_listen),
            ("node.advertise", &self.node_advertise),
            ("node.name", &self.node_name),
            ("log.level", &self.log_level),
            ("log.format", &self.log_format),
        ])
    }
}

fn given<const N: usize>(flags: [(&'static str, &Option<String>); N]) -> Vec<Setting> {
    flags.into_iter().filter_map(|(key, text)| Some((key, text.clone()?))).collect()
}
