//! What a rich message is made of, and the answer to one of its buttons.

use serde::{Deserialize, Serialize};

use super::{EventBody, Json};
use crate::domain::id::ThreadId;

/// One card, sticker or set of quick replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Element {
    /// Heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Line below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// At most 13.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Vec<Button>>,
    /// For the ecommerce template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecommerce: Option<Json>,
}

/// A picture in a rich message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// File name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// For readers who do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_text: Option<String>,
}

/// A button of a rich message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Button {
    /// Label.
    pub text: String,
    /// `webview`, `message`, `url` or `phone`; pairs with `value`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Pairs with `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `compact`, `full` or `tall`; webviews only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webview_height: Option<String>,
    /// The name that postbacks use.
    pub postback_id: String,
    /// Users whose postback is toggled.
    #[serde(default)]
    pub user_ids: Vec<String>,
    /// `new` or `current`; url buttons only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// The answer to a rich message's button.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Postback {
    /// `postback_id` of the button.
    pub id: String,
    /// Thread of the rich message.
    pub thread_id: ThreadId,
    /// The rich message.
    pub event_id: String,
    /// Only together with `value`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only together with `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For the ecommerce template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecommerce: Option<Json>,
}

impl EventBody {
    /// The buttons of a rich message that carry this name.
    pub fn buttons_mut<'b>(&'b mut self, postback_id: &str) -> impl Iterator<Item = &'b mut Button> {
        let elements = match self {
            Self::RichMessage { elements, .. } => elements.as_mut_slice(),
            _ => &mut [],
        };
        let buttons = elements.iter_mut().filter_map(|element| element.buttons.as_mut()).flatten();
        buttons.filter(move |button| button.postback_id == postback_id)
    }

    /// Has it a button of this name?
    pub fn has_button(&self, postback_id: &str) -> bool {
        let Self::RichMessage { elements, .. } = self else { return false };
        let mut buttons = elements.iter().filter_map(|element| element.buttons.as_ref()).flatten();
        buttons.any(|button| button.postback_id == postback_id)
    }
}

impl Button {
    /// Notes whether the user's postback is on.
    pub fn toggle(&mut self, user: &str, on: bool) {
        let is_on = self.user_ids.iter().any(|id| id == user);
        if on && !is_on {
            self.user_ids.push(user.to_owned());
        } else if !on {
            self.user_ids.retain(|id| id != user);
        }
    }
}
