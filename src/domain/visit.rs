//! A customer's visits of the pages that the chat stands on (protocol structure `Visit`).

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::customer::CustomerProfile;
use super::geolocation::Geolocation;
use super::greeting::GreetingsOfVisit;
use super::id::{ClientId, CustomerId, GroupId};
use super::license::License;
use super::said_before::Welcome;
use super::time::Timestamp;

/// A visit whose end nobody noted goes on for who comes back within this time of what was heard of them last: they are connected
/// to another node, or were to one that died, and may have looked at one page for hours.
const UNNOTED: Duration = Duration::from_secs(24 * 3_600);
/// Pages of a visit that are kept, the latest.
pub const LAST_PAGES: usize = 10;
/// Bytes of an address, a referrer or a browser's name; what is longer is cut off.
const MAX_ADDRESS: usize = 2_048;
/// Bytes of a page's title; what is longer is cut off.
const MAX_TITLE: usize = 512;

/// All that is known of a customer's visits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerVisits {
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// Visits ever begun; the number of the last one.
    #[serde(default)]
    pub visits_count: u32,
    /// Pages ever opened.
    #[serde(default)]
    pub page_views_count: u32,
    /// The group whose widget they use.
    #[serde(default)]
    pub group: GroupId,
    /// Where their next chat goes, by the page that they were on when it was last told and by where they are; empty: nothing
    /// says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_access: Vec<GroupId>,
    /// Greetings ever shown, each as often as it was.
    #[serde(default)]
    pub greetings_shown_count: u32,
    /// Those of them that they really saw.
    #[serde(default)]
    pub greetings_accepted_count: u32,
    /// Which greetings they have seen, of those that the license had when it showed one last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub greetings_seen: BTreeSet<u32>,
    /// The welcome that they were given last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<Welcome>,
}

/// One visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// When it began.
    pub started_at: Timestamp,
    /// When the last connection was gone; none while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When the customer was last heard of.
    pub active_at: Timestamp,
    /// The page that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// Where they connect from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Box<Geolocation>>,
    /// Their browser, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The application whose token they came with last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The latest pages, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_pages: Vec<VisitPage>,
    /// Pages opened in this visit.
    #[serde(default)]
    pub pages_count: u32,
    /// The greetings that were shown in it.
    #[serde(default, skip_serializing_if = "GreetingsOfVisit::is_empty")]
    pub greetings: GreetingsOfVisit,
}

impl Visit {
    /// The customer's address and browser, if both are known.
    fn origin(&self) -> Option<CustomerVisit> {
        let (ip, user_agent) = (self.ip.clone()?, self.user_agent.clone()?);
        Some(CustomerVisit { ip, user_agent, geolocation: self.geolocation.clone() })
    }

    /// The page that the customer is on, and the one before it. Whoever is gone is on none.
    fn pages(&self) -> StartPages {
        if self.ended_at.is_some() {
            return StartPages::default();
        }
        let mut latest = self.last_pages.iter().rev().map(|page| page.url.clone());
        StartPages { start_url: latest.next(), referrer: latest.next().or_else(|| self.referrer.clone()) }
    }
}

/// From where a customer comes to a thread that is opened, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Their address and browser.
    pub visit: Option<CustomerVisit>,
    /// The pages of the visit that goes on.
    pub pages: StartPages,
    /// The application that they came by.
    pub client: Option<ClientId>,
}

/// The pages that led a customer to a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPages {
    /// Where it was opened: the property `routing.start_url` of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_url: Option<String>,
    /// The page before that one: `routing.referrer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
}

/// From where a customer came, as a thread keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerVisit {
    /// Where they connect from.
    pub ip: String,
    /// Their browser, as it calls itself.
    pub user_agent: String,
    /// Where the address is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Box<Geolocation>>,
}

/// A page that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitPage {
    /// When.
    pub opened_at: Timestamp,
    /// Its address.
    pub url: String,
    /// Its title, empty if it was not told.
    pub title: String,
}

/// A page as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPage {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: Option<String>,
}

/// A customer's connection that has just logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The group whose widget they use; none leaves it as it is.
    pub group: Option<GroupId>,
    /// The page they are on.
    pub page: Option<NewPage>,
    /// The page that led there.
    pub referrer: Option<String>,
    /// Where they connect from.
    pub ip: Option<String>,
    /// Where that is.
    pub geolocation: Option<Box<Geolocation>>,
    /// Their browser.
    pub user_agent: Option<String>,
    /// The application whose token it has.
    pub client: Option<ClientId>,
    /// Another connection of theirs is there, or was until a moment ago.
    pub is_another: bool,
    /// Who comes back sooner goes on with their visit.
    pub pause: Duration,
}

/// What a request's headers say of where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`.
    pub referrer: Option<String>,
}

/// What an arrival, a page or a greeting brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitNews {
    /// They were not there before.
    Came,
    /// They were there, in another group.
    Moved,
    /// They opened a page.
    PageOpened,
    /// They were shown a greeting.
    Greeted,
    /// They saw a greeting.
    GreetingSeen,
    /// Nothing that anybody would see.
    Nothing,
}

/// A customer who is connected, as agents are shown them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// Who.
    pub id: CustomerId,
    /// What they say of themselves.
    pub profile: CustomerProfile,
    /// What they do.
    pub visits: CustomerVisits,
    /// Have an active thread.
    pub is_chatting: bool,
}

impl CustomerVisits {
    /// A connection logs in.
    pub fn arrive(&mut self, arrival: &Arrival, license: &License, at: Timestamp) -> VisitNews {
        let moved = arrival.group.is_some_and(|group| group != self.group);
        self.group = arrival.group.unwrap_or(self.group);
        let cut = |text: &Option<String>| text.as_deref().map(|text| cut_off(text, MAX_ADDRESS));
        let lasts = |visit: &Visit| match visit.ended_at {
            Some(ended_at) => at < ended_at.after(arrival.pause),
            None => at < visit.active_at.after(UNNOTED),
        };
        let goes_on = |visit: &Visit| arrival.is_another || lasts(visit);
        let lasting = self.visit.take().filter(goes_on);
        let was_there = arrival.is_another && lasting.is_some();
        let visit = lasting.unwrap_or_else(|| {
            self.visits_count += 1;
            Visit { started_at: at, referrer: cut(&arrival.referrer), ..Visit::default() }
        });
        // A place is that of its address: one that is not known is not that of the address before.
        let (ip, geolocation) = match &arrival.ip {
            Some(ip) => (Some(ip.clone()), arrival.geolocation.clone()),
            None => (visit.ip, visit.geolocation),
        };
        self.visit = Some(Visit {
            ended_at: None,
            active_at: at,
            ip,
            geolocation,
            user_agent: cut(&arrival.user_agent).or(visit.user_agent),
            client: arrival.client.clone().or(visit.client),
            ..visit
        });
        let opened = match &arrival.page {
            Some(page) => self.open_page(page, license, at),
            None => {
                let page = self.page().map(|page| page.url.as_str());
                self.auto_access = license.auto_access(page, arrival.geolocation.as_deref());
                false
            }
        };
        match (was_there, moved) {
            (false, _) => VisitNews::Came,
            (true, true) => VisitNews::Moved,
            (true, false) if opened => VisitNews::PageOpened,
            (true, false) => VisitNews::Nothing,
        }
    }

    /// They are on a page; true if it is another than before. The same page told again counts once.
    pub fn open_page(&mut self, page: &NewPage, license: &License, at: Timestamp) -> bool {
        let place = self.visit.as_ref().and_then(|visit| visit.geolocation.as_deref());
        self.auto_access = license.auto_access(Some(&page.url), place);
        let Some(visit) = &mut self.visit else { return false };
        visit.active_at = at;
        let url = cut_off(&page.url, MAX_ADDRESS);
        let title = cut_off(page.title.as_deref().unwrap_or_default(), MAX_TITLE);
        if let Some(last) = visit.last_pages.last_mut().filter(|last| last.url == url) {
            let retitled = !title.is_empty() && last.title != title;
            if retitled {
                last.title = title;
            }
            return retitled;
        }
        visit.pages_count = visit.pages_count.saturating_add(1);
        visit.last_pages.push(VisitPage { opened_at: at, url, title });
        let surplus = visit.last_pages.len().saturating_sub(LAST_PAGES);
        visit.last_pages.drain(..surplus);
        self.page_views_count = self.page_views_count.saturating_add(1);
        true
    }

    /// A request of theirs says where it comes from. A visit that is over stays as it was.
    pub fn seen_by(&mut self, headers: &Headers) {
        let Some(visit) = self.visit.as_mut().filter(|visit| visit.ended_at.is_none()) else { return };
        for (known, said) in
            [(&mut visit.user_agent, &headers.user_agent), (&mut visit.referrer, &headers.referrer)]
        {
            if let Some(said) = said {
                *known = Some(cut_off(said, MAX_ADDRESS));
            }
        }
    }

    /// Their last connection is gone. False if that was known, or they never came.
    #[must_use]
    pub fn leave(&mut self, at: Timestamp) -> bool {
        let Some(visit) = self.visit.as_mut().filter(|visit| visit.ended_at.is_none()) else { return false };
        visit.ended_at = Some(at);
        visit.active_at = at;
        true
    }

    /// The number of the visit that is going on.
    pub fn current(&self) -> Option<u32> {
        let visit = self.visit.as_ref().filter(|visit| visit.ended_at.is_none());
        visit.map(|_| self.visits_count)
    }

    /// From where they come to a thread that is opened now.
    pub fn provenance(&self) -> Provenance {
        let Some(visit) = &self.visit else { return Provenance::default() };
        Provenance { visit: visit.origin(), pages: visit.pages(), client: visit.client.clone() }
    }

    /// They were shown a greeting in this visit.
    pub fn is_invited(&self) -> bool {
        self.visit.as_ref().is_some_and(|visit| !visit.greetings.shown.is_empty())
    }

    /// The page they are on.
    pub fn page(&self) -> Option<&VisitPage> {
        self.visit.as_ref()?.last_pages.last()
    }
}

/// At most so many bytes, whole characters.
fn cut_off(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::testing::demo_license as license;

    const START: Timestamp = Timestamp(1_000_000_000);

    fn page(url: &str) -> NewPage {
        NewPage { url: url.to_owned(), title: Some("Title".to_owned()) }
    }

    fn on(url: &str) -> Arrival {
        Arrival { page: Some(page(url)), pause: Duration::from_secs(30 * 60), ..Arrival::default() }
    }

    fn minutes(count: u64) -> Timestamp {
        START.after(Duration::from_secs(60 * count))
    }

    #[test]
    fn a_visit_goes_on_for_who_comes_back_soon_and_begins_anew_for_others() {
        let mut visits = CustomerVisits::default();
        assert_eq!(visits.arrive(&on("/a"), &license(), START), VisitNews::Came);
        let another = |url| Arrival { is_another: true, ..on(url) };
        assert_eq!(visits.arrive(&another("/a"), &license(), minutes(1)), VisitNews::Nothing, "a second tab");
        assert_eq!(visits.arrive(&another("/b"), &license(), minutes(2)), VisitNews::PageOpened);
        assert!(visits.leave(minutes(3)));
        assert!(!visits.leave(minutes(4)), "they are gone already");
        assert_eq!(visits.arrive(&on("/b"), &license(), minutes(32)), VisitNews::Came);
        assert_eq!((visits.visits_count, visits.page_views_count), (1, 2));
        assert!(visits.leave(minutes(33)));
        assert_eq!(visits.arrive(&on("/b"), &license(), minutes(63)), VisitNews::Came);
        assert_eq!((visits.visits_count, visits.page_views_count), (2, 3));
        assert_eq!(visits.visit.as_ref().map(|visit| visit.started_at), Some(minutes(63)));
    }

    #[test]
    fn a_visit_whose_end_nobody_noted_goes_on_for_a_day() {
        for (after, visits_count) in [(24 * 60 - 1, 1), (24 * 60, 2)] {
            let mut visits = CustomerVisits::default();
            visits.arrive(&on("/a"), &license(), START);
            assert_eq!(visits.current(), Some(1));
            visits.arrive(&on("/a"), &license(), minutes(after));
            assert_eq!(visits.visits_count, visits_count, "{after} minutes later");
            assert!(visits.leave(minutes(after)));
            assert_eq!(visits.current(), None);
        }
    }

    #[test]
    fn another_group_moves_who_is_there() {
        let mut visits = CustomerVisits::default();
        let of = |group: i64| Arrival {
            group: Some(GroupId(group)),
            is_another: group != 1,
            ..Arrival::default()
        };
        assert_eq!(visits.arrive(&of(1), &license(), START), VisitNews::Came);
        let more = Arrival { is_another: true, ..Arrival::default() };
        assert_eq!(visits.arrive(&more, &license(), START), VisitNews::Nothing);
        assert_eq!(visits.arrive(&of(2), &license(), START), VisitNews::Moved);
        assert_eq!(visits.group, GroupId(2));
    }

    #[test]
    fn headers_of_a_request_renew_what_they_say_of_the_visit_that_goes_on() {
        let says = |user_agent: &str, referrer: Option<&str>| Headers {
            user_agent: Some(user_agent.to_owned()),
            referrer: referrer.map(str::to_owned),
        };
        let mut visits = CustomerVisits::default();
        visits.seen_by(&says("nobody's", None));
        assert_eq!(visits, CustomerVisits::default());
        visits.arrive(&on("/a"), &license(), START);
        let known = |visits: &CustomerVisits| {
            let visit = visits.visit.clone().unwrap_or_default();
            (visit.user_agent.unwrap_or_default(), visit.referrer.unwrap_or_default())
        };
        visits.seen_by(&says("one", Some("/search")));
        visits.seen_by(&says("two", None));
        visits.seen_by(&Headers::default());
        assert_eq!(known(&visits), ("two".to_owned(), "/search".to_owned()));
        assert!(visits.leave(minutes(1)));
        visits.seen_by(&says("three", Some("/late")));
        assert_eq!(known(&visits), ("two".to_owned(), "/search".to_owned()));
    }

    #[test]
    fn the_page_they_are_on_and_the_one_before_lead_to_a_thread() {
        let mut visits = CustomerVisits::default();
        assert_eq!(visits.provenance(), Provenance::default());
        let pages = |visits: &CustomerVisits| {
            let StartPages { start_url, referrer } = visits.provenance().pages;
            (start_url.unwrap_or_default(), referrer.unwrap_or_default())
        };
        let pair = |start: &str, referrer: &str| (start.to_owned(), referrer.to_owned());
        let arrival = Arrival { referrer: Some("/search".to_owned()), ..on("/a") };
        visits.arrive(&arrival, &license(), START);
        assert_eq!(pages(&visits), pair("/a", "/search"));
        assert!(visits.open_page(&page("/b"), &license(), START));
        assert_eq!(pages(&visits), pair("/b", "/a"));
        assert!(visits.leave(minutes(1)));
        assert_eq!(pages(&visits), pair("", ""), "whoever is gone is on no page");
    }

    #[test]
    fn the_application_that_they_came_by_last_is_known_after_they_left() {
        let by = |client: Option<&str>| Arrival { client: client.map(ClientId::new), ..on("/a") };
        let mut visits = CustomerVisits::default();
        let mut known_after = |client: Option<&str>, at: Timestamp| {
            visits.arrive(&by(client), &license(), at);
            assert!(visits.leave(at));
            visits.provenance().client.map(|client| client.as_str().to_owned())
        };
        assert_eq!(known_after(Some("web"), START).as_deref(), Some("web"));
        assert_eq!(known_after(Some("app"), minutes(1)).as_deref(), Some("app"));
        assert_eq!(known_after(None, minutes(2)).as_deref(), Some("app"), "by a node of an earlier version");
    }

    #[test]
    fn pages_and_texts_are_bounded() {
        let mut visits = CustomerVisits::default();
        visits.arrive(&Arrival::default(), &license(), START);
        for number in 0..3 * LAST_PAGES {
            assert!(visits.open_page(&page(&format!("/{number}")), &license(), START));
        }
        let long = NewPage { url: "ż".repeat(5_000), title: Some("ż".repeat(5_000)) };
        assert!(visits.open_page(&long, &license(), START));
        assert!(!visits.open_page(&long, &license(), START), "the same page told again");
        let pages = &visits.visit.as_ref().expect("a visit").last_pages;
        assert_eq!(pages.len(), LAST_PAGES);
        let last = pages.last().expect("a page");
        assert_eq!((last.url.len(), last.title.len()), (MAX_ADDRESS, MAX_TITLE));
        assert_eq!(visits.page_views_count as usize, 3 * LAST_PAGES + 1);
    }

    #[test]
    fn the_first_rule_that_fits_the_page_told_last_says_where_the_next_chat_goes() {
        let mut license = license();
        let rule = |groups: &str, url: &str| {
            format!(
                r#"{{"access":{{"groups":{groups}}},"conditions":{{"url":{{"values":[{{"value":"{url}"}}]}}}}}}"#
            )
        };
        let rules = format!("[{},{},{}]", rule("[99]", "/gone"), rule("[1]", "/sales"), rule("[0]", "/"));
        license.settings.auto_access = serde_json::from_str(&rules).expect("rules");
        let mut visits = CustomerVisits::default();
        visits.arrive(&on("https://shop.example/sales"), &license, START);
        assert_eq!(visits.auto_access, [GroupId(1)]);
        visits.arrive(&Arrival::default(), &license, START);
        assert_eq!(visits.auto_access, [GroupId(1)], "no page was told");
        for (url, groups) in [("/about", vec![GroupId::ALL]), ("/gone", vec![]), ("else", vec![])] {
            visits.open_page(&page(url), &license, START);
            assert_eq!(visits.auto_access, groups, "{url}");
        }
    }
}
