//! What forms, filled or not, are made of.

use serde::{Deserialize, Serialize};

/// A field of a form or of a filled form; the union of the seeds' and the 3.x kinds (ruling C4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormField {
    /// Which control it is.
    #[serde(rename = "type")]
    pub kind: FormFieldKind,
    /// Its id (3.x).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name (seeds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the person reads.
    pub label: String,
    /// Must it be filled in?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The answer (seeds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<FormOption>>,
    /// The answer (3.x): a text, or the chosen option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<FormAnswer>,
    /// The chosen options of a checkbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<FormOption>>,
}

/// The controls that a form may have; anything else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum FormFieldKind {
    Checkbox,
    Email,
    Name,
    Question,
    Subject,
    Textarea,
    GroupChooser,
    Radio,
    Select,
    Text,
    Title,
    Information,
}

/// Something that can be chosen in a form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormOption {
    /// Its id.
    pub id: String,
    /// The group it stands for, in a `group_chooser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<i64>,
    /// What the person reads.
    pub label: String,
}

/// The answer to a form field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FormAnswer {
    /// Typed.
    Text(String),
    /// Chosen.
    Option(FormOption),
}
