//! What an operator does to licenses and tokens, beside a running server or without one.
//!
//! An [`Operation`] goes in, an [`Outcome`] comes out ([`Services::execute`]). A server on an embedded store is
//! the only one who may write to it, so it listens on a socket in its data dir ([`serve`]), and the command line
//! talks to it there ([`Client`]): one JSON document a line. Where no server runs, and on CQL, the command line
//! executes the operation itself, by the same code; only what concerns the cluster goes to a node in any case, which
//! listens on a socket with its name.

mod client;
mod operation;
mod outcome;
mod routing;
mod server;
mod socket_path;
mod wire;

pub use client::{Client, ClientError};
pub use operation::{
    ClientChange, ClusterOrder, LicenseChange, Operation, OperationError, Services, TokenChoice,
};
pub use outcome::{AgentView, ClientView, GroupView, LicenseView, Outcome, TokenView};
pub use server::{AdminServer, BindError, serve};

#[cfg(test)]
mod tests;
