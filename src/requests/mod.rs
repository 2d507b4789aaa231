//! The one path of a request, whether it came by HTTP or by websocket.
//!
//! [`Requests::handle`] takes a method row and a raw payload from somebody whom the edge or a session knows by
//! token, checks scopes, decodes once, and either gives a command to the chat's actor or reads (`query`). What
//! comes back is the payload as JSON text, or the protocol's error.

mod about_customers;
mod caller;
mod client;
mod customers;
mod email_verification;
mod error;
mod gate;
mod greetings;
pub mod limits;
mod missed;
mod page;
mod pipeline;
mod presence;
mod query;
mod routing;
pub mod slots;
mod start;
mod together;
mod uploads;
mod url_info;
mod visits;
mod widget;

pub use caller::{Identity, Requester};
pub use client::Client;
pub use customers::Customers;
pub use email_verification::EmailLink;
pub use gate::Gate;
pub use page::PageKey;
pub use pipeline::{Requests, RequestsParts};
pub use widget::Opened;
