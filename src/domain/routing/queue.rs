//! The queue: who waits, in which order, and who of them can be served now.
//!
//! A chat waits in the lane of each of its groups; its key is the same in all of them, so that the order between
//! any two chats is one and the same everywhere. A group has three lanes, because a free agent is not free for
//! everybody: the heads of [`Lane::Anybody`] and [`Lane::Humans`] can be judged without looking further, and
//! only the few chats of [`Lane::Picky`], which one agent or another must not get, are looked through.

use std::cmp::Reverse;
use std::ops::Bound;

use super::chat::Place;
use super::effect::{Cause, Effect, QueuePlace};
use super::record::{Outcome, Question};
use super::request::Refusal;
use super::router::Router;
use super::settings::OfflineStart;
use super::table::{ChatKey, GroupKey};
use crate::domain::id::ChatId;
use crate::domain::time::Timestamp;

/// The order of the queue: the group's routing priority, then the time, then the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueKey {
    pub(super) priority: Reverse<i32>,
    pub(super) queued_at: Timestamp,
    pub(super) number: u64,
    pub(super) chat: ChatKey,
}

/// What kind of agent a waiting chat needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Anybody,
    Humans,
    /// Anybody but certain agents.
    Picky,
}

const LANES: [Lane; 3] = [Lane::Anybody, Lane::Humans, Lane::Picky];

/// A position that changed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct QueueChange {
    /// The waiting chat.
    pub chat: ChatId,
    /// Where it stands now.
    pub place: QueuePlace,
}

/// May a chat wait, and against which bound?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    InLine,
    OpenEnded,
}

impl Router {
    /// Positions that changed since they were last told, at most `most` chats being looked at: the caller asks
    /// again at its own pace, and however many chats left meanwhile, each waiting chat is told once. Sweeps run
    /// to the end of a group's queue before they begin anew, so nobody is forgotten. Empty = all told.
    /// A wait time that changed without the position is not told.
    pub fn take_queue_changes(&mut self, most: usize) -> Vec<QueueChange> {
        let (mut changes, mut looked_at) = (Vec::new(), 0);
        for at in 0..self.tables.groups.len() {
            let key = GroupKey(at as u32);
            while looked_at < most {
                let group = self.tables.group_mut(key);
                let Some(from) = group.sweep_from.take().or_else(|| group.moved_from.take()) else { break };
                let mut next = group.next_waiting(Bound::Included(from));
                while let Some(waiting) = next {
                    if looked_at == most {
                        self.tables.group_mut(key).sweep_from = Some(waiting);
                        return changes;
                    }
                    looked_at += 1;
                    changes.extend(self.told(waiting.chat));
                    next = self.tables.group(key).next_waiting(Bound::Excluded(waiting));
                }
            }
        }
        changes
    }

    fn told(&mut self, key: ChatKey) -> Option<QueueChange> {
        let place = self.place(key)?;
        let chat = self.tables.chat_mut(key);
        let told = &mut chat.queued.as_mut()?.told;
        (std::mem::replace(told, place.position) != place.position)
            .then(|| QueueChange { chat: chat.id.clone(), place })
    }

    /// Where a chat stands, if it waits.
    pub fn queue_place(&self, chat: &ChatId) -> Option<QueuePlace> {
        self.place(self.tables.chat_key(chat)?)
    }

    pub(super) fn place(&self, key: ChatKey) -> Option<QueuePlace> {
        let chat = self.tables.chat(key);
        let queue_key = chat.queued?.key;
        let groups = chat.groups.iter().map(|group| self.tables.group(*group));
        let (position, wait_time) = groups
            .map(|group| {
                let position = group.ahead_of(queue_key) + 1;
                (position, group.waits.estimate(position))
            })
            .min()?;
        Some(QueuePlace { position, wait_time, queued_at: queue_key.queued_at })
    }

    /// Puts a chat into the queue; if it waits already, it moves to where `queued_at` belongs.
    pub(super) fn enter_queue(&mut self, key: ChatKey, queued_at: Timestamp, admission: Admission) {
        self.leave_queue(key);
        self.arrivals += 1;
        let queue_key = QueueKey { priority: Reverse(0), queued_at, number: self.arrivals, chat: key };
        let is_open_ended = admission == Admission::OpenEnded;
        self.return_to_queue(key, Place { key: queue_key, lane: Lane::Anybody, is_open_ended, told: 0 });
    }

    /// Puts a chat back to where it was, but by the priority of its groups and into the lane of now.
    pub(super) fn return_to_queue(&mut self, key: ChatKey, place: Place) {
        let chat = self.tables.chat(key);
        let (lane, groups) = (chat.lane(), chat.groups.clone());
        let best = groups.iter().map(|group| self.tables.group(*group).rules.routing_priority).max();
        let priority = Reverse(best.unwrap_or_default());
        let queue_key = QueueKey { priority, ..place.key };
        self.tables.chat_mut(key).queued = Some(Place { key: queue_key, lane, ..place });
        if place.is_open_ended {
            self.open_ended += 1;
        } else {
            self.in_line += 1;
            if self.in_line >= self.settings.line_limit() {
                if self.lowest_since_full.is_none() {
                    self.mark_all_groups_stale();
                }
                self.lowest_since_full = Some(self.in_line);
            }
        }
        for group_key in groups {
            let now = self.now;
            let group = self.tables.group_mut(group_key);
            if group.waiting() == 0 {
                group.waits.begin(now);
            }
            group.lanes[lane as usize].insert(queue_key);
            group.moved_from = Some(group.moved_from.map_or(queue_key, |from| from.min(queue_key)));
            self.refresh(group_key);
        }
    }

    /// Takes a chat out of the queue, if it waits.
    pub(super) fn leave_queue(&mut self, key: ChatKey) {
        let Some(place) = self.tables.chat_mut(key).queued.take() else { return };
        if place.is_open_ended {
            self.open_ended -= 1;
        } else {
            self.in_line -= 1;
            if let Some(lowest) = self.lowest_since_full
                && self.in_line < lowest
            {
                self.lowest_since_full = Some(self.in_line);
                self.mark_all_groups_stale();
            }
        }
        for at in 0..self.tables.chat(key).groups.len() {
            let group_key = self.tables.chat(key).groups[at];
            let group = self.tables.group_mut(group_key);
            group.lanes[place.lane as usize].remove(place.key);
            group.moved_from = Some(group.moved_from.map_or(place.key, |from| from.min(place.key)));
            self.refresh(group_key);
        }
    }

    /// Notes which heads of a group's lanes can be served. To be called after each change of its lanes or pools.
    pub(super) fn refresh(&mut self, key: GroupKey) {
        let group = self.tables.group(key);
        let mut ready = [None; 3];
        if !group.rules.manual && group.has_free(false) {
            for lane in LANES {
                ready[lane as usize] = match lane {
                    Lane::Anybody => group.lane(lane).first(),
                    Lane::Humans if group.has_free(true) => group.lane(lane).first(),
                    Lane::Humans => None,
                    Lane::Picky => self.first_served_in(key),
                };
            }
        }
        for (lane, now) in ready.into_iter().enumerate() {
            let before = std::mem::replace(&mut self.tables.group_mut(key).ready[lane], now);
            if before == now {
                continue;
            }
            if let Some(before) = before {
                self.ready.remove(&(before, key, lane));
            }
            if let Some(now) = now {
                self.ready.insert((now, key, lane));
            }
        }
    }

    /// The first picky chat whom a free agent of this group suits. Passes over those only that exclude every
    /// free agent.
    fn first_served_in(&self, group: GroupKey) -> Option<QueueKey> {
        let lane = self.tables.group(group).lane(Lane::Picky);
        let mut next = lane.first();
        while let Some(key) = next {
            if self.best(&self.wish_in(key.chat, std::slice::from_ref(&group))).is_some() {
                return Some(key);
            }
            next = lane.next(Bound::Excluded(key));
        }
        None
    }

    /// Gives free slots to waiting chats, in order, until no chat that waits has a slot to go to.
    pub(super) fn drain(&mut self) {
        while !self.is_rebuilding && !self.license_is_full() {
            let Some((QueueKey { chat: key, .. }, ..)) = self.ready.first().copied() else { return };
            let Some(picked) = self.best(&self.wish(key)) else {
                debug_assert!(false, "a head is ready only if somebody can serve it");
                return;
            };
            self.serve(key, picked, Question::SlotFreed, Cause::SlotFreed, Vec::new(), &[]);
        }
    }

    /// Whether the chat may wait. `is_start`: it has no history to be kept, a refusal costs nobody a chat.
    pub(super) fn admission(&self, key: ChatKey, is_start: bool) -> Result<Admission, Refusal> {
        let chat = self.tables.chat(key);
        let groups = || chat.groups.iter().map(|group| self.tables.group(*group));
        let nobody_accepts = groups().all(|group| group.accepting.is_empty());
        let refuses_offline = self.settings.offline_start == OfflineStart::Refuse;
        if self.is_rebuilding {
            return Ok(self.admission_of_reported(key));
        }
        if chat.continuous || (is_start && nobody_accepts && !refuses_offline) {
            let most = self.settings.limit_queue_continuous.unwrap_or(u32::MAX);
            return if self.open_ended < most { Ok(Admission::OpenEnded) } else { Err(Refusal::QueueFull) };
        }
        if nobody_accepts && refuses_offline && (is_start || groups().all(|group| group.present == 0)) {
            return Err(Refusal::NobodyAccepting);
        }
        // Under manual routing waiting is the only way in, so the switch does not apply; the bounds do.
        if !groups().any(|group| group.rules.manual || group.rules.queue_enabled) {
            return Err(Refusal::QueueOff);
        }
        let is_open = |group: &super::group::Group| {
            (group.rules.manual || group.rules.queue_enabled)
                && !self.is_line_full(group.rules.reopen_threshold)
        };
        if groups().any(is_open) { Ok(Admission::InLine) } else { Err(Refusal::QueueFull) }
    }

    /// The same for a chat whose log says that it waits: it does, the question is only what it counts as.
    pub(super) fn admission_of_reported(&self, key: ChatKey) -> Admission {
        let chat = self.tables.chat(key);
        let mut groups = chat.groups.iter().map(|group| self.tables.group(*group));
        let waits_offline = self.settings.offline_start == OfflineStart::Queue
            && groups.all(|group| group.accepting.is_empty());
        if chat.continuous || waits_offline { Admission::OpenEnded } else { Admission::InLine }
    }

    pub(super) fn is_line_full(&self, reopen_threshold: u32) -> bool {
        self.in_line >= self.settings.line_limit()
            || self.lowest_since_full.is_some_and(|lowest| lowest > reopen_threshold)
    }

    /// Nobody of the group is logged in any more: its chats that may not wait for ever are archived.
    pub(super) fn archive_hopeless(&mut self, group: GroupKey) {
        if self.is_rebuilding
            || self.settings.offline_start == OfflineStart::Queue
            || self.tables.group(group).present > 0
        {
            return;
        }
        let mut next = self.tables.group(group).next_waiting(Bound::Unbounded);
        while let Some(waiting) = next {
            let key = waiting.chat;
            let chat = self.tables.chat(key);
            let is_hopeless =
                !chat.continuous && chat.groups.iter().all(|group| self.tables.group(*group).present == 0);
            if is_hopeless {
                self.archive(
                    key,
                    Question::NobodyOnline,
                    Cause::NobodyOnline,
                    Refusal::NobodyOnline,
                    Vec::new(),
                );
            }
            next = self.tables.group(group).next_waiting(Bound::Excluded(waiting));
        }
    }

    /// Moves a chat into the queue and says so.
    pub(super) fn queue(
        &mut self,
        key: ChatKey,
        admission: Admission,
        question: Question,
        cause: Cause,
        replaces: Vec<super::table::AgentKey>,
    ) {
        let rule = self.rule_of_waiting(key);
        let considered = self.consider_waiting(key);
        self.enter_queue(key, self.now, admission);
        let Some(place) = self.note_place(key) else { return };
        let decision = self.next_decision();
        self.intend(decision, key, super::chat::Goal::Wait);
        let replaces = self.agent_ids(&replaces);
        let chat = self.tables.chat(key).id.clone();
        self.effects.push(Effect::Queue { chat, replaces, decision, cause, place });
        self.record(decision, key, question, considered, rule, Outcome::Queued(place.position));
    }

    /// The place, which is being told by the decision itself.
    pub(super) fn note_place(&mut self, key: ChatKey) -> Option<QueuePlace> {
        let place = self.place(key)?;
        if let Some(queued) = &mut self.tables.chat_mut(key).queued {
            queued.told = place.position;
        }
        Some(place)
    }
}
