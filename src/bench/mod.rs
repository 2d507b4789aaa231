//! `switchboard bench`: the load generator. Knows the public protocol and nothing of the server's inside.
//!
//! [`run`] takes the command line ([`options`]), finds or starts the systems to measure (`child`, `target`; the
//! baseline is `relay`), plays rounds of a `scenario` on them in turns, and shows the [`report`]. In a scenario,
//! `client` is a socket, `talk` a chat, `record` and `round` what is measured; `audit` says whether every
//! acknowledged event was stored and pushed once and in order. A run whose audit is not clean fails.

mod audit;
mod child;
mod client;
mod dice;
mod error;
mod html;
mod nodes;
mod options;
mod process;
mod record;
mod relay;
mod report;
mod round;
mod scenario;
mod schedule;
mod table;
mod talk;
mod target;
mod torture;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

pub use audit::Findings;
pub use error::BenchError;
pub use options::BenchArgs;
pub use record::Latency;
pub use report::{FIGURES, Figure, MachineFacts, Report, Round, Sample, Spread};
pub use torture::{TortureArgs, torture};

use child::{SelfOptions, Server};
use options::{BenchCommand, Common, Scenario};
use scenario::{Stage, System, play};
use target::{Credentials, Target};

/// Runs what the command line asks for. Must not be called inside a runtime.
///
/// # Errors
/// See [`BenchError`]; an audit that fails is one of them.
pub fn run(args: BenchArgs) -> Result<(), BenchError> {
    let program = std::env::current_exe()?;
    if let Some([a, b]) = args.compare.as_deref() {
        println!("{}", table::compare(&Report::read(a)?, &Report::read(b)?));
        return Ok(());
    }
    let command = args.command.ok_or(BenchError::Usage("name a scenario, or --compare two reports"))?;
    if let BenchCommand::RelayServer { port } = command {
        return Ok(relay::serve(port)?);
    }
    let Some((common, scenario)) = command.scenario() else { return Ok(()) };
    let report = measure(&program, &common, &scenario)?;
    show(&common, &report)?;
    if report.is_clean() { Ok(()) } else { Err(BenchError::NotClean) }
}

/// Plays a scenario with another binary as the server, as tests do.
fn measure(program: &Path, common: &Common, scenario: &Scenario) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(common.threads as usize)
        .enable_all()
        .build()?;
    let report = runtime.block_on(rounds(program, common, scenario));
    // Sockets of a round may still be saying goodbye.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    report
}

async fn rounds(program: &Path, common: &Common, scenario: &Scenario) -> Result<Report, BenchError> {
    let systems = systems(program, common, scenario).await?;
    let shared = common.own || common.server_pid.is_some();
    let mut report = Report::new(scenario.name(), format!("{scenario:?} {:?}", common.timing), shared);
    for number in 0..common.rounds {
        for system in &systems {
            if number > 0 || system.name != systems[0].name {
                tokio::time::sleep(common.timing.pause()).await;
            }
            let stage = Stage {
                system,
                timing: common.timing,
                threads: common.threads as usize,
                is_live: !common.quiet,
            };
            report.rounds.push(play(&stage, scenario).await?);
        }
    }
    Ok(report)
}

/// The server under test, and the baseline if it is wanted.
async fn systems(program: &Path, common: &Common, scenario: &Scenario) -> Result<Vec<System>, BenchError> {
    let options = SelfOptions {
        program: program.to_owned(),
        scratch: common.scratch.clone().unwrap_or_else(std::env::temp_dir),
        // What is named twice counts as it was named last.
        settings: scenario.settings().into_iter().chain(common.settings.clone()).collect(),
        sources: common.sources,
    };
    let mut systems = Vec::new();
    if common.baseline && scenario.has_baseline() {
        let (server, target) = Server::start_relay(&options).await?;
        systems.push(system("relay", target, server.pid(), Some(server)));
    }
    if common.own {
        if child::is_in_memory(&options.scratch) {
            tracing::warn!(folder = %options.scratch.display(), "the scratch store is in memory: fsync costs nothing there");
        }
        let (server, target) = Server::start(&options, scenario.agents()).await?;
        systems.push(system("switchboard", target, server.pid(), Some(server)));
    } else {
        let file = common.credentials.as_deref().ok_or(BenchError::Usage("--target needs --credentials"))?;
        let target = Target::new(common.target.clone(), Credentials::read(file)?, common.sources)?;
        systems.push(system("switchboard", target, common.server_pid, None));
    }
    Ok(systems)
}

fn system(name: &'static str, target: Target, pid: Option<u32>, child: Option<Server>) -> System {
    let has_store = name == "switchboard";
    System { name, target, pid, has_store, rooms: AtomicU64::new(0), _child: child }
}

fn show(common: &Common, report: &Report) -> Result<(), BenchError> {
    let to_stdout = common.json.as_deref() == Some(Path::new("-"));
    match &common.json {
        Some(_) if to_stdout => {
            let path = PathBuf::from("the standard output");
            let text = serde_json::to_string_pretty(report);
            println!("{}", text.map_err(|source| BenchError::Json { path, source })?);
        }
        Some(path) => report.write(path)?,
        None => {}
    }
    if let Some(path) = &common.html {
        std::fs::write(path, html::page(report)).map_err(BenchError::file(path))?;
    }
    if !to_stdout {
        println!("{}", table::report(report));
    }
    Ok(())
}
