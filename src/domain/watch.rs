//! Which customers an agent's connection watches: by its monitoring level, and by subscriptions.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::id::{CustomerId, GroupId};

/// Customers whom one connection is told of by its level.
pub const MAX_BY_LEVEL: usize = 500;
/// Customers whom a subscription tells of if it names no limit.
pub const DEFAULT_LIMIT: usize = 100;
/// The most that a subscription may name.
pub const MAX_LIMIT: usize = 1_000;
/// Subscriptions of one connection.
pub const MAX_SUBSCRIPTIONS: usize = 10;

/// How much of the visitors a connection is told (`customer_monitoring_level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitoringLevel {
    /// Customers in own chats.
    #[default]
    My,
    /// Customers in chats of own groups.
    Chatting,
    /// Those, and whoever was greeted while they visit own groups.
    Invited,
    /// Everybody who visits own groups.
    Online,
    /// The most there is: the same.
    HighestAvailable,
}

/// A customer of whom something is told to those who watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Who.
    pub customer: CustomerId,
    /// The group whose widget they use.
    pub group: GroupId,
    /// The groups that their active chats are open to; empty if they do not chat.
    pub chats: Vec<GroupId>,
    /// They were shown a greeting in this visit.
    #[serde(default)]
    pub is_invited: bool,
    /// What is told.
    pub sighting: Sighting,
}

/// What a push says of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    /// They are there now: who has room for them begins to follow them.
    Came,
    /// The same, told to those alone who did not follow them yet.
    Noticed,
    /// Something about them.
    Seen,
    /// They are in another group: told to those who followed them and cannot any more.
    Moved,
    /// They are gone.
    Left,
}

/// What a connection watches.
#[derive(Debug, Default)]
pub struct Watching {
    level: MonitoringLevel,
    by_level: Option<Subscription>,
    subscriptions: BTreeMap<String, Subscription>,
}

/// Customers of some groups, so many at most.
#[derive(Debug)]
pub struct Subscription {
    /// None: of the agent's own groups.
    groups: Option<Vec<GroupId>>,
    of: Of,
    limit: usize,
    followed: HashSet<CustomerId>,
}

/// Which customers of the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// All.
    Everybody,
    /// Only those who chat, in a chat that the agent may see.
    Chatting,
    /// Those, and whoever was greeted.
    Invited,
}

impl Subscription {
    /// Of these groups; none: of the agent's own.
    pub fn new(groups: Option<Vec<GroupId>>, limit: usize) -> Self {
        Self { groups, of: Of::Everybody, limit, followed: HashSet::new() }
    }

    /// The groups it names.
    pub fn groups(&self) -> Option<&[GroupId]> {
        self.groups.as_deref()
    }

    /// True if there is no room for one more.
    pub fn is_full(&self) -> bool {
        self.followed.len() >= self.limit
    }

    fn covers(&self, watched: &Watched, own: &[GroupId]) -> bool {
        let is_own = |group: &GroupId| *group == GroupId::ALL || own.contains(group);
        let chats = || watched.chats.iter().any(is_own);
        let visits = || match &self.groups {
            Some(groups) => groups.contains(&watched.group),
            None => is_own(&watched.group),
        };
        match self.of {
            Of::Everybody => visits(),
            Of::Chatting => chats(),
            Of::Invited => chats() || (watched.is_invited && visits()),
        }
    }

    fn hears(&mut self, watched: &Watched, own: &[GroupId]) -> bool {
        let followed = self.followed.contains(&watched.customer);
        match watched.sighting {
            Sighting::Left => self.followed.remove(&watched.customer),
            Sighting::Moved => !self.covers(watched, own) && self.followed.remove(&watched.customer),
            Sighting::Seen => followed,
            Sighting::Came if followed => true,
            Sighting::Noticed if followed => false,
            Sighting::Came | Sighting::Noticed => {
                let begins = !self.is_full() && self.covers(watched, own);
                if begins {
                    self.followed.insert(watched.customer.clone());
                }
                begins
            }
        }
    }
}

impl Watching {
    /// By a level alone.
    pub fn new(level: MonitoringLevel) -> Self {
        let by_level = |of| Some(Subscription { of, ..Subscription::new(None, MAX_BY_LEVEL) });
        let by_level = match level {
            MonitoringLevel::My => None,
            MonitoringLevel::Chatting => by_level(Of::Chatting),
            MonitoringLevel::Invited => by_level(Of::Invited),
            MonitoringLevel::Online | MonitoringLevel::HighestAvailable => by_level(Of::Everybody),
        };
        Self { level, by_level, subscriptions: BTreeMap::new() }
    }

    /// The level it was made with.
    pub fn level(&self) -> MonitoringLevel {
        self.level
    }

    /// Adds a subscription; false if there are as many as there may be.
    #[must_use]
    pub fn subscribe(&mut self, id: String, subscription: Subscription) -> bool {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return false;
        }
        self.subscriptions.insert(id, subscription);
        true
    }

    /// Takes one away; false if there is none of that id.
    pub fn unsubscribe(&mut self, id: &str) -> bool {
        self.subscriptions.remove(id).is_some()
    }

    /// The subscriptions by their ids.
    pub fn subscriptions(&self) -> impl Iterator<Item = (&String, &Subscription)> {
        self.subscriptions.iter()
    }

    /// The customers whom it follows; one may be named twice.
    pub fn followed(&self) -> impl Iterator<Item = &CustomerId> {
        self.by_level
            .iter()
            .chain(self.subscriptions.values())
            .flat_map(|subscription| &subscription.followed)
    }

    /// Is a push of this customer for the connection of an agent of these groups? Keeps account of whom it follows.
    pub fn hears(&mut self, watched: &Watched, own: &[GroupId]) -> bool {
        let mut any = false;
        for subscription in self.by_level.iter_mut().chain(self.subscriptions.values_mut()) {
            any |= subscription.hears(watched, own);
        }
        any
    }

    /// The same for one subscription, when it is answered with those who are there.
    pub fn lists(&mut self, id: &str, watched: &Watched, own: &[GroupId]) -> bool {
        let subscription = self.subscriptions.get_mut(id);
        subscription.is_some_and(|subscription| subscription.hears(watched, own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(customer: &str, group: i64, sighting: Sighting) -> Watched {
        let (customer, group) = (CustomerId::new(customer), GroupId(group));
        Watched { customer, group, chats: Vec::new(), is_invited: false, sighting }
    }

    const OWN: &[GroupId] = &[GroupId(1)];

    #[test]
    fn a_subscription_follows_who_comes_until_they_leave_and_no_more_than_its_limit() {
        let mut watching = Watching::new(MonitoringLevel::My);
        assert!(watching.subscribe("s".to_owned(), Subscription::new(None, 1)));
        assert!(!watching.hears(&sees("a", 1, Sighting::Seen), OWN), "nobody said that they came");
        assert!(!watching.hears(&sees("a", 2, Sighting::Came), OWN), "another group");
        assert!(watching.hears(&sees("a", 1, Sighting::Came), OWN));
        assert!(!watching.hears(&sees("a", 1, Sighting::Noticed), OWN));
        assert!(watching.hears(&sees("a", 1, Sighting::Seen), OWN));
        assert!(!watching.hears(&sees("b", 1, Sighting::Came), OWN), "the limit");
        assert!(watching.hears(&sees("a", 1, Sighting::Left), OWN));
        assert!(!watching.hears(&sees("a", 1, Sighting::Left), OWN));
        assert!(watching.hears(&sees("b", 1, Sighting::Noticed), OWN));
        assert!(watching.unsubscribe("s") && !watching.unsubscribe("s"));
        assert!(!watching.hears(&sees("b", 1, Sighting::Seen), OWN));
    }

    #[test]
    fn who_moves_is_let_go_unless_both_groups_are_watched() {
        let mut watching = Watching::new(MonitoringLevel::Online);
        assert!(watching.hears(&sees("a", 1, Sighting::Came), OWN));
        assert!(!watching.hears(&sees("a", 0, Sighting::Moved), OWN), "everybody is in group 0");
        assert!(watching.hears(&sees("a", 2, Sighting::Moved), OWN));
        assert!(!watching.hears(&sees("a", 2, Sighting::Seen), OWN));
    }

    #[test]
    fn levels_say_who_is_followed() {
        let chatting = |groups: &[i64]| Watched {
            chats: groups.iter().copied().map(GroupId).collect(),
            ..sees("a", 1, Sighting::Came)
        };
        let greeted = |group| Watched { is_invited: true, ..sees("a", group, Sighting::Noticed) };
        for (level, browsing, own_chat, other_chat, invited, elsewhere) in [
            (MonitoringLevel::My, false, false, false, false, false),
            (MonitoringLevel::Chatting, false, true, false, false, false),
            (MonitoringLevel::Invited, false, true, false, true, false),
            (MonitoringLevel::Online, true, true, true, true, false),
            (MonitoringLevel::HighestAvailable, true, true, true, true, false),
        ] {
            let hears = |watched: &Watched| Watching::new(level).hears(watched, OWN);
            assert_eq!(hears(&chatting(&[])), browsing, "{level:?}");
            assert_eq!(hears(&chatting(&[1])), own_chat, "{level:?}");
            assert_eq!(hears(&chatting(&[2])), other_chat, "{level:?}");
            assert_eq!(hears(&greeted(1)), invited, "{level:?}");
            assert_eq!(hears(&greeted(2)), elsewhere, "{level:?}");
        }
    }

    #[test]
    fn a_connection_has_so_many_subscriptions() {
        let mut watching = Watching::default();
        for number in 0..MAX_SUBSCRIPTIONS {
            assert!(watching.subscribe(number.to_string(), Subscription::new(None, 1)));
        }
        assert!(!watching.subscribe("more".to_owned(), Subscription::new(None, 1)));
    }
}
