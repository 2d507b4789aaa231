//! Greetings that a customer was shown. What is live belongs to their visit, and ends with it.

use serde::{Deserialize, Serialize};

use super::rule::{self, Seen};
use super::{Greeting, GreetingKind};
use crate::domain::id::{AgentId, EventId, ThreadId};
use crate::domain::license::License;
use crate::domain::time::Timestamp;
use crate::domain::visit::CustomerVisits;

/// What was shown in a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GreetingsOfVisit {
    /// The greetings, each once.
    pub shown: Vec<u32>,
    /// The one that is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Showing>,
}

/// One greeting shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showing {
    /// Which greeting.
    pub greeting: u32,
    /// Names this showing.
    pub unique_id: String,
    /// In whose name.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
    /// The customer had never seen this greeting before.
    pub displayed_first_time: bool,
    /// The customer has really seen it.
    #[serde(default)]
    pub accepted: bool,
    /// Greetings that were due at the same time: they do not take its place on this page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<u32>,
}

impl Showing {
    /// The id of the event that it is shown as.
    pub fn event_id(&self) -> EventId {
        EventId { thread: ThreadId::new(&self.unique_id), number: 1 }
    }
}

/// What is due now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// In the order of the license; the first is shown.
    pub greetings: Vec<&'a Greeting>,
    /// When time may bring another.
    pub next: Option<Timestamp>,
}

/// A greeting that has just been shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// It.
    pub showing: Showing,
    /// The showing whose place it took.
    pub replaced: Option<String>,
}

impl GreetingsOfVisit {
    /// Was nothing shown?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CustomerVisits {
    /// The greetings that are due for a customer with these session fields.
    pub fn due_greetings<'l>(
        &self,
        license: &'l License,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Due<'l> {
        let nothing = Due { greetings: Vec::new(), next: None };
        let Some(visit) = self.visit.as_ref().filter(|visit| visit.ended_at.is_none()) else {
            return nothing;
        };
        let page = visit.last_pages.last();
        let seen = Seen { visits: self, visit, page, fields, now };
        let on_this_page = |showing: &&Showing| page.is_none_or(|page| page.opened_at <= showing.at);
        let live = visit.greetings.live.as_ref().filter(on_this_page);
        let may_be_said = |greeting: &&Greeting| {
            greeting.active
                && greeting.kind != GreetingKind::Unknown
                && greeting.group == self.group
                && !visit.greetings.shown.contains(&greeting.id)
                && greeting.times().1.is_none_or(|until| now < until)
        };
        let candidates: Vec<&Greeting> = license.settings.greetings.iter().filter(may_be_said).collect();
        let begins = |greeting: &Greeting| greeting.times().0.filter(|from| *from > now);
        let is_due = |greeting: &&Greeting| {
            let is_beside = live.is_some_and(|live| live.beside.contains(&greeting.id));
            !is_beside && begins(greeting).is_none() && rule::hold(&greeting.rules, &seen)
        };
        let turns =
            |greeting: &&Greeting| begins(greeting).or_else(|| rule::may_turn_at(&greeting.rules, &seen));
        let next = candidates.iter().filter_map(turns).min();
        Due { greetings: candidates.into_iter().filter(is_due).collect(), next }
    }

    /// Shows the first greeting that is due, if one still is. Two connections that find out at the same time show it once.
    pub fn show_greeting(
        &mut self,
        license: &License,
        fields: &[(String, String)],
        unique_id: &str,
        agent: &AgentId,
        now: Timestamp,
    ) -> Option<Shown> {
        let due = self.due_greetings(license, fields, now).greetings;
        let (first, beside) = due.split_first()?;
        let greeting = first.id;
        let beside = beside.iter().map(|greeting| greeting.id).collect();
        self.greetings_seen.retain(|id| license.greeting(*id).is_some());
        let displayed_first_time = self.greetings_seen.insert(greeting);
        self.greetings_shown_count = self.greetings_shown_count.saturating_add(1);
        let (unique_id, agent) = (unique_id.to_owned(), agent.clone());
        let showing =
            Showing { greeting, unique_id, agent, at: now, displayed_first_time, accepted: false, beside };
        let greetings = &mut self.visit.as_mut()?.greetings;
        greetings.shown.retain(|id| license.greeting(*id).is_some());
        greetings.shown.push(greeting);
        let replaced = greetings.live.replace(showing.clone()).map(|replaced| replaced.unique_id);
        Some(Shown { showing, replaced })
    }

    /// The greeting that the customer has before them.
    pub fn live_greeting<'s, 'l>(&'s self, license: &'l License) -> Option<(&'s Showing, &'l Greeting)> {
        let showing = self.visit.as_ref()?.greetings.live.as_ref()?;
        Some((showing, license.greeting(showing.greeting)?))
    }

    /// The customer has seen it; false if that was known, none if it is not the one that is live.
    pub fn accept_greeting(&mut self, unique_id: &str) -> Option<bool> {
        let live = self.visit.as_mut()?.greetings.live.as_mut();
        let showing = live.filter(|showing| showing.unique_id == unique_id)?;
        let is_news = !std::mem::replace(&mut showing.accepted, true);
        self.greetings_accepted_count = self.greetings_accepted_count.saturating_add(is_news.into());
        Some(is_news)
    }

    /// The customer does not want it; false if it is not the one that is live.
    #[must_use]
    pub fn cancel_greeting(&mut self, unique_id: &str) -> bool {
        let live = self.visit.as_mut().map(|visit| &mut visit.greetings.live);
        live.and_then(|live| live.take_if(|showing| showing.unique_id == unique_id)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::command::testing::demo_license;
    use crate::domain::id::GroupId;
    use crate::domain::visit::{Arrival, NewPage};

    const START: Timestamp = Timestamp(1_000_000_000);

    fn seconds(count: u64) -> Timestamp {
        START.after(Duration::from_secs(count))
    }

    fn greeting(id: u32, group: i64, kind: &str, operator: &str, value: &str) -> Value {
        json!({
            "id": id, "group": group, "properties": { "text": "Hello" },
            "rules": [{ "condition": "and", "type": kind, "operator": operator, "value": value }],
        })
    }

    fn on(id: u32, url: &str) -> Value {
        greeting(id, 0, "url_current", "contains", url)
    }

    fn license(greetings: &[Value]) -> License {
        let mut license = demo_license();
        license.settings.greetings = serde_json::from_value(json!(greetings)).expect("greetings");
        license
    }

    fn page(url: &str) -> NewPage {
        NewPage { url: url.to_owned(), title: None }
    }

    fn arrived(license: &License, url: &str) -> CustomerVisits {
        let mut visits = CustomerVisits::default();
        visits.arrive(&Arrival { page: Some(page(url)), ..Arrival::default() }, license, START);
        visits
    }

    fn show(
        visits: &mut CustomerVisits,
        license: &License,
        id: &str,
        now: Timestamp,
    ) -> Option<(u32, Option<String>)> {
        let shown = visits.show_greeting(license, &[], id, &AgentId::from("smith"), now)?;
        assert_eq!(shown.showing.unique_id, id);
        Some((shown.showing.greeting, shown.replaced))
    }

    #[test]
    fn each_greeting_is_shown_once_in_a_visit_and_a_newer_one_takes_the_place_of_the_older() {
        let license = license(&[on(1, "/a"), on(2, "/b")]);
        let mut visits = arrived(&license, "/a");
        assert_eq!(show(&mut visits, &license, "x", START), Some((1, None)));
        assert_eq!(show(&mut visits, &license, "y", START), None, "another connection found out, too");
        visits.open_page(&page("/b"), &license, seconds(1));
        assert_eq!(show(&mut visits, &license, "y", seconds(1)), Some((2, Some("x".to_owned()))));
        visits.open_page(&page("/a"), &license, seconds(2));
        assert_eq!(show(&mut visits, &license, "z", seconds(2)), None);
        let live = visits.live_greeting(&license).expect("a greeting");
        assert_eq!((live.0.unique_id.as_str(), live.1.id), ("y", 2));
        assert_eq!(visits.greetings_shown_count, 2);
    }

    #[test]
    fn a_greeting_is_said_in_its_time_alone() {
        let mut timed = on(1, "/");
        // 1970-01-01T00:16:40Z is the start.
        timed["active_from"] = json!("1970-01-01T00:16:45Z");
        timed["active_until"] = json!("1970-01-01T01:16:50.5+01:00");
        let license = license(&[timed]);
        let visits = arrived(&license, "/a");
        for (now, is_due, next) in [
            (START, false, Some(seconds(5))),
            (seconds(4), false, Some(seconds(5))),
            (seconds(5), true, None),
            (seconds(10), true, None),
            (seconds(11), false, None),
        ] {
            let due = visits.due_greetings(&license, &[], now);
            assert_eq!((!due.greetings.is_empty(), due.next), (is_due, next), "at {now:?}");
        }
    }

    #[test]
    fn greetings_that_are_due_together_do_not_push_each_other_away() {
        let license = license(&[on(1, "/"), on(2, "/")]);
        let mut visits = arrived(&license, "/a");
        assert_eq!(show(&mut visits, &license, "x", START), Some((1, None)));
        assert_eq!(show(&mut visits, &license, "y", seconds(1)), None);
        assert!(visits.cancel_greeting("x"));
        assert_eq!(show(&mut visits, &license, "y", seconds(2)), Some((2, None)));
    }

    #[test]
    fn only_the_live_showing_is_accepted_or_cancelled_and_accepting_counts_once() {
        let license = license(&[on(1, "/")]);
        let mut visits = arrived(&license, "/");
        assert_eq!(visits.accept_greeting("x"), None);
        show(&mut visits, &license, "x", START).expect("shown");
        assert_eq!(visits.accept_greeting("other"), None);
        assert_eq!((visits.accept_greeting("x"), visits.accept_greeting("x")), (Some(true), Some(false)));
        assert_eq!(visits.greetings_accepted_count, 1);
        assert!(!visits.cancel_greeting("other"));
        assert!(visits.cancel_greeting("x"));
        assert!(!visits.cancel_greeting("x"));
        assert_eq!(visits.accept_greeting("x"), None);
        assert_eq!(visits.live_greeting(&license), None);
    }

    #[test]
    fn a_new_visit_begins_without_a_greeting_and_knows_which_were_seen() {
        let license = license(&[on(1, "/")]);
        let mut visits = arrived(&license, "/");
        show(&mut visits, &license, "x", START).expect("shown");
        assert!(visits.live_greeting(&license).is_some_and(|(showing, _)| showing.displayed_first_time));
        assert!(visits.leave(seconds(1)));
        let later = START.after(Duration::from_secs(3_600));
        visits.arrive(&Arrival { page: Some(page("/")), ..Arrival::default() }, &license, later);
        assert_eq!(visits.live_greeting(&license), None);
        assert_eq!(show(&mut visits, &license, "y", later), Some((1, None)));
        assert!(visits.live_greeting(&license).is_some_and(|(showing, _)| !showing.displayed_first_time));
    }

    #[test]
    fn a_greeting_is_for_one_group_and_waits_for_its_time() {
        let mut license = license(&[greeting(1, 1, "visit_time_page", "greater_or_equal", "5")]);
        let mut visits = arrived(&license, "/");
        let due = |visits: &CustomerVisits, license: &License, now| {
            let due = visits.due_greetings(license, &[], now);
            (due.greetings.len(), due.next)
        };
        assert_eq!(due(&visits, &license, seconds(9)), (0, None));
        visits.group = GroupId(1);
        assert_eq!(due(&visits, &license, seconds(4)), (0, Some(seconds(5))));
        assert_eq!(due(&visits, &license, seconds(5)).0, 1);
        license.settings.greetings[0].active = false;
        assert_eq!(due(&visits, &license, seconds(5)), (0, None));
        license.settings.greetings.clear();
        assert_eq!(due(&visits, &license, seconds(5)), (0, None));
    }

    #[test]
    fn a_greeting_that_the_operator_took_away_is_live_no_more() {
        let mut license = license(&[on(1, "/")]);
        let mut visits = arrived(&license, "/");
        show(&mut visits, &license, "x", START).expect("shown");
        license.settings.greetings.clear();
        assert_eq!(visits.live_greeting(&license), None);
    }
}
