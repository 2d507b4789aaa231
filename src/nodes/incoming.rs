//! What is told to the sessions of this node, by its own chats and by others': each chat in its order, nothing twice, and
//! nothing left out.
//!
//! What a chat tells says which rows of its log it tells of. If rows lie between what was told last and that, something was
//! lost on the way, with a stream or with the node that owned the chat; then the chat is *healed*: the rows are read from
//! its log, what they mean is told, and what came meanwhile waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::Incarnation;

use super::heads::Entry;
use super::message::{Head, Pushes, Spared, Told};
use super::{Asker, Nodes};
use crate::actors::catching_up::SKEW;
use crate::actors::chat::missed::{self, Since, Stretch};
use crate::actors::delivery::{Mark, Place};
use crate::actors::router::Status;
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::license::{AgentKind, License};
use crate::domain::push::{Push, PushBody};
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// What waits for a chat that is being healed; more, and it is read from the log, too.
const WAITING: usize = 256;
/// Before a log that could not be read is read again.
const PAUSE: Duration = Duration::from_millis(250);

/// A chat that is being healed.
pub(super) struct Healing {
    /// The thread and row up to which it has to be read at least.
    to: (ThreadId, Place),
    waiting: VecDeque<(Mark, Vec<Push>)>,
}

impl Healing {
    fn reach(&mut self, thread: &ThreadId, place: Place) {
        if place > self.to.1 {
            self.to = (thread.clone(), place);
        }
    }
}

impl Entry {
    /// Nothing of the chat was told lately: this is the first.
    fn new(mark: &Mark, at: Timestamp) -> Self {
        Self { thread: mark.thread.clone(), place: mark.from, at, healing: None }
    }

    /// The chat was read up to a place and told that far. Tells what waited as far as it follows; says from where on
    /// something is missing still, which is behind all that was told by now.
    fn healed(&mut self, to: (ThreadId, Place), tell: impl Fn(&Mark, &[Push])) -> Option<Place> {
        let healing = self.healing.as_mut()?;
        (self.thread, self.place) = to;
        while let Some((mark, pushes)) = healing.waiting.pop_front() {
            match fit(self.place, &mark) {
                Fit::Known => {}
                Fit::Passing => tell(&mark, &pushes),
                Fit::Next => {
                    tell(&mark, &pushes);
                    (self.thread, self.place) = (mark.thread, mark.to);
                }
                Fit::Gap => healing.reach(&mark.thread, mark.to),
            }
        }
        if healing.to.1 > self.place {
            return Some(self.place);
        }
        self.healing = None;
        None
    }
}

/// What a stretch of rows is to what was told before.
enum Fit {
    /// It follows.
    Next,
    /// It was told.
    Known,
    /// It stands in no log: typing, and the like.
    Passing,
    /// Rows between are missing.
    Gap,
}

fn fit(place: Place, mark: &Mark) -> Fit {
    if mark.from == mark.to {
        Fit::Passing
    } else if mark.to <= place {
        Fit::Known
    } else if mark.from == place {
        Fit::Next
    } else {
        Fit::Gap
    }
}

impl Nodes {
    /// Takes what another node tells.
    pub(super) fn take(&self, from: Incarnation, told: Told) {
        match told {
            Told::Pushes(told) => self.take_pushes(from, told),
            Told::Heads { license, heads } => heads.iter().for_each(|head| self.compare(license, head)),
            Told::Spared { license, spared } => {
                spared.iter().for_each(|spared| self.take_spared(from, license, spared));
            }
        }
    }

    fn take_pushes(&self, from: Incarnation, told: Pushes) {
        let Pushes { license, version, mark, origin, pushes } = told;
        // Whoever is connected here has brought the license into memory.
        let Some(license) = self.parts.tenants.licenses.cached(license) else { return };
        if license.version < version {
            let (tenants, id) = (self.parts.tenants.clone(), license.id);
            self.spawn(async move {
                if let Err(error) = tenants.licenses.catch_up(id, version).await {
                    tracing::warn!(license.id = %id, %error, "a license is followed later");
                }
            });
        }
        tracing::trace!(node = %from, license.id = %license.id, pushes = pushes.len(), "pushes of another node");
        let origin = origin.filter(|origin| origin.session.node == self.me());
        let asker = origin.as_ref().map(|origin| Asker {
            session: origin.session.number,
            request_id: origin.request_id.as_deref(),
            before_answer: false,
        });
        self.place(&license, &pushes, mark.as_ref(), asker);
    }

    /// Notes that rows were not told here, as they are for nobody who is connected here. If the other node should have known
    /// better, or nobody remembers what it knew, they are read.
    fn take_spared(&self, from: Incarnation, license: LicenseId, spared: &Spared) {
        if self.ours.since(license).is_none() {
            return;
        }
        let mark = &spared.mark;
        let mut stripe = self.heads.stripe(license, &mark.chat);
        let at = self.parts.clock.now();
        let entry = stripe.entry((license, mark.chat.clone())).or_insert_with(|| Entry::new(mark, at));
        entry.at = at;
        if let Some(healing) = &mut entry.healing {
            healing.reach(&mark.thread, mark.to);
        } else if mark.to > entry.place {
            let is_ours = self.late.concerns(from, license, spared) || !self.peers.contains_key(&from);
            if mark.from <= entry.place && !is_ours {
                (entry.place, entry.thread) = (mark.to, mark.thread.clone());
            } else {
                let since = Since::Place(entry.place);
                self.begin_healing(entry, license, &mark.chat, since, (mark.thread.clone(), mark.to));
            }
        }
    }

    /// Delivers pushes to the sessions of this node, in the order of their chat.
    pub(super) fn place(
        &self,
        license: &Arc<License>,
        pushes: &[Push],
        mark: Option<&Mark>,
        asker: Option<Asker<'_>>,
    ) {
        self.notice(license, pushes);
        let Some(mark) = mark else {
            self.parts.sessions.deliver(license, pushes, None, asker);
            return;
        };
        let mut stripe = self.heads.stripe(license.id, &mark.chat);
        let key = (license.id, mark.chat.clone());
        let at = self.parts.clock.now();
        let entry = stripe.entry(key).or_insert_with(|| Entry::new(mark, at));
        entry.at = at;
        if let Some(healing) = &mut entry.healing {
            if healing.waiting.len() < WAITING {
                healing.waiting.push_back((mark.clone(), pushes.to_vec()));
            } else {
                healing.reach(&mark.thread, mark.to);
            }
            return;
        }
        match fit(entry.place, mark) {
            Fit::Known => {}
            Fit::Passing => self.parts.sessions.deliver(license, pushes, Some(mark), asker),
            Fit::Next => {
                entry.place = mark.to;
                entry.thread = mark.thread.clone();
                self.parts.sessions.deliver(license, pushes, Some(mark), asker);
            }
            Fit::Gap => {
                let since = Since::Place(entry.place);
                self.begin_healing(entry, license.id, &mark.chat, since, (mark.thread.clone(), mark.to));
            }
        }
    }

    /// Compares how far a chat has been told elsewhere, or stands in its log, with how far it was told here.
    pub(super) fn compare(&self, license: LicenseId, head: &Head) {
        let Some(wanted_since) = self.ours.since(license) else { return };
        let mut stripe = self.heads.stripe(license, &head.chat);
        let key = (license, head.chat.clone());
        let to = (head.thread.clone(), head.place);
        match stripe.get_mut(&key) {
            Some(Entry { healing: Some(healing), .. }) => healing.reach(&head.thread, head.place),
            Some(entry) if entry.place >= head.place => {}
            Some(entry) => {
                let since = Since::Place(entry.place);
                self.begin_healing(entry, license, &head.chat, since, to);
            }
            None => {
                // Whatever was told here lately has an entry. So what is newer than that was never told.
                let horizon = self.heads.horizon().max(wanted_since);
                let entry =
                    Entry { thread: to.0.clone(), place: head.place, at: head.last_at, healing: None };
                if head.last_at.after(SKEW) < horizon {
                    stripe.insert(key, Entry { at: self.parts.clock.now(), ..entry });
                    return;
                }
                let since = Since::Moment(horizon.before(SKEW));
                let entry = stripe.entry(key).or_insert(entry);
                self.begin_healing(entry, license, &head.chat, since, to);
            }
        }
    }

    fn begin_healing(
        &self,
        entry: &mut Entry,
        license: LicenseId,
        chat: &ChatId,
        since: Since,
        to: (ThreadId, Place),
    ) {
        entry.at = self.parts.clock.now();
        entry.healing = Some(Box::new(Healing { to, waiting: VecDeque::new() }));
        let Some(this) = self.this.upgrade() else { return };
        let chat = chat.clone();
        tracing::info!(license.id = %license, chat.id = %chat, "what was lost on the way is read from the log");
        self.spawn(async move { this.heal(license, chat, since).await });
    }

    /// Reads what was not told, tells it, and lets what waited follow.
    async fn heal(self: Arc<Self>, license: LicenseId, chat: ChatId, since: Since) {
        let mut since = since;
        loop {
            let key = (license, chat.clone());
            let to = {
                let stripe = self.heads.stripe(license, &chat);
                match stripe.get(&key).and_then(|entry| entry.healing.as_ref()) {
                    Some(healing) => healing.to.clone(),
                    None => return,
                }
            };
            let stretch = Stretch { license, chat: &chat, thread: &to.0, since, to: to.1 };
            let told = match missed::read(&*self.parts.store, stretch, usize::MAX).await {
                Ok(told) => told.unwrap_or_default(),
                // Nor can it be read later. What comes after it is told all the same.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(license.id = %license, chat.id = %chat, %error, "what was lost stays untold");
                    missed::Told::default()
                }
                Err(error) => {
                    tracing::warn!(license.id = %license, chat.id = %chat, %error, "a log is read again later");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // Nobody is connected of a license that is not in memory.
            let Some(tenant) = self.parts.tenants.licenses.cached(license) else {
                self.heads.stripe(license, &chat).remove(&key);
                return;
            };
            let mut stripe = self.heads.stripe(license, &chat);
            let Some(entry) = stripe.get_mut(&key) else { return };
            let tell =
                |mark: &Mark, pushes: &[Push]| self.parts.sessions.deliver(&tenant, pushes, Some(mark), None);
            told.rows.iter().for_each(|row| tell(&row.mark, &row.pushes));
            match entry.healed(to, tell) {
                Some(place) => since = Since::Place(place),
                None => return,
            }
        }
    }

    /// Remembers agents' statuses, for a router that takes over.
    pub(super) fn notice(&self, license: &License, pushes: &[Push]) {
        for push in pushes {
            let PushBody::RoutingStatusSet { agent, status } = &push.body else { continue };
            let (Some(status), Some(actors)) = (Status::parse(status), self.actors.get()) else { continue };
            let is_bot = license.agent(agent).is_some_and(|agent| agent.kind == AgentKind::Bot);
            actors.heard_status(license.id, agent, status, is_bot);
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(actors) = self.actors.get() {
            actors.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const fn place(row: u64) -> Place {
        Place(1, row)
    }

    fn mark(from: u64, to: u64) -> Mark {
        Mark { chat: ChatId::new("chat"), thread: ThreadId::new("thread"), from: place(from), to: place(to) }
    }

    #[test]
    fn what_waited_and_was_told_is_not_read_again() {
        let thread = ThreadId::new("thread");
        let waiting = [mark(2, 3), mark(5, 6), mark(6, 7), mark(9, 10), mark(10, 11)];
        let healing = Healing {
            to: (thread.clone(), place(5)),
            waiting: waiting.into_iter().map(|mark| (mark, Vec::new())).collect(),
        };
        let mut entry = Entry {
            thread: thread.clone(),
            place: place(1),
            at: Timestamp(0),
            healing: Some(Box::new(healing)),
        };
        let told = Cell::new(0);
        let tell = |_: &Mark, _: &[Push]| told.set(told.get() + 1);
        assert_eq!(entry.healed((thread.clone(), place(5)), tell), Some(place(7)), "8 and 9 are missing");
        assert_eq!(told.get(), 2, "5 to 7; the others are known, or behind the gap");
        assert_eq!(entry.healing.as_ref().map(|healing| healing.to.1), Some(place(11)));
        assert_eq!(entry.healed((thread, place(11)), tell), None);
        assert!(entry.healing.is_none() && entry.place == place(11));
    }
}
