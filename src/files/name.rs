//! What a file may be called.

/// Bytes of a name.
const MAX_NAME: usize = 200;

/// The last part of what a client calls it, without anything that is no name.
pub(super) fn clean(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control() && !"\"<>:|?*".contains(*c)).collect();
    while name.len() > MAX_NAME {
        name.remove(0);
    }
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

/// A name as a part of an address.
pub fn in_address(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
