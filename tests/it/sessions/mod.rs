//! Sockets: login, logout, pings, request ids, why they end.

mod ends;
mod login;
mod own;
mod pings;
mod push_filter;
mod request_ids;
