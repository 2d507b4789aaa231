//! The filters of `list_archives`: what is asked of a thread, and whether it holds.

use serde::{Deserialize, Serialize};

use crate::domain::event::EventKind;
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId, ThreadId};
use crate::domain::time::Timestamp;
use crate::protocol::request::listing::PropertyFilter;

/// Which threads to list: those for which all of these hold. A page id carries it, so it has a JSON form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchiveFilters {
    /// Words to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Opened not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Opened not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Of these chats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_ids: Option<Vec<ChatId>>,
    /// These, and nothing else is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_ids: Option<Vec<ThreadId>>,
    /// Open to one of these groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_ids: Option<Vec<GroupId>>,
    /// The thread's properties; the chat's where the thread does not have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyFilter>,
    /// The agents whom the thread was assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<SetFilter<AgentId>>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<SetFilter<String>>,
    /// The kinds of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_types: Option<SetFilter<EventKind>>,
    /// The forms that were filled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<FormFilter>,
    /// What agents said to the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_response: Option<AgentResponseFilter>,
    /// The kinds of agents who took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_types: Option<AgentTypesFilter>,
    /// The country that the customer came from, or where that is not known of their address, as a code of ISO 3166-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_countries: Option<SetFilter<String>>,
    /// Of this customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// Of a customer with this e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// The greeting that the thread came of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greetings: Option<GreetingFilter>,
    /// A sale or a goal is asked for. This server records none, so no thread has any.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wants_unrecorded: bool,
}

/// A condition on a set that a thread has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetFilter<T> {
    /// It has elements, or it has none.
    Exists(bool),
    /// One of these is in it, or every one.
    Values {
        /// Which.
        values: Vec<T>,
        /// All of them.
        every: bool,
    },
    /// None of these is in it, or not all of them together.
    ExcludeValues {
        /// Which.
        values: Vec<T>,
        /// All of them.
        every: bool,
    },
}

impl<T: PartialEq> SetFilter<T> {
    /// Whether it holds for a set.
    pub fn holds(&self, set: &[T]) -> bool {
        let meets = |values: &[T], every: bool| {
            let mut found = values.iter().map(|value| set.contains(value));
            if every { found.all(|found| found) } else { found.any(|found| found) }
        };
        match self {
            Self::Exists(wanted) => *wanted != set.is_empty(),
            Self::Values { values, every } => meets(values, *every),
            Self::ExcludeValues { values, every } => values.is_empty() || !meets(values, *every),
        }
    }
}

/// Some of these, none of those; what is absent asks nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Among<T> {
    /// One of these.
    pub values: Option<Vec<T>>,
    /// None of these.
    pub exclude_values: Option<Vec<T>>,
}

impl<T> Default for Among<T> {
    fn default() -> Self {
        Self { values: None, exclude_values: None }
    }
}

impl<T: PartialEq> Among<T> {
    /// Whether it asks nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_none() && self.exclude_values.is_none()
    }

    /// Whether it holds for a set.
    pub fn holds(&self, set: &[T]) -> bool {
        let meets = |values: &Vec<T>| values.iter().any(|value| set.contains(value));
        self.values.as_ref().is_none_or(meets) && !self.exclude_values.as_ref().is_some_and(meets)
    }
}

/// A condition on the forms that were filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormFilter {
    /// Only forms of this type count.
    pub kind: Option<FormType>,
    /// Only those filled in not before.
    pub from: Option<Timestamp>,
    /// Only those filled in not after.
    pub to: Option<Timestamp>,
    /// There is one, or there is none.
    pub exists: Option<bool>,
    /// Ids of the options that were chosen.
    pub answers: Among<String>,
    /// Groups that were chosen.
    pub groups: Among<GroupId>,
}

/// A condition on the greeting that a thread came of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GreetingFilter {
    /// Only greetings of threads that did not begin before.
    pub from: Option<Timestamp>,
    /// Only greetings of threads that did not begin after.
    pub to: Option<Timestamp>,
    /// There is one, or there is none.
    pub exists: Option<bool>,
    /// Ids of greetings.
    pub ids: Among<i64>,
    /// The groups that the greetings are said in.
    pub groups: Among<GroupId>,
}

/// The types of forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum FormType {
    PreChat,
    PostChat,
}

/// A condition on what agents said to the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentResponseFilter {
    /// Somebody answered, or nobody did.
    pub exists: Option<bool>,
    /// Only the first answer counts.
    pub first: bool,
    /// Who answered.
    pub agents: Among<AgentId>,
    /// The groups of those who answered.
    pub groups: Among<GroupId>,
}

/// A condition on the kinds of agents who took part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentTypesFilter {
    /// Each of these.
    pub all: Vec<AgentType>,
    /// One of these, where there are any.
    pub any: Vec<AgentType>,
    /// None of these.
    pub exclude: Vec<AgentType>,
}

/// The kinds of agents. A bot that is no `ai_agent` is a `chatbot`, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum AgentType {
    Human,
    Chatbot,
    AiAgent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_filter_asks_for_some_for_all_or_for_none() {
        let values = |every| SetFilter::Values { values: vec![1, 2], every };
        let excluded = |every| SetFilter::ExcludeValues { values: vec![1, 2], every };
        let held =
            |filter: SetFilter<i32>| [&[][..], &[1], &[1, 2], &[3]].map(|set: &[i32]| filter.holds(set));
        assert_eq!(held(SetFilter::Exists(true)), [false, true, true, true]);
        assert_eq!(held(SetFilter::Exists(false)), [true, false, false, false]);
        assert_eq!(held(values(false)), [false, true, true, false]);
        assert_eq!(held(values(true)), [false, false, true, false]);
        assert_eq!(held(excluded(false)), [true, false, false, true]);
        assert_eq!(held(excluded(true)), [true, true, false, true]);
        let nothing = SetFilter::ExcludeValues { values: Vec::new(), every: true };
        assert_eq!(held(nothing), [true; 4], "nothing is excluded");
    }
}
