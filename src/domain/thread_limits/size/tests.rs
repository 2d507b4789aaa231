//! Against what is written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Number, Value, json};

use super::*;

fn written(value: &impl Serialize) -> u64 {
    serde_json::to_vec(value).expect("JSON").len() as u64
}

/// Texts of all lengths around that of a piece, with much that is escaped.
fn a_text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => prop::sample::select(vec!['x', '"', '\\', '\n', '\u{0}', '\u{1f}', ' ', '\u{7f}', 'ä', '🙂']),
        1 => any::<char>(),
    ];
    prop::collection::vec(char, 0..100).prop_map(|chars| chars.into_iter().collect())
}

fn a_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        a_text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(a_text(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_counts_less_than_is_written_of_it(value in a_value()) {
        prop_assert!(json_size(&value) >= written(&value), "{value}");
    }

    #[test]
    fn a_text_counts_what_is_written_of_it_and_a_control_character_six(text in a_text()) {
        let short = text.chars().filter(|char| "\n\r\t\u{8}\u{c}".contains(*char)).count() as u64;
        prop_assert_eq!(json_size(&text), written(&text) + 4 * short);
    }
}

proptest! {
    #[test]
    fn whole_numbers_count_their_digits(signed: i64, small: i8, unsigned: u64) {
        prop_assert_eq!(json_size(&signed), written(&signed));
        prop_assert_eq!(json_size(&small), written(&small));
        prop_assert_eq!(json_size(&unsigned), written(&unsigned));
    }
}

#[test]
fn whatever_form_a_value_has_it_counts_no_less_than_is_written_of_it() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Newtype(i8);
    #[derive(Serialize)]
    struct Tuple(i64, char);
    #[derive(Serialize)]
    struct Fields<'a> {
        raw: &'a RawValue,
        by_number: BTreeMap<u64, Option<()>>,
    }
    #[derive(Serialize)]
    enum Either {
        Unit,
        Newtype(Newtype),
        Tuple(f32, f64),
        Fields { first: Unit, second: [u8; 3] },
    }
    let raw = to_raw_value(&json!({ "a": ["\"", 1] })).expect("JSON");
    let fields = Fields { raw: &raw, by_number: [(u64::MAX, None), (1, Some(()))].into() };
    let all = [
        Either::Unit,
        Either::Newtype(Newtype(-128)),
        Either::Tuple(f32::MIN_POSITIVE, -f64::MIN_POSITIVE),
        Either::Fields { first: Unit, second: [255; 3] },
    ];
    for either in &all {
        assert!(json_size(either) >= written(either), "{}", serde_json::to_string(either).expect("JSON"));
    }
    assert!(json_size(&all) >= written(&all));
    for number in [0, 9, 10, 99, 100, -1, -9, -10, i64::MIN, i64::MAX] {
        assert_eq!(json_size(&number), written(&number), "{number}");
    }
    assert_eq!(json_size(&u64::MAX), written(&u64::MAX));
    assert!(json_size(&fields) >= written(&fields));
    assert!(json_size(&Tuple(i64::MIN, '\u{1}')) >= written(&Tuple(i64::MIN, '\u{1}')));
}
