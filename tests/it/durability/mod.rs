//! What a restart leaves: everything. And threads that close by themselves.

mod inactivity;
mod profiles;
mod restarts;

pub(crate) use inactivity::resident;
