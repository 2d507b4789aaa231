//! A database of places in MaxMind's format, of one network.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

/// Bits that name the network.
const PREFIX: u32 = 24;
const MARKER: &[u8] = b"\xAB\xCD\xEFMaxMind.com";
/// Bytes between the tree and the data.
const GAP: u32 = 16;

/// Writes the database: this record for the network of 256 addresses that the address is in, nothing for all others.
pub(crate) fn write(path: &Path, address: Ipv4Addr, record: &Value) {
    let mut bytes = Vec::new();
    for depth in 0..PREFIX {
        let next = if depth + 1 == PREFIX { PREFIX + GAP } else { depth + 1 };
        let is_right = address.to_bits() >> (31 - depth) & 1 == 1;
        let (left, right) = if is_right { (PREFIX, next) } else { (next, PREFIX) };
        bytes.extend_from_slice(&left.to_be_bytes()[1..]);
        bytes.extend_from_slice(&right.to_be_bytes()[1..]);
    }
    bytes.resize(bytes.len() + GAP as usize, 0);
    encode(record, &mut bytes);
    bytes.extend_from_slice(MARKER);
    let texts = [("database_type", json!("GeoLite2-City")), ("languages", json!(["en"]))];
    // By their types: whole numbers of 16, 32 and 64 bits are 5, 6 and 9.
    let numbers = [
        ("node_count", 6, PREFIX),
        ("record_size", 5, 24),
        ("ip_version", 5, 4),
        ("binary_format_major_version", 5, 2),
        ("binary_format_minor_version", 5, 0),
        ("build_epoch", 9, 1),
    ];
    control(7, texts.len() + numbers.len() + 1, &mut bytes);
    for (key, text) in texts.into_iter().chain([("description", json!({ "en": "one network" }))]) {
        encode(&json!(key), &mut bytes);
        encode(&text, &mut bytes);
    }
    for (key, kind, number) in numbers {
        encode(&json!(key), &mut bytes);
        let bytes_of_number = &number.to_be_bytes()[if kind == 5 { 2 } else { 0 }..];
        control(kind, bytes_of_number.len(), &mut bytes);
        bytes.extend_from_slice(bytes_of_number);
    }
    std::fs::write(path, bytes).expect("a database");
}

/// Strings, fractions, maps and lists.
fn encode(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => {
            control(3, 8, bytes);
            bytes.extend_from_slice(&number.as_f64().expect("a number").to_be_bytes());
        }
        Value::Object(map) => {
            control(7, map.len(), bytes);
            for (key, value) in map {
                encode(&json!(key), bytes);
                encode(value, bytes);
            }
        }
        Value::Array(list) => {
            control(11, list.len(), bytes);
            list.iter().for_each(|value| encode(value, bytes));
        }
        Value::Null | Value::Bool(_) => unreachable!("no record here has one"),
    }
}

/// A type and a size.
fn control(kind: u8, size: usize, bytes: &mut Vec<u8>) {
    let size = u8::try_from(size).expect("a short value");
    let (first, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    match kind.checked_sub(7) {
        // Types from 8 on stand in a byte of their own.
        Some(extended @ 1..) => bytes.extend([first, extended]),
        Some(0) | None => bytes.push(kind << 5 | first),
    }
    bytes.extend(more);
}
