//! The doors: one port for websockets, Web API, tokens, pages, health and metrics.
//!
//! Routes are built from [`crate::protocol::method`]; what a method does is found in `requests`, what a websocket
//! does in `sessions`. Nothing here knows a rule of the product.

mod auth;
mod client_address;
mod cluster;
mod cors;
mod customer_token;
mod description;
mod files;
mod health;
mod in_time;
mod pages;
mod reports;
mod rtm;
mod server;
mod tls;
mod verify_email;
mod waiting;
mod web;

pub use client_address::TrustedProxies;
pub use cluster::ShownCluster;
pub use health::Readiness;
pub use pages::{DemoAgent, DemoConsole, DemoSession};
pub use server::{EdgeContext, EdgeSettings, RunningServer, start};
pub use tls::{TlsError, tls_config};
pub use waiting::WaitingRoom;
