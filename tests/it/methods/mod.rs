//! Every method of the table, on both transports: a good call, and every kind of bad one.

mod bad;
mod described;
mod examples;
mod login;
mod matrix;
mod past;
mod payloads;
mod web;
mod world;

pub(crate) use described::fits;
