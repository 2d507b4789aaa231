//! The command line of the load generator.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::schedule::Schedule;

/// `switchboard bench`: how much a server holds, and what it costs.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Compare two reports (--json): ratios, and whether they exceed the noise
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"])]
    pub(super) compare: Option<Vec<PathBuf>>,
    #[command(subcommand)]
    pub(super) command: Option<BenchCommand>,
}

/// What to run.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// One-to-one chats in a closed loop: customer and agent talk in turns, one message in flight a chat
    Chat {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: ChatOptions,
    },
    /// Messages at a rate, whatever became of earlier ones; latency counts from when a message was due
    Open {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: OpenOptions,
    },
    /// The highest rate at which pushes arrive in time
    FindKnee {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: KneeOptions,
    },
    /// A storm of customers who connect and log in
    Connect {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: ConnectOptions,
    },
    /// Memory of a session that does nothing, by the slope between two counts; all are held and none may be cut
    Idle {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: IdleOptions,
    },
    /// One chat that many agents follow; each message of the customer goes to all of them
    Fanout {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: FanoutOptions,
    },
    /// Customers who arrive at random, against agents of a bounded capacity
    Route {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: RouteOptions,
    },
    /// The Web API in a closed loop: each connection sends a message and reads its chat
    Web {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: WebOptions,
    },
    /// A day in minutes: customers come at random, wait, write and think; agents answer, hand over and close
    Mixed {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: MixedOptions,
    },
    /// Serve the baseline (used by the generator itself)
    #[command(hide = true)]
    RelayServer {
        /// Port on the loopback address
        #[arg(long)]
        port: u16,
    },
}

/// A scenario with its own options; see [`BenchCommand`].
#[derive(Clone, Debug)]
pub(super) enum Scenario {
    Chat(ChatOptions),
    Open(OpenOptions),
    FindKnee(KneeOptions),
    Connect(ConnectOptions),
    Idle(IdleOptions),
    Fanout(FanoutOptions),
    Route(RouteOptions),
    Web(WebOptions),
    Mixed(MixedOptions),
}

impl BenchCommand {
    /// Takes a scenario apart; none for what is no scenario.
    pub(super) fn scenario(self) -> Option<(Common, Scenario)> {
        Some(match self {
            Self::Chat { common, options } => (common, Scenario::Chat(options)),
            Self::Open { common, options } => (common, Scenario::Open(options)),
            Self::FindKnee { common, options } => (common, Scenario::FindKnee(options)),
            Self::Connect { common, options } => (common, Scenario::Connect(options)),
            Self::Idle { common, options } => (common, Scenario::Idle(options)),
            Self::Fanout { common, options } => (common, Scenario::Fanout(options)),
            Self::Route { common, options } => (common, Scenario::Route(options)),
            Self::Web { common, options } => (common, Scenario::Web(options)),
            Self::Mixed { common, options } => (common, Scenario::Mixed(options)),
            Self::RelayServer { .. } => return None,
        })
    }
}

impl Scenario {
    /// As the command line names it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat",
            Self::Open(_) => "open",
            Self::FindKnee(_) => "find-knee",
            Self::Connect(_) => "connect",
            Self::Idle(_) => "idle",
            Self::Fanout(_) => "fanout",
            Self::Route(_) => "route",
            Self::Web(_) => "web",
            Self::Mixed(_) => "mixed",
        }
    }

    /// Agents that the license of a server started for oneself gets.
    pub(super) fn agents(&self) -> usize {
        match self {
            Self::Chat(options) => options.chats,
            Self::Open(options) => options.chats,
            Self::FindKnee(options) => options.chats,
            Self::Connect(_) | Self::Idle(_) => 1,
            Self::Fanout(options) => options.readers,
            Self::Route(options) => options.agents,
            Self::Web(options) => options.connections,
            Self::Mixed(options) => options.agents,
        }
    }

    /// Settings of a server started for oneself. A load generator's sessions say more than people do, and come faster, so neither
    /// rates nor threads are limited.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let off = ["limits.session_rate", "limits.connect_rate"].map(|key| (key, "off"));
        let settings = off.into_iter().chain(ENDLESS_THREADS);
        let mut settings: Vec<_> = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let capacity = match self {
            Self::Route(options) => Some(options.capacity),
            Self::Mixed(options) => Some(options.capacity),
            _ => None,
        };
        settings.extend(capacity.map(|chats| ("agent.max_chats_count".to_owned(), chats.to_string())));
        settings
    }

    /// Whether the baseline can play it too.
    pub(super) fn has_baseline(&self) -> bool {
        !matches!(self, Self::Route(_) | Self::Web(_) | Self::Mixed(_))
    }
}

/// Threads that hold whatever is said in minutes of load.
pub(super) const ENDLESS_THREADS: [(&str, &str); 2] =
    [("limits.thread_events", "10000000"), ("limits.thread_bytes", "1GiB")];

/// What all scenarios are told.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Start a server on a scratch store and a free port
    #[arg(long = "self", required_unless_present = "target", conflicts_with = "target")]
    pub(super) own: bool,
    /// Base URLs of the server's nodes, all of them: what they used is asked of each (`/metrics`) and added up
    #[arg(long, value_delimiter = ',', requires = "credentials", value_name = "URL")]
    pub(super) target: Vec<String>,
    /// The license to use: what `license create --credentials-file` wrote
    #[arg(long, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
    /// Process of the target, if it is one that runs on this machine: its CPU and memory are shown as they go
    #[arg(long, value_name = "PID")]
    pub(super) server_pid: Option<u32>,
    /// Setting of the --self server, as limits.session_rate=off
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) settings: Vec<(String, String)>,
    /// Where --self makes its scratch store: a folder on the disk that counts
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Rounds of each system, taken in turns
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) rounds: u32,
    #[command(flatten)]
    pub(super) timing: Timing,
    /// Measure the baseline too (a relay of sockets through one actor, without a store), in the same run
    #[arg(long)]
    pub(super) baseline: bool,
    /// Threads of the generator
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) threads: u32,
    /// Source addresses (127.0.0.0/8); default 256 for a target on loopback, else the system's choice
    #[arg(long, value_name = "N")]
    pub(super) sources: Option<usize>,
    /// Write the report as JSON (without a name: to the standard output, instead of the table)
    #[arg(long, num_args = 0..=1, default_missing_value = "-", value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the report as one HTML file with charts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// No live line
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// How long a round takes.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Seconds that are measured
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Seconds of load before that
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds of rest between rounds
    #[arg(long, default_value_t = 2.0)]
    pause: f64,
}

impl Timing {
    /// The measured time.
    pub(super) fn time(self) -> Duration {
        span(self.seconds)
    }

    /// Load before that.
    pub(super) fn warm_up(self) -> Duration {
        span(self.warm_up)
    }

    /// Rest between rounds.
    pub(super) fn pause(self) -> Duration {
        span(self.pause)
    }
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// `key=value`
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("must be a setting and its value, as limits.session_rate=off")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Options of `chat`.
#[derive(Args, Clone, Debug)]
pub(super) struct ChatOptions {
    /// Chats at once
    #[arg(long, default_value_t = 500)]
    pub(super) chats: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

/// Options of `open`.
#[derive(Args, Clone, Debug)]
pub(super) struct OpenOptions {
    /// Messages a second; or a schedule, as 10s:500,20s:2000 (a rate for a time, then the next)
    #[arg(long = "rate", default_value = "1000", value_name = "RATE|SCHEDULE")]
    pub(super) schedule: Schedule,
    /// Chats at once
    #[arg(long, default_value_t = 200)]
    pub(super) chats: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

/// Options of `find-knee`.
#[derive(Args, Clone, Debug)]
pub(super) struct KneeOptions {
    /// Milliseconds within which 99 of 100 pushes must arrive
    #[arg(long, default_value_t = 100.0, value_name = "MS")]
    goal: f64,
    /// The first rate, messages a second; doubled until the goal breaks
    #[arg(long, default_value_t = 500.0)]
    pub(super) start: f64,
    /// Rates that are tried at most
    #[arg(long, default_value_t = 10)]
    pub(super) steps: u32,
    /// Chats at once
    #[arg(long, default_value_t = 200)]
    pub(super) chats: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

impl KneeOptions {
    /// The goal in microseconds.
    pub(super) fn goal_us(&self) -> u64 {
        span(self.goal / 1e3).as_micros().try_into().unwrap_or(u64::MAX)
    }
}

/// Options of `connect`.
#[derive(Args, Clone, Debug)]
pub(super) struct ConnectOptions {
    /// Customers who log in
    #[arg(long, default_value_t = 5_000)]
    pub(super) sessions: usize,
    /// Logins under way at the same time; as many as there are customers for a storm
    #[arg(long, default_value_t = 256)]
    pub(super) in_flight: usize,
    /// Measure customers who were never here before, instead of those who come back
    #[arg(long)]
    pub(super) first: bool,
}

/// Options of `idle`.
#[derive(Args, Clone, Debug)]
pub(super) struct IdleOptions {
    /// Sessions of the first look at the server's memory
    #[arg(long, default_value_t = 2_000)]
    pub(super) from: usize,
    /// Sessions of the second
    #[arg(long, default_value_t = 10_000)]
    pub(super) to: usize,
    /// Seconds that all are held after that
    #[arg(long, default_value_t = 40)]
    pub(super) hold: u64,
    /// Logins under way at the same time
    #[arg(long, default_value_t = 128)]
    pub(super) in_flight: usize,
}

/// Options of `fanout`.
#[derive(Args, Clone, Debug)]
pub(super) struct FanoutOptions {
    /// Agents' sessions that get each message
    #[arg(long, default_value_t = 1_000)]
    pub(super) readers: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

/// Options of `route`.
#[derive(Args, Clone, Debug)]
pub(super) struct RouteOptions {
    /// Agents who accept chats
    #[arg(long, default_value_t = 20)]
    pub(super) agents: usize,
    /// Chats of one agent at once; must be the license's agent.max_chats_count (--self sets it)
    #[arg(long, default_value_t = 6)]
    pub(super) capacity: u32,
    /// Chats that are started a second, on average
    #[arg(long, default_value_t = 50.0)]
    pub(super) rate: f64,
    /// Seconds after which an agent closes a chat
    #[arg(long, default_value_t = 2.0)]
    pub(super) hold: f64,
}

/// Options of `web`.
#[derive(Args, Clone, Debug)]
pub(super) struct WebOptions {
    /// Connections, each of an agent with a chat of its own
    #[arg(long, default_value_t = 64)]
    pub(super) connections: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

/// Options of `mixed`.
#[derive(Args, Clone, Debug)]
pub(super) struct MixedOptions {
    /// Agents who accept chats
    #[arg(long, default_value_t = 20)]
    pub(super) agents: usize,
    /// Chats of one agent at once; should be the license's agent.max_chats_count (--self sets it)
    #[arg(long, default_value_t = 6)]
    pub(super) capacity: u32,
    /// Customers who come a second in the middle of the day, on average; a quarter of that at its ends
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub(super) rate: f64,
    /// Seconds that people think before they write, on average
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub(super) think: f64,
    /// Answers of an agent before they close a chat or hand it over, on average
    #[arg(long, default_value_t = 4.0)]
    pub(super) answers: f64,
    /// Share of the chats that are handed over once
    #[arg(long, default_value_t = 0.2)]
    pub(super) transfers: f64,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 100)]
    pub(super) size: usize,
}

/// A number above zero.
fn positive(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0).ok_or("must be above zero")
}
