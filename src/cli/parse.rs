//! Reads the arguments. Unknown flags are collected instead of ending at the first.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use super::args::{Command, CommandLine};
use crate::config::{Fault, Source};

/// What was typed.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The command; `serve` where none was named.
    pub(super) command: Command,
    /// Flags that no command has.
    pub(super) faults: Vec<Fault>,
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// Help and version, and mistakes that leave no command to speak of; unknown flags are no error here.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut faults = Vec::new();
    loop {
        let error = match CommandLine::try_parse_from(&arguments) {
            Ok(CommandLine { command, serve }) => {
                return Ok(Parsed { command: command.unwrap_or(Command::Serve(serve)), faults });
            }
            Err(error) => error,
        };
        let Some(place) = unknown_flag(&error, &arguments) else { return Err(error) };
        faults.push(fault(&error, &arguments[place]));
        remove(&mut arguments, place);
    }
}

/// Where the flag stands that the parser does not know.
fn unknown_flag(error: &clap::Error, arguments: &[OsString]) -> Option<usize> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_it = |argument: &OsString| {
        let text = argument.to_string_lossy();
        flag.starts_with('-') && text.split_once('=').map_or(&*text, |(name, _)| name) == flag.as_str()
    };
    arguments.iter().skip(1).position(is_it).map(|place| place + 1)
}

fn fault(error: &clap::Error, argument: &OsString) -> Fault {
    let text = argument.to_string_lossy();
    let flag = text.split_once('=').map_or(&*text, |(name, _)| name);
    let hint = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(near)) => format!("; did you mean {near}?"),
        _ => String::new(),
    };
    Fault::new(Source::Flag(flag.to_owned()), format!("there is no such flag{hint}"))
}

/// Takes the flag away, with what looks like its value: else the value would be the next mistake.
fn remove(arguments: &mut Vec<OsString>, place: usize) {
    let is_alone = arguments.remove(place).to_string_lossy().contains('=');
    let Some(next) = arguments.get(place).map(|next| next.to_string_lossy().into_owned()) else { return };
    let is_command = CommandLine::command().find_subcommand(&next).is_some();
    if !is_alone && !next.starts_with('-') && !is_command {
        arguments.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, clap::Error> {
        parse(std::iter::once("switchboard").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve() {
        for line in ["--listen 127.0.0.1:1 --no-demo", "serve --listen 127.0.0.1:1 --no-demo"] {
            let parsed = parsed(line).expect("good");
            assert!(matches!(parsed.command, Command::Serve(_)));
            assert!(parsed.faults.is_empty());
            assert_eq!(
                parsed.command.settings(),
                [("server.listen", "127.0.0.1:1".to_owned()), ("server.no_demo", "true".to_owned())]
            );
        }
    }

    #[test]
    fn every_unknown_flag_is_told() {
        let parsed = parsed("serve --lisen 127.0.0.1:1 --bogus=5 --no-demo --quick").expect("a command");
        let faults: Vec<String> = parsed.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "--lisen: there is no such flag; did you mean --listen?",
                "--bogus: there is no such flag",
                "--quick: there is no such flag",
            ]
        );
        assert_eq!(parsed.command.settings(), [("server.no_demo", "true".to_owned())]);
    }

    #[test]
    fn mistakes_without_a_command_end_at_once() {
        for line in ["nonsense", "token", "token create", "license set", "token revoke", "serve extra"] {
            assert!(parsed(line).is_err(), "{line}");
        }
        for line in ["--help", "token create --help", "--version"] {
            assert!(!parsed(line).expect_err("text").use_stderr(), "{line}");
        }
    }
}
