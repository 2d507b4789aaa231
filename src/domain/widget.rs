//! What an operator lays down for the pages on which customers chat: surveys, buttons, phrases, properties. A group has
//! its own, or its license's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::id::GroupId;
use super::license::License;
use super::properties::Properties;

/// Fields of a form.
const MAX_FIELDS: usize = 100;
/// Options of a field.
const MAX_OPTIONS: usize = 200;
/// Buttons of a page.
const MAX_BUTTONS: usize = 50;
/// Languages that have phrases.
const MAX_LANGUAGES: usize = 50;
/// Phrases of a language.
const MAX_PHRASES: usize = 2_000;
/// Bytes of an id, a name or a phrase's key.
const MAX_NAME: usize = 256;
/// Bytes of what people read.
const MAX_TEXT: usize = 4_096;

/// The language of pages for which none was said.
pub const DEFAULT_LANGUAGE: &str = "en";

/// What was laid down for a license, or for one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Widget {
    /// Forms; one that is switched off is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub forms: BTreeMap<FormKind, Option<Form>>,
    /// What customers click to open the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Vec<ChatButton>>,
    /// The language of the page, such as `en` or `pt-br`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Language -> key -> phrase.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub phrases: BTreeMap<String, Phrases>,
    /// Properties of the license, or of the group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
}

/// Key -> phrase.
pub type Phrases = BTreeMap<String, String>;

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
    /// Asked before a chat.
    Prechat,
    /// Asked after it.
    Postchat,
    /// Asked in its stead.
    Ticket,
}

/// A form to be filled in (structure `Form`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Its id; [`Form::settle`] gives one to a form without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// From the top to the bottom.
    pub fields: Vec<Field>,
}

/// A line of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Which control it is.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// Its id; [`Form::settle`] gives one to a field without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the person reads.
    pub label: String,
    /// Must it be filled in?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<FieldOption>>,
}

/// The controls of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum FieldKind {
    Header,
    Checkbox,
    Email,
    Name,
    Question,
    Subject,
    Textarea,
    GroupChooser,
    Radio,
    Select,
}

impl FieldKind {
    fn has_options(self) -> bool {
        matches!(self, Self::Checkbox | Self::GroupChooser | Self::Radio | Self::Select)
    }
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldOption {
    /// Its id; [`Form::settle`] gives one to an option without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the person reads.
    pub label: String,
    /// The group it stands for, in a `group_chooser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
}

/// What customers click to open the chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatButton {
    /// Its id; pages name the button by it.
    pub id: String,
    /// Picture or text.
    #[serde(rename = "type")]
    pub kind: ButtonKind,
    /// The text, or the picture's address, while somebody accepts chats.
    pub online_value: String,
    /// The same while nobody does.
    pub offline_value: String,
}

/// Picture or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum ButtonKind {
    Image,
    Text,
}

impl Widget {
    /// Was nothing laid down?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
}

fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len())
}

/// A language's tag, in lower case: `en`, `pt-br`.
pub fn is_language(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=35).contains(&text.len()) && text.bytes().all(letter)
}

impl Form {
    /// Gives ids to whatever has none: a filled form names its form and its fields by them.
    pub fn settle(&mut self, kind: FormKind) {
        let of_kind = match kind {
            FormKind::Prechat => "prechat",
            FormKind::Postchat => "postchat",
            FormKind::Ticket => "ticket",
        };
        self.id.get_or_insert_with(|| of_kind.to_owned());
        for (index, field) in self.fields.iter_mut().enumerate() {
            field.id.get_or_insert_with(|| format!("field{}", index + 1));
            for (index, option) in field.options.iter_mut().flatten().enumerate() {
                option.id.get_or_insert_with(|| format!("option{}", index + 1));
            }
        }
    }

    /// Why the form cannot be shown; none if it can.
    pub fn fault(&self) -> Option<&'static str> {
        if self.fields.is_empty() || self.fields.len() > MAX_FIELDS {
            return Some("a form has 1 to 100 fields");
        }
        if self.id.as_ref().is_some_and(|id| !is_name(id)) {
            return Some("an id has 1 to 256 bytes");
        }
        if !are_different(self.fields.iter().map(|field| &field.id)) {
            return Some("the ids of a form's fields have 1 to 256 bytes, and each has its own");
        }
        self.fields.iter().find_map(Field::fault)
    }

    /// The form as it is shown now: groups that are gone cannot be chosen.
    pub fn shown(&self, license: &License) -> Self {
        let mut form = self.clone();
        for options in form.fields.iter_mut().filter_map(|field| field.options.as_mut()) {
            options.retain(|option| option.group_id.is_none_or(|group| license.has_group(group)));
        }
        form
    }
}

impl Field {
    fn fault(&self) -> Option<&'static str> {
        if !is_text(&self.label) {
            return Some("a label has 1 to 4096 bytes");
        }
        if self.kind == FieldKind::Header && self.required.is_some() {
            return Some("a header is nothing to fill in: it has no `required`");
        }
        if !self.kind.has_options() {
            let is_fine = self.options.is_none();
            return (!is_fine).then_some("checkbox, group_chooser, radio and select alone have options");
        }
        let options = self.options.as_deref().unwrap_or_default();
        if options.is_empty() || options.len() > MAX_OPTIONS {
            return Some("checkbox, group_chooser, radio and select have 1 to 200 options");
        }
        if !are_different(options.iter().map(|option| &option.id)) {
            return Some("the ids of a field's options have 1 to 256 bytes, and each has its own");
        }
        if options.iter().any(|option| !is_text(&option.label)) {
            return Some("a label has 1 to 4096 bytes");
        }
        let chooses_group = self.kind == FieldKind::GroupChooser;
        let is_fine = options.iter().all(|option| option.group_id.is_some() == chooses_group);
        (!is_fine).then_some("each option of a group_chooser has a group_id, and no other has one")
    }
}

/// Ids that are there are names, and no two are the same.
fn are_different<'a>(ids: impl Iterator<Item = &'a Option<String>>) -> bool {
    let mut seen = BTreeSet::new();
    ids.flatten().all(|id| is_name(id) && seen.insert(id))
}

/// Why buttons cannot be shown; none if they can.
pub fn buttons_fault(buttons: &[ChatButton]) -> Option<&'static str> {
    let mut seen = BTreeSet::new();
    if buttons.len() > MAX_BUTTONS {
        return Some("there are at most 50 buttons");
    }
    if !buttons.iter().all(|button| is_name(&button.id) && seen.insert(&button.id)) {
        return Some("the ids of buttons have 1 to 256 bytes, and each has its own");
    }
    let is_fine =
        buttons.iter().all(|button| is_text(&button.online_value) && is_text(&button.offline_value));
    (!is_fine).then_some("what a button shows has 1 to 4096 bytes")
}

/// Why phrases cannot be kept; none if they can.
pub fn phrases_fault(phrases: &BTreeMap<String, Phrases>) -> Option<&'static str> {
    if phrases.len() > MAX_LANGUAGES || !phrases.keys().all(|language| is_language(language)) {
        return Some("there are at most 50 languages, each with a name such as en or pt-br");
    }
    if phrases.values().any(|phrases| phrases.len() > MAX_PHRASES) {
        return Some("a language has at most 2000 phrases");
    }
    let is_fine = phrases.values().flatten().all(|(key, text)| is_name(key) && is_text(text));
    (!is_fine).then_some("a phrase's key has 1 to 256 bytes, a phrase 1 to 4096")
}

/// What holds in a group: its own, or its license's.
#[derive(Clone, Copy, Debug)]
pub struct GroupWidget<'a> {
    license: &'a License,
    own: Option<&'a Widget>,
}

impl License {
    /// What customers' pages show of a group; none if there is no such group.
    pub fn widget(&self, group: GroupId) -> Option<GroupWidget<'_>> {
        let own = self.groups.get(&group).map(|group| &group.widget);
        self.has_group(group).then_some(GroupWidget { license: self, own })
    }
}

impl<'a> GroupWidget<'a> {
    fn common(&self) -> &'a Widget {
        &self.license.settings.widget
    }

    /// The form; none if there is none, or it is switched off.
    pub fn form(&self, kind: FormKind) -> Option<Form> {
        let own = self.own.and_then(|own| own.forms.get(&kind));
        let form = own.or_else(|| self.common().forms.get(&kind))?.as_ref()?;
        Some(form.shown(self.license))
    }

    /// What customers click.
    pub fn buttons(&self) -> &'a [ChatButton] {
        let own = self.own.and_then(|own| own.buttons.as_deref());
        own.or(self.common().buttons.as_deref()).unwrap_or_default()
    }

    /// The language of its pages.
    pub fn language(&self) -> &'a str {
        let own = self.own.and_then(|own| own.language.as_deref());
        own.or(self.common().language.as_deref()).unwrap_or(DEFAULT_LANGUAGE)
    }

    /// The phrases of all languages: the license's, with the group's laid over them.
    pub fn phrases(&self) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
        let mut all: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for widget in [Some(self.common()), self.own].into_iter().flatten() {
            for (language, phrases) in &widget.phrases {
                let texts = phrases.iter().map(|(key, text)| (key.as_str(), text.as_str()));
                all.entry(language).or_default().extend(texts);
            }
        }
        all
    }

    /// The properties of the group alone.
    pub fn properties(&self) -> Option<&'a Properties> {
        self.own.map(|own| &own.properties)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn form(fields: Value) -> Form {
        serde_json::from_value(json!({ "fields": fields })).expect("a form")
    }

    #[test]
    fn a_form_is_refused_for_what_no_page_could_show() {
        let option = json!({ "label": "Sales" });
        let chosen = json!({ "label": "Sales", "group_id": 1 });
        for (fields, fault) in [
            (json!([]), "1 to 100 fields"),
            (json!([{ "type": "name", "label": "" }]), "label"),
            (json!([{ "type": "header", "label": "Hi", "required": true }]), "header"),
            (json!([{ "type": "name", "label": "N", "options": [option] }]), "alone have options"),
            (json!([{ "type": "select", "label": "S" }]), "have 1 to 200 options"),
            (json!([{ "type": "radio", "label": "S", "options": [chosen] }]), "group_chooser"),
            (json!([{ "type": "group_chooser", "label": "S", "options": [option] }]), "group_chooser"),
            (
                json!([{ "type": "name", "label": "N", "id": "a" }, { "type": "email", "label": "E", "id": "a" }]),
                "each has its own",
            ),
        ] {
            let told = form(fields.clone()).fault();
            assert!(told.is_some_and(|told| told.contains(fault)), "{fields}: {told:?}");
        }
        let field = json!({ "type": "name", "label": "N" });
        assert_eq!(form(json!(vec![field.clone(); 100])).fault(), None);
        assert!(form(json!(vec![field; 101])).fault().is_some());
    }

    #[test]
    fn whatever_has_no_id_gets_one_and_keeps_the_one_it_has() {
        let option = json!({ "label": "A" });
        let mut form = form(json!([
            { "type": "header", "label": "Hi" },
            { "type": "radio", "id": "mine", "label": "R", "options": [option, option] },
        ]));
        form.settle(FormKind::Ticket);
        assert_eq!(form.id.as_deref(), Some("ticket"));
        assert_eq!(form.fields[0].id.as_deref(), Some("field1"));
        assert_eq!(form.fields[1].id.as_deref(), Some("mine"));
        let ids: Vec<_> =
            form.fields[1].options.iter().flatten().map(|option| option.id.as_deref()).collect();
        assert_eq!(ids, [Some("option1"), Some("option2")]);
        assert_eq!(form.fault(), None);
    }
}
