//! What customers' pages show, by name: `switchboard license set` and `switchboard group set` write it through here.

use serde::de::DeserializeOwned;

use super::overrides::OverrideError;
use super::typed;
use crate::domain::properties::Properties;
use crate::domain::property_definitions::{Location, Side, check_set};
use crate::domain::widget::{Form, FormKind, Widget, buttons_fault, is_language, phrases_fault};

/// Bytes of one value: a license is stored as one record.
pub(super) const MAX_VALUE: usize = 64 * 1024;

/// What can be set of a license and of a group alike. The empty text takes it away: a group then follows its license.
pub const WIDGET_SETTINGS: &[(&str, &str)] = &[
    ("widget.prechat_form", "form before a chat, as JSON with `fields`; off: none"),
    ("widget.postchat_form", "form after a chat"),
    ("widget.ticket_form", "form in the stead of a chat"),
    ("widget.buttons", "JSON list of id, type (image, text), online_value and offline_value"),
    ("widget.language", "such as en or pt-br"),
    ("widget.phrases", "JSON: language, key, phrase"),
    ("properties", "JSON: namespace, name, value"),
];

const FORM: &str = r#"off, or JSON such as {"fields":[{"type":"name","label":"Your name","required":true}]}"#;
const BUTTONS: &str =
    r#"JSON such as [{"id":"1","type":"text","online_value":"Chat with us","offline_value":"Write to us"}]"#;
const PHRASES: &str = r#"JSON such as {"en":{"Agents_not_available":"We are away."}}"#;
const PROPERTIES: &str = r#"JSON such as {"test":{"string_property":"x"}}"#;

fn form_kind(name: &str) -> Option<FormKind> {
    match name {
        "widget.prechat_form" => Some(FormKind::Prechat),
        "widget.postchat_form" => Some(FormKind::Postchat),
        "widget.ticket_form" => Some(FormKind::Ticket),
        _ => None,
    }
}

/// Changes one setting; none if there is none of that name. After a refusal nothing is changed.
pub(super) fn set_of_widget(
    widget: &mut Widget,
    location: Location,
    name: &str,
    text: &str,
) -> Option<Result<(), OverrideError>> {
    let is_known = WIDGET_SETTINGS.iter().any(|(known, _)| *known == name);
    is_known.then(|| set(widget, location, name, text))
}

fn set(widget: &mut Widget, location: Location, name: &str, text: &str) -> Result<(), OverrideError> {
    let refused = |why: &str| OverrideError::wrong(name, text, why);
    if text.len() > MAX_VALUE {
        return Err(OverrideError::wrong(name, "…", &format!("of at most {MAX_VALUE} bytes")));
    }
    if let Some(kind) = form_kind(name) {
        match text {
            "" => drop(widget.forms.remove(&kind)),
            "off" => drop(widget.forms.insert(kind, None)),
            text => {
                let mut form: Form = json(name, text, FORM)?;
                form.settle(kind);
                if let Some(fault) = form.fault() {
                    return Err(refused(&format!("a form that can be shown: {fault}")));
                }
                widget.forms.insert(kind, Some(form));
            }
        }
        return Ok(());
    }
    match name {
        "widget.buttons" if text.is_empty() => widget.buttons = None,
        "widget.buttons" => {
            let buttons: Vec<_> = json(name, text, BUTTONS)?;
            if let Some(fault) = buttons_fault(&buttons) {
                return Err(refused(&format!("buttons that can be shown: {fault}")));
            }
            widget.buttons = Some(buttons);
        }
        "widget.language" if text.is_empty() => widget.language = None,
        "widget.language" if !is_language(text) => return Err(refused("a language such as en or pt-br")),
        "widget.language" => widget.language = Some(text.to_owned()),
        "widget.phrases" if text.is_empty() => widget.phrases.clear(),
        "widget.phrases" => {
            let phrases = json(name, text, PHRASES)?;
            if let Some(fault) = phrases_fault(&phrases) {
                return Err(refused(&format!("phrases that can be kept: {fault}")));
            }
            widget.phrases = phrases;
        }
        _ if text.is_empty() => widget.properties.clear(),
        _ => {
            let properties: Properties = json(name, text, PROPERTIES)?;
            check_set(&properties, location, Side::Agent)
                .map_err(|fault| refused(&format!("properties that can be set there: {fault}")))?;
            widget.properties = properties;
        }
    }
    Ok(())
}

/// A value given as JSON.
pub(super) fn json<T: DeserializeOwned>(name: &str, text: &str, example: &str) -> Result<T, OverrideError> {
    typed::from_json(text).map_err(|error| OverrideError::wrong(name, text, &format!("{example} ({error})")))
}

/// What was set: name and text.
pub(super) fn shown_of_widget(widget: &Widget) -> Vec<(&'static str, String)> {
    fn text<T: serde::Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap_or_default()
    }
    let mut shown = Vec::new();
    for (name, _) in WIDGET_SETTINGS {
        let value = match *name {
            "widget.buttons" => widget.buttons.as_ref().map(text),
            "widget.language" => widget.language.clone(),
            "widget.phrases" => (!widget.phrases.is_empty()).then(|| text(&widget.phrases)),
            "properties" => (!widget.properties.is_empty()).then(|| text(&widget.properties)),
            name => form_kind(name)
                .and_then(|kind| widget.forms.get(&kind))
                .map(|form| form.as_ref().map_or_else(|| "off".to_owned(), text)),
        };
        shown.extend(value.map(|value| (*name, value)));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: [(&str, &str); 7] = [
        (
            "widget.prechat_form",
            r#"{"id":"f","fields":[{"type":"name","id":"n","label":"Your name","required":true}]}"#,
        ),
        ("widget.postchat_form", "off"),
        (
            "widget.ticket_form",
            r#"{"id":"t","fields":[{"type":"radio","id":"r","label":"R","options":[{"id":"a","label":"A"}]}]}"#,
        ),
        ("widget.buttons", r#"[{"id":"1","type":"text","online_value":"Chat","offline_value":"Write"}]"#),
        ("widget.language", "pt-br"),
        ("widget.phrases", r#"{"en":{"Away":"We are away."}}"#),
        ("properties", r#"{"test":{"bool_property":true,"int_property":7}}"#),
    ];

    fn of(location: Location, widget: &mut Widget, name: &str, text: &str) -> Result<(), OverrideError> {
        set_of_widget(widget, location, name, text).expect("a setting")
    }

    #[test]
    fn what_is_set_is_shown_and_taken_away() {
        for location in [Location::License, Location::Group] {
            let mut widget = Widget::default();
            for (name, text) in SETTINGS {
                of(location, &mut widget, name, text).expect(name);
            }
            let shown = shown_of_widget(&widget);
            let shown: Vec<(&str, &str)> = shown.iter().map(|(name, text)| (*name, &**text)).collect();
            assert_eq!(shown, SETTINGS);
            for (name, _) in SETTINGS {
                of(location, &mut widget, name, "").expect("can be taken away");
            }
            assert!(widget.is_empty());
        }
        assert!(set_of_widget(&mut Widget::default(), Location::Group, "widget.color", "red").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_and_changes_nothing() {
        let mut widget = Widget::default();
        let long = format!("\"{}\"", "x".repeat(MAX_VALUE));
        for (name, text) in [
            ("widget.prechat_form", "on"),
            ("widget.prechat_form", r#"{"fields":[]}"#),
            ("widget.prechat_form", r#"{"fields":[{"type":"name"}]}"#),
            ("widget.ticket_form", r#"{"fields":[{"type":"slider","label":"L"}]}"#),
            ("widget.buttons", r#"[{"id":"","type":"text","online_value":"a","offline_value":"b"}]"#),
            ("widget.buttons", r#"[{"id":"1","type":"text","online_value":"","offline_value":"b"}]"#),
            ("widget.language", "EN"),
            ("widget.phrases", r#"{"english!":{}}"#),
            ("widget.phrases", r#"{"en":{"":"x"}}"#),
            ("widget.phrases", &long),
            ("properties", r#"{"test":{"int_property":"seven"}}"#),
            ("properties", r#"{"mine":{"color":"red"}}"#),
            ("properties", "red"),
        ] {
            let error = of(Location::License, &mut widget, name, text).expect_err(text).to_string();
            assert!(error.starts_with(name), "{error}");
        }
        // Greetings are hidden by group alone.
        let hidden = r#"{"smart_actions":{"greeting.hide_when_offline":true}}"#;
        assert!(of(Location::License, &mut widget, "properties", hidden).is_err());
        assert!(widget.is_empty());
        of(Location::Group, &mut widget, "properties", hidden).expect("a property of groups");
    }
}
