//! The built program, run as an operator runs it.

mod check_config;
mod help;
mod tenants;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder to run commands in, with nothing of ours in their environment.
struct Operator {
    folder: tempfile::TempDir,
}

/// What a command did.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Operator {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHBOARD_"));
        ours.for_each(|(name, _)| {
            command.env_remove(name);
        });
        command.current_dir(self.path()).args(line).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &[&str]) -> Done {
        Done::of(self.command(line).output().expect("the program runs"))
    }

    /// Runs a command that has to succeed, and gives what it printed.
    fn ok(&self, line: &[&str]) -> String {
        let done = self.run(line);
        assert_eq!(done.code, 0, "{line:?}: {}{}", done.out, done.err);
        done.out
    }

    /// The same for commands that print JSON.
    fn json(&self, line: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(line)).expect("JSON")
    }

    /// Starts a server on the data dir `data` and waits until it can be operated.
    fn server(&self) -> Server {
        let line = ["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"];
        let mut process = self.command(&line).spawn().expect("the program runs");
        let socket = self.path().join("data/admin.sock");
        let patience = Instant::now() + Duration::from_secs(60);
        while !socket.exists() {
            assert!(process.try_wait().expect("a process").is_none(), "the server ended");
            assert!(Instant::now() < patience, "no admin socket after a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
        Server(process)
    }
}

impl Done {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A running server; killed in the end.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
