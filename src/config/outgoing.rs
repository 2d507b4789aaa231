//! `[outgoing]`: what the server fetches from others.

use super::kind::{Key, Switch, key};
use super::reader::Reader;

const ALLOW_PRIVATE: Key<Switch> = key("outgoing.allow_private", "false", Switch);

/// `[outgoing]`
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Fetches from private addresses, too, at the word of customers: for tests, and for servers without the internet.
    /// Default false.
    pub allow_private: bool,
}

impl Outgoing {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { allow_private: reader.get(&ALLOW_PRIVATE) }
    }
}
