//! Switchboard: a self-hosted, clustered customer-service chat server that speaks the LiveChat messaging
//! protocol.
//!
//! Rooms, and who may know whom (left may use right, never back; `tests/it/walls.rs` keeps this):
//!
//! `node -> edge -> sessions -> requests -> actors -> {store, cluster, domain}`; `sessions -> nodes -> actors`;
//! `edge, sessions, requests -> protocol -> domain`; `store -> {cluster, domain}`. [`domain`] knows nobody.

pub mod actors;
pub mod admin;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod edge;
pub mod files;
pub mod id_source;
pub mod node;
pub mod nodes;
pub mod observe;
pub mod opening;
pub mod outgoing;
pub mod places;
pub mod protocol;
pub mod requests;
pub mod sessions;
pub mod store;
pub mod tenants;
pub mod web;
