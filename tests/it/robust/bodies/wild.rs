//! What else may come: good bodies with parts changed, and documents that no table describes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use switchboard::protocol::method::{self, Method};

use super::doc::Doc;
use super::good::{self, Known};

/// Values as they are written. The last few are no JSON.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1.0",
    "0.1",
    "1e3",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "123456789012345678901234567890123456789012345678901234567890",
    "1e308",
    "1e-400",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    "[true]",
    "[\"x\"]",
    "[\"x\",null,null,null,null]",
    "{\"\":{}}",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"\\u001b[31m\"",
    "\"\\ud83d\\udca5\"",
    "\"\u{202e}\u{2066}abc\"",
    "\"\u{200b}\"",
    "\"\u{feff}x\"",
    "\"a\u{301}\u{301}\u{301}\u{301}\"",
    "\"\u{fdfa}\"",
    "\"\u{10ffff}\"",
    "\"{\\\"a\\\":1}\"",
    "\"`\"",
    "\"../../etc/passwd\"",
    "\"javascript:alert(1)\"",
    "\"9999-12-31T23:59:60.999999999Z\"",
    "\"-0001-01-01T00:00:00Z\"",
    "\"0123456789ABCDEF_99999999999999999999\"",
    "\"%00\"",
    "1e999",
    "-1e999",
    "\"\\ud800\"",
    "\"\\udca5\\ud83d\"",
];
const BROKEN: &[&str] =
    &["", "NaN", "01", "+1", ".5", "'x'", "tru", "\"", "{", "]", "\"\\x\"", "\"\u{1}\"", "1,2", "//"];

/// Keys of requests, and some that no request has.
fn keys() -> BoxedStrategy<String> {
    let mut known: Vec<&str> = method::all()
        .flat_map(|method| method.params)
        .flat_map(|param| param.name.split('.'))
        .chain([
            "type",
            "text",
            "elements",
            "buttons",
            "fields",
            "content",
            "author_id",
            "custom_id",
            "postback",
        ])
        .collect();
    known.sort_unstable();
    known.dedup();
    let odd =
        select(vec!["", " ", ".", "a.b", "`", "\"", "\\", "\u{0}", "\u{202e}", "__proto__", "$ref", "💥"]);
    prop_oneof![
        6 => select(known).prop_map(str::to_owned),
        2 => odd.prop_map(str::to_owned),
        1 => (1..20_000_usize).prop_map(|length| "k".repeat(length)),
    ]
    .boxed()
}

fn leaf() -> BoxedStrategy<Doc> {
    prop_oneof![
        30 => select(ODD).prop_map(|text| Doc::Raw(text.to_owned())),
        3 => any::<String>().prop_map(|text| Doc::of(&text.into())),
        2 => (0..20_000_usize).prop_map(|length| Doc::of(&"ż".repeat(length).into())),
        2 => (1..400_usize).prop_map(|digits| Doc::Raw("9".repeat(digits))),
        2 => (0..2_000_usize).prop_map(|length| Doc::List(vec![Doc::Raw("0".to_owned()); length])),
        1 => (50..2_000_usize, any::<bool>()).prop_map(|(levels, in_objects)| Doc::deep(levels, in_objects)),
        1 => select(BROKEN).prop_map(|text| Doc::Raw(text.to_owned())),
    ]
    .boxed()
}

/// Any document.
pub(super) fn documents() -> BoxedStrategy<Doc> {
    leaf()
        .prop_recursive(5, 24, 6, |inner| {
            prop_oneof![
                1 => vec(inner.clone(), 0..5).prop_map(Doc::List),
                3 => vec((keys(), inner), 0..6).prop_map(Doc::Object),
            ]
        })
        .boxed()
}

/// What is done to a part of a body.
#[derive(Clone, Debug)]
enum Change {
    Put(Doc),
    /// Out of an object.
    Drop(Index),
    /// A key that is there once more, with this.
    Again(Index, Doc),
    Add(String, Doc),
    /// A value as a list of it.
    Wrap,
}

fn changes() -> BoxedStrategy<Change> {
    prop_oneof![
        4 => documents().prop_map(Change::Put),
        4 => leaf().prop_map(Change::Put),
        2 => any::<Index>().prop_map(Change::Drop),
        2 => (any::<Index>(), leaf()).prop_map(|(at, value)| Change::Again(at, value)),
        2 => (keys(), leaf()).prop_map(|(key, value)| Change::Add(key, value)),
        1 => Just(Change::Wrap),
    ]
    .boxed()
}

fn change(body: &mut Doc, at: Index, change: Change) {
    let number = at.index(body.places());
    let Some(place) = body.place(number) else { return };
    match (place, change) {
        (place, Change::Put(other)) => *place = other,
        (Doc::Object(entries), Change::Drop(at)) if !entries.is_empty() => {
            entries.remove(at.index(entries.len()));
        }
        (Doc::Object(entries), Change::Again(at, value)) if !entries.is_empty() => {
            let key = entries[at.index(entries.len())].0.clone();
            entries.push((key, value));
        }
        (Doc::Object(entries), Change::Add(key, value)) => entries.push((key, value)),
        (place, Change::Wrap) => *place = Doc::List(vec![place.clone()]),
        (_, Change::Drop(_) | Change::Again(..) | Change::Add(..)) => {}
    }
}

/// Bodies for a method, as texts: good ones, nearly good ones, and any.
pub(super) fn bodies(method: &'static Method, known: &Known) -> BoxedStrategy<String> {
    let good = good::bodies(method, known);
    let nearly = (good.clone(), vec((any::<Index>(), changes()), 1..4)).prop_map(|(mut body, list)| {
        for (at, what) in list {
            change(&mut body, at, what);
        }
        body
    });
    prop_oneof![3 => good, 6 => nearly, 2 => documents()].prop_map(|body| body.to_string()).boxed()
}
