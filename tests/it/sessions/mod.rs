//! Sockets: login, logout, pings, request ids, why they end.

mod login;
