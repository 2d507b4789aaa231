//! Greetings: what a license says by itself to customers who only look around. Their shape is that of the Configuration
//! API (`create_greeting`).

mod rule;
mod showing;

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::event::{Element, EventBody, EventLimits, NewEvent, Visibility};
use super::id::GroupId;
use super::license::{Agent, AgentKind, License};
use super::properties::Properties;
use super::property_definitions::Side;
use super::rejection::Rejection;
use super::time::Timestamp;

pub use rule::{Condition, Rule, RuleUrl};
pub use showing::{Due, GreetingsOfVisit, Showing, Shown};

/// Greetings of a license.
const MAX_GREETINGS: usize = 100;
/// Rules of a greeting.
const MAX_RULES: usize = 10;
/// Bytes of a name.
const MAX_NAME: usize = 256;
/// Bytes of what is said.
const MAX_TEXT: usize = 16 * 1_024;

/// Something to say, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// From 1; [`settle`] gives one to a greeting without.
    #[serde(default)]
    pub id: u32,
    /// Which kind it is.
    #[serde(rename = "type", default)]
    pub kind: GreetingKind,
    /// One that is not is said to nobody.
    #[serde(default = "yes")]
    pub active: bool,
    /// It is said to nobody before. RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<jiff::Timestamp>,
    /// It is said to nobody from then on. RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_until: Option<jiff::Timestamp>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The group whose customers it is said to.
    #[serde(default)]
    pub group: GroupId,
    /// When.
    pub rules: Vec<Rule>,
    /// What is said, if it is a text, and how.
    #[serde(default)]
    pub properties: GreetingProperties,
    /// What is said, if it is a rich message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rich_message: Option<RichMessage>,
}

/// The kinds of greetings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GreetingKind {
    /// As most are.
    #[default]
    Normal,
    /// Shown as an announcement.
    Announcement,
    /// One that only a later version knows; said to nobody.
    #[serde(other)]
    Unknown,
}

/// How a greeting is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GreetingProperties {
    /// For the page that shows it, such as `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addon: Option<String>,
    /// For the page: shown when the customer is about to leave it.
    #[serde(deserialize_with = "switch")]
    pub is_exit_intent: bool,
    /// The text.
    #[serde(rename = "greeting-message_text", alias = "text", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A greeting with pictures or buttons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RichMessage {
    /// `cards`, `sticker` or `quick_replies`.
    pub template_id: String,
    /// At most 10.
    #[serde(default)]
    pub elements: Vec<Element>,
}

fn yes() -> bool {
    true
}

/// A truth value, or its name: the protocol's samples have the latter.
fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Value(bool),
        Name(String),
    }
    match Said::deserialize(deserializer)? {
        Said::Value(value) => Ok(value),
        Said::Name(name) => name.parse().map_err(|_| serde::de::Error::custom("must be true or false")),
    }
}

/// Gives ids to greetings that have none: customers' pages name them.
pub fn settle(greetings: &mut [Greeting]) {
    let mut taken: BTreeSet<u32> = greetings.iter().map(|greeting| greeting.id).collect();
    for greeting in greetings.iter_mut().filter(|greeting| greeting.id == 0) {
        greeting.id = (1..u32::MAX).find(|id| !taken.contains(id)).unwrap_or_default();
        taken.insert(greeting.id);
    }
}

/// What is wrong with a license's greetings, if anything is.
pub fn greetings_fault(greetings: &[Greeting]) -> Option<String> {
    let mut ids = BTreeSet::new();
    if greetings.len() > MAX_GREETINGS {
        return Some(format!("at most {MAX_GREETINGS} greetings"));
    }
    greetings.iter().find_map(|greeting| {
        let fault = match greeting.fault() {
            None if !ids.insert(greeting.id) => Some("another one has its id".to_owned()),
            fault => fault,
        };
        fault.map(|fault| format!("greeting {}: {fault}", greeting.id))
    })
}

impl Greeting {
    fn fault(&self) -> Option<String> {
        if self.kind == GreetingKind::Unknown {
            return Some("type must be normal or announcement".to_owned());
        }
        if self.name.len() > MAX_NAME
            || self.properties.addon.as_ref().is_some_and(|addon| addon.len() > MAX_NAME)
        {
            return Some(format!("name and addon have at most {MAX_NAME} bytes"));
        }
        if self.active_from.zip(self.active_until).is_some_and(|(from, until)| from >= until) {
            return Some("active_until must be later than active_from".to_owned());
        }
        if self.rules.is_empty() || self.rules.len() > MAX_RULES {
            return Some(format!("a greeting has 1 to {MAX_RULES} rules"));
        }
        let wrong = self
            .rules
            .iter()
            .zip(1..)
            .find_map(|(rule, number)| rule.read().err().map(|fault| format!("rule {number}: {fault}")));
        wrong.or_else(|| self.check_content().err())
    }

    fn check_content(&self) -> Result<(), String> {
        if self.properties.text.is_some() == self.rich_message.is_some() {
            return Err("it has properties.greeting-message_text or rich_message, one of them".to_owned());
        }
        if self.properties.text.as_ref().is_some_and(String::is_empty) {
            return Err("greeting-message_text must not be empty".to_owned());
        }
        let event = NewEvent {
            custom_id: None,
            visibility: Visibility::All,
            properties: Properties::new(),
            author: None,
            body: self.body(),
        };
        event.check(EventLimits { max_size: MAX_TEXT }, Side::Agent).map_err(|fault| match fault {
            Rejection::Validation { field, reason } => {
                format!("rich_message{}: {reason}", field.trim_start_matches("event"))
            }
            other => other.to_string(),
        })?;
        let mut names = BTreeSet::new();
        if !self.buttons().all(|name| names.insert(name)) {
            return Err("each of its buttons has a postback_id of its own".to_owned());
        }
        Ok(())
    }

    /// When it begins to be said, and when it ends.
    fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let moment = |at: jiff::Timestamp| Timestamp(at.as_microsecond());
        (self.active_from.map(moment), self.active_until.map(moment))
    }

    /// What it says.
    pub fn body(&self) -> EventBody {
        match &self.rich_message {
            Some(RichMessage { template_id, elements }) => {
                EventBody::RichMessage { template_id: template_id.clone(), elements: elements.clone() }
            }
            None => {
                EventBody::Message { text: self.properties.text.clone().unwrap_or_default(), postback: None }
            }
        }
    }

    /// The names of its buttons.
    pub fn buttons(&self) -> impl Iterator<Item = &str> {
        let elements = self.rich_message.iter().flat_map(|message| &message.elements);
        elements
            .flat_map(|element| element.buttons.iter().flatten())
            .map(|button| button.postback_id.as_str())
    }
}

impl License {
    /// A group that a greeting names and that is not there.
    pub fn unknown_greeting_group(&self) -> Option<GroupId> {
        let named = self.settings.greetings.iter().map(|greeting| greeting.group);
        named.into_iter().find(|group| !self.has_group(*group))
    }

    /// In whose name a group's customers are greeted while nobody accepts chats.
    pub fn greeter(&self, group: GroupId) -> Option<&Agent> {
        let may_greet = |agent: &&Agent| {
            let is_at_work = !agent.suspended && !agent.awaiting_approval;
            agent.kind == AgentKind::Human && is_at_work && agent.group_ids().any(|id| id == group)
        };
        self.agents.values().find(may_greet)
    }

    /// The greeting of that id.
    pub fn greeting(&self, id: u32) -> Option<&Greeting> {
        self.settings.greetings.iter().find(|greeting| greeting.id == id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn greetings(list: &Value) -> Vec<Greeting> {
        let mut greetings: Vec<Greeting> = serde_json::from_value(list.clone()).expect("greetings");
        settle(&mut greetings);
        greetings
    }

    fn with(key: &str, value: Value) -> Value {
        let mut greeting = json!({
            "group": 0, "active_from": "2025-12-31T23:00:00Z",
            "rules": [{ "condition": "and", "type": "url_current", "operator": "contains", "value": "/" }],
            "properties": { "greeting-message_text": "Hello" },
        });
        greeting[key] = value;
        greeting
    }

    #[test]
    fn whatever_has_no_id_gets_the_first_that_is_free() {
        let list = json!([
            with("name", json!("a")),
            with("id", json!(1)),
            with("id", json!(7)),
            with("name", json!("b"))
        ]);
        let ids: Vec<u32> = greetings(&list).iter().map(|greeting| greeting.id).collect();
        assert_eq!(ids, [2, 1, 7, 3]);
        assert_eq!(greetings_fault(&greetings(&list)), None);
        let twice = json!([with("id", json!(4)), with("id", json!(4))]);
        assert_eq!(
            greetings_fault(&greetings(&twice)).as_deref(),
            Some("greeting 4: another one has its id")
        );
    }

    #[test]
    fn greetings_that_could_not_be_said_are_refused_and_what_is_wrong_is_named() {
        let rule = |rule: Value| json!([rule]);
        let button = json!({ "text": "Yes", "postback_id": "yes" });
        let twice = json!({ "template_id": "cards", "elements": [{ "buttons": [button, button] }] });
        let rich = json!({ "template_id": "text" });
        for (key, value, why) in [
            ("type", json!("loud"), "normal or announcement"),
            ("rules", json!([]), "1 to 10 rules"),
            ("active_until", json!("2026-01-01T00:00:00+01:00"), "later than active_from"),
            (
                "rules",
                rule(
                    json!({ "condition": "and", "type": "search_keyword", "operator": "equals", "value": "PL" }),
                ),
                "rule 1: search_keyword",
            ),
            ("properties", json!({}), "one of them"),
            ("properties", json!({ "text": "" }), "must not be empty"),
            ("properties", json!({ "text": "x".repeat(MAX_TEXT + 1) }), "at most 16384 bytes"),
            ("rich_message", rich.clone(), "one of them"),
        ] {
            let fault = greetings_fault(&greetings(&json!([with(key, value.clone())])));
            let fault = fault.unwrap_or_else(|| panic!("{key}: {value} is taken"));
            assert!(fault.starts_with("greeting 1: ") && fault.contains(why), "{key}: {fault}");
        }
        for (rich, why) in
            [(twice, "postback_id of its own"), (rich, "rich_message.template_id: must be one of")]
        {
            let mut greeting = with("properties", json!({ "is_exit_intent": "true" }));
            greeting["rich_message"] = rich;
            let fault = greetings_fault(&greetings(&json!([greeting]))).expect("a fault");
            assert!(fault.contains(why), "{fault}");
        }
    }
    #[test]
    fn people_of_the_group_greet_in_the_absence_of_others() {
        let mut license = crate::domain::command::testing::demo_license();
        let greeter =
            |license: &License, group| license.greeter(GroupId(group)).map(|agent| agent.id.to_string());
        assert_eq!(greeter(&license, 1).as_deref(), Some("smith@example.com"));
        assert_eq!(greeter(&license, 0).as_deref(), Some("brown@example.com"));
        license
            .agents
            .values_mut()
            .for_each(|agent| agent.suspended = agent.id.as_str() == "brown@example.com");
        assert_eq!(
            (greeter(&license, 2), greeter(&license, 0).as_deref()),
            (None, Some("smith@example.com"))
        );
        license.agents.retain(|_, agent| agent.kind == AgentKind::Bot);
        assert_eq!(greeter(&license, 0), None);
    }
}
