//! Proofs about the embedded store: crashes, damage, failing syncs, a full disk.

use std::path::Path;

use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};

/// Opens a store of this folder, with a reserve that scratch folders can afford.
pub(crate) fn open(folder: &Path) -> EmbeddedStore {
    let options = EmbeddedOptions { reserve_bytes: 1 << 20, ..EmbeddedOptions::new(folder) };
    EmbeddedStore::open(&options).expect("a store")
}
