//! The names by which customers know agents.

use std::cell::RefCell;
use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hex;

/// The secret of a license.
type Key = [u8; 16];

/// Names that a thread remembers; then all are forgotten and made again.
const REMEMBERED: usize = 4_096;
/// The longest id that is worth remembering, bytes.
const LONGEST: usize = 256;

/// By license and id, what was made before: every message of an agent names them to the customer.
#[derive(Default)]
struct Remembered {
    names: HashMap<Key, HashMap<String, String>>,
    count: usize,
}

thread_local! {
    static REMEMBERED_HERE: RefCell<Remembered> = RefCell::default();
}

/// 32 hex digits that name an agent to customers and tell them nothing: half of a keyed hash.
pub(super) fn of(key: &Key, id: &str) -> String {
    REMEMBERED_HERE.with_borrow_mut(|remembered| remembered.name(key, id))
}

impl Remembered {
    fn name(&mut self, key: &Key, id: &str) -> String {
        if let Some(known) = self.names.get(key).and_then(|of_license| of_license.get(id)) {
            return known.clone();
        }
        let name = make(key, id);
        if id.len() > LONGEST {
            return name;
        }
        if self.count >= REMEMBERED {
            *self = Self::default();
        }
        self.names.entry(*key).or_default().insert(id.to_owned(), name.clone());
        self.count += 1;
        name
    }
}

fn make(key: &Key, id: &str) -> String {
    // HMAC pads short keys with zeros; doing so here leaves nothing that could fail.
    let mut padded = [0_u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let mut hash = Hmac::<Sha256>::new(&padded.into());
    hash.update(id.as_bytes());
    hex(&hash.finalize().into_bytes()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_half_of_a_keyed_hash() {
        // `printf a@example.com | openssl dgst -sha256 -mac HMAC -macopt hexkey:07070707070707070707070707070707`
        assert_eq!(of(&[7; 16], "a@example.com"), "901dfbcd7aa8e1d3fbd5d0cb5380d285");
    }

    #[test]
    fn what_is_remembered_is_of_the_license_and_bounded() {
        let mut remembered = Remembered::default();
        for (key, id) in [([1; 16], "a"), ([2; 16], "a"), ([1; 16], "b"), ([1; 16], "a")] {
            assert_eq!(remembered.name(&key, id), make(&key, id));
        }
        let long = "a".repeat(LONGEST + 1);
        assert_eq!(remembered.name(&[1; 16], &long), make(&[1; 16], &long));
        assert_eq!(remembered.count, 3);
        for number in 0..2 * REMEMBERED {
            remembered.name(&[3; 16], &number.to_string());
            let kept: usize = remembered.names.values().map(HashMap::len).sum();
            assert_eq!(kept, remembered.count);
            assert!(kept <= REMEMBERED);
        }
    }
}
