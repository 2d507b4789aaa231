//! Where random bits come from; the only place that asks the operating system for them.

use crate::domain::id::IdSource;

/// The operating system's cryptographic generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsIds;

impl IdSource for OsIds {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has a random generator");
        u128::from_le_bytes(bytes)
    }
}
