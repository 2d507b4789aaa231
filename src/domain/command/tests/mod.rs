//! Rules that need more room than their own file has.

mod access;
mod clients;
mod open_thread;
mod send_event;
mod transfer_chat;
