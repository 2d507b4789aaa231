//! `[geo]`: where customers are.

use std::path::PathBuf;

use super::kind::{FilePath, Key, Maybe, key};
use super::reader::Reader;

const DATABASE: Key<Maybe<FilePath>> = key("geo.database", "", Maybe(FilePath));

/// `[geo]`
#[derive(Clone, Debug)]
pub struct Geo {
    /// A database in MaxMind's format that says where addresses are. Default: none, nobody's place is known.
    pub database: Option<PathBuf>,
}

impl Geo {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { database: reader.get(&DATABASE) }
    }
}
