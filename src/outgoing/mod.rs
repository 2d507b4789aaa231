//! What the server fetches from hosts that people name.
//!
//! Whoever can make a server fetch an address can make it ask its own network. So nothing is ever connected to but public
//! addresses ([`is_public`]): the check is of the very addresses that a connection is opened to, after the names are
//! resolved, and again for each redirect. Sizes, time and redirects are bounded. [`describe`] reads what a page says of
//! itself.

mod address;
mod fetch;
mod page;

pub use address::is_public;
pub use fetch::{FetchError, Fetched, Fetcher};
pub use page::{PageInfo, describe};
