//! The command line: what is typed becomes a configuration and a command, and the command is run.
//!
//! `parse` reads the arguments and keeps unknown flags as faults, so that they are reported together with those
//! of the settings. [`run`] loads the settings, says what is wrong with all of it at once, and runs the command.
//! What a command does is elsewhere: `serve` in [`node`], licenses and tokens in
//! [`admin`](crate::admin).

mod args;
mod check_config;
mod cluster;
mod examples;
mod license;
mod migrate;
mod operate;
mod parse;
mod print;
mod routing;
mod token;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::{self, Config, Faults, Inputs, Loaded, Source};
use crate::{node, observe};

use args::Command;
use parse::Parsed;

/// The arguments or the settings are wrong.
const USAGE: u8 = 2;

/// Runs the command that the arguments name; the whole of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match parse::parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no mistakes and go to standard output.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let Parsed { command, faults } = parsed;
    let inputs = Inputs::of_process(command.config_file(), command.settings());
    let mut loaded = config::load(&inputs);
    loaded.faults.splice(0..0, faults);
    match run_command(command, loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&*error);
            ExitCode::from(if error.is::<Faults>() { USAGE } else { 1 })
        }
    }
}

fn run_command(command: Command, loaded: Loaded) -> Result<(), Box<dyn Error>> {
    if let Command::CheckConfig(_) = &command {
        return check_config::run(loaded);
    }
    let log_level = loaded.source_of("log.level");
    let (mut config, warnings) = loaded.into_result()?;
    if log_level == Source::Default && !matches!(command, Command::Serve(_)) {
        // A command that ends at once has a result to show, and no story to tell.
        config.log.level = "warn".to_owned();
    }
    observe::log::set_up(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match command {
        Command::Serve(_) => serve(config),
        Command::Migrate(_) => migrate::run(&config),
        Command::Token(command) => token::run(&config, command),
        Command::License(command) => license::run(&config, command),
        Command::Agent(command) => routing::agent(&config, command),
        Command::Group(command) => routing::group(&config, command),
        Command::Explain(flags) => routing::explain(&config, flags),
        Command::Cluster(command) => cluster::run(&config, command),
        Command::Bench(args) => Ok(crate::bench::run(*args)?),
        Command::Torture(args) => Ok(crate::bench::torture(&args)?),
        Command::CheckConfig(_) => unreachable!("it was run above"),
    }
}

fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    Ok(node::run(config)?)
}
