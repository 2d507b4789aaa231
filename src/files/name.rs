//! What a file may be called.

/// Bytes of a name.
const MAX_NAME: usize = 200;

/// The last part of what a client calls it, without anything that is no name.
pub(super) fn clean(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| is_shown(*c) && !"\"<>:|?*".contains(*c)).collect();
    // Its end is kept, since that says what it is.
    let too_long = name.len().saturating_sub(MAX_NAME);
    name.drain(..name.ceil_char_boundary(too_long));
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

/// Neither a control character nor one that turns the direction of writing, by which a name may seem to end otherwise than it
/// does.
fn is_shown(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns
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
