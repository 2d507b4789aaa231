//! How much a value takes as JSON, found without writing it: no digits, no escapes, no buffer.
//!
//! A value never counts less than its JSON has bytes, and seldom much more: a list or an object has a comma too many, a control
//! character counts six, as the longest of its forms, and a document that is carried unread counts as a text.

use std::fmt;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// As many characters as a number with a fraction has at most.
const FRACTION: u64 = 24;
/// `null`, `true` or `false`.
const WORD: u64 = 5;
/// Brackets or braces.
const AROUND: u64 = 2;

/// At least as many bytes as the value's JSON has.
pub(super) fn json_size(value: &impl Serialize) -> u64 {
    value.serialize(Size).expect("changes have a JSON form")
}

fn text(text: &str) -> u64 {
    // In pieces whose sums fit into a byte, which processors add up many at a time.
    let escapes = |piece: &[u8]| u64::from(piece.iter().map(|byte| escape(*byte)).sum::<u8>());
    AROUND + text.len() as u64 + text.as_bytes().chunks(32).map(escapes).sum::<u64>()
}

/// What JSON writes beside a byte itself. Without branches, which would have each byte looked at alone.
fn escape(byte: u8) -> u8 {
    5 * u8::from(byte < b' ') + u8::from(byte == b'"') + u8::from(byte == b'\\')
}

fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |exponent| u64::from(exponent) + 1)
}

fn signed(number: i64) -> u64 {
    u64::from(number < 0) + digits(number.unsigned_abs())
}

/// A name with its quotes, the colon and the comma.
fn name(name: &str) -> u64 {
    name.len() as u64 + 4
}

/// Counts a value.
struct Size;

/// What was counted of something that has parts.
struct Parts(u64);

impl Parts {
    fn add<T: Serialize + ?Sized>(&mut self, before: u64, part: &T) -> Result<(), fmt::Error> {
        self.0 += before + part.serialize(Size)?;
        Ok(())
    }
}

/// Values without parts.
macro_rules! scalars {
    ($($name:ident($value:tt: $type:ty) => $count:expr),+ $(,)?) => {$(
        fn $name(self, $value: $type) -> Result<u64, fmt::Error> {
            Ok($count)
        }
    )+};
}

impl Serializer for Size {
    type Ok = u64;
    type Error = fmt::Error;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    scalars! {
        serialize_bool(_: bool) => WORD,
        serialize_i8(number: i8) => signed(number.into()),
        serialize_i16(number: i16) => signed(number.into()),
        serialize_i32(number: i32) => signed(number.into()),
        serialize_i64(number: i64) => signed(number),
        serialize_u8(number: u8) => digits(number.into()),
        serialize_u16(number: u16) => digits(number.into()),
        serialize_u32(number: u32) => digits(number.into()),
        serialize_u64(number: u64) => digits(number),
        serialize_f32(_: f32) => FRACTION,
        serialize_f64(_: f64) => FRACTION,
        serialize_str(str: &str) => text(str),
        serialize_char(char: char) => text(char.encode_utf8(&mut [0; 4])),
        // JSON has no bytes: they are a list of numbers.
        serialize_bytes(bytes: &[u8]) => AROUND + 4 * bytes.len() as u64,
    }

    fn serialize_none(self) -> Result<u64, fmt::Error> {
        Ok(WORD)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u64, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<u64, fmt::Error> {
        Ok(WORD)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u64, fmt::Error> {
        Ok(WORD)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<u64, fmt::Error> {
        Ok(text(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u64, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u64, fmt::Error> {
        Ok(AROUND + name(variant) + value.serialize(self)?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND + name(variant) + AROUND))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, fmt::Error> {
        Ok(Parts(AROUND + name(variant) + AROUND))
    }
}

/// Parts of a list, each with a comma.
macro_rules! lists {
    ($($of:ident: $add:ident),+ $(,)?) => {$(
        impl $of for Parts {
            type Ok = u64;
            type Error = fmt::Error;

            fn $add<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), fmt::Error> {
                self.add(1, part)
            }

            fn end(self) -> Result<u64, fmt::Error> {
                Ok(self.0)
            }
        }
    )+};
}

lists! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

/// Parts with names.
macro_rules! objects {
    ($($of:ident),+) => {$(
        impl $of for Parts {
            type Ok = u64;
            type Error = fmt::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                field: &'static str,
                value: &T,
            ) -> Result<(), fmt::Error> {
                self.add(name(field), value)
            }

            fn end(self) -> Result<u64, fmt::Error> {
                Ok(self.0)
            }
        }
    )+};
}

objects!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts {
    type Ok = u64;
    type Error = fmt::Error;

    /// Keys that are no texts get quotes.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        self.add(AROUND, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add(AROUND, value)
    }

    fn end(self) -> Result<u64, fmt::Error> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests;
