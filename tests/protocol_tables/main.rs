//! The protocol room against the protocol's own tables: methods, errors, requests, and all that is rendered.

#[path = "../support/tables.rs"]
mod tables;

mod described;
mod errors;
mod examples;
mod fixture;
mod license_news;
mod methods;
mod pushes;
mod requests;
mod structures;
