//! What the server fetches from hosts that people name, and what it tells them; and mail.
//!
//! Whoever can make a server fetch an address can make it ask its own network. So nothing is ever connected to but public
//! addresses ([`is_public`]): the check is of the very addresses that a connection is opened to, after the names are
//! resolved, and again for each redirect. Sizes, time and redirects are bounded. [`describe`] reads what a page says of
//! itself. A [`Mailer`] gives mail to the operator's relay.

mod address;
mod fetch;
mod mail;
mod page;

pub use address::is_public;
pub use fetch::{FetchError, Fetched, Fetcher};
pub use mail::{MailError, MailRelay, MailSecurity, Mailer};
pub use page::{PageInfo, describe};
