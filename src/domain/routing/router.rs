//! The router of one license: its state and the few steps by which it changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::chat::{Chat, Goal, Pending};
use super::effect::{DecisionId, Effect};
use super::group::Rank;
use super::queue::QueueKey;
use super::request::Refusal;
use super::settings::RouterSettings;
use super::table::{AgentKey, ChatKey, GroupKey, Tables};
use crate::domain::id::AgentId;
use crate::domain::time::Timestamp;

/// How long a decision may stay unsettled before its chat is asked.
pub const ASK_AFTER: Duration = Duration::from_secs(10);

/// How long a closed chat is remembered, so that a late report does not bring it back.
const REMEMBER_CLOSED: Duration = Duration::from_secs(60);

/// Who gets the next chat, for one license. See the [room](super) for the life of a chat.
#[derive(Debug)]
pub struct Router {
    pub(super) epoch: u64,
    decisions: u64,
    /// The greatest `now` so far: time does not run backwards in here.
    pub(super) now: Timestamp,
    pub(super) is_rebuilding: bool,
    pub(super) settings: RouterSettings,
    pub(super) tables: Tables,
    /// Heads of the lanes that somebody of the group could serve at once; empty between two calls, unless the
    /// license is full or the router rebuilds.
    pub(super) ready: BTreeSet<(QueueKey, GroupKey, usize)>,
    /// Chats that count against the license's limit.
    pub(super) served: u32,
    /// Waiting chats that count against the line's bound.
    pub(super) in_line: u32,
    /// Waiting chats that do not (continuous, or started while nobody accepted).
    pub(super) open_ended: u32,
    /// Set when the line fills up: the shortest it has been since. Groups reopen at their thresholds.
    pub(super) lowest_since_full: Option<u32>,
    turn: u64,
    pub(super) arrivals: u64,
    /// Decisions to ask about, oldest first; settled ones are skipped when they come up.
    asks: VecDeque<(Timestamp, ChatKey, DecisionId)>,
    pub(super) graces: BTreeSet<(Timestamp, AgentKey)>,
    closed: VecDeque<(Timestamp, ChatKey, u64)>,
    pub(super) stale_groups: Vec<GroupKey>,
    /// Room for [`Self::with_chat`] to work in, kept for its allocation.
    holders: Vec<AgentKey>,
    pub(super) refused: BTreeMap<Refusal, u64>,
    pub(super) effects: Vec<Effect>,
}

impl Router {
    /// A router that knows all there is to know: the license has no chats yet.
    pub fn new(epoch: u64, settings: RouterSettings) -> Self {
        let mut router = Self {
            epoch,
            decisions: 0,
            now: Timestamp(i64::MIN),
            is_rebuilding: false,
            settings: RouterSettings::default(),
            tables: Tables::new(),
            ready: BTreeSet::new(),
            served: 0,
            in_line: 0,
            open_ended: 0,
            lowest_since_full: None,
            turn: 0,
            arrivals: 0,
            asks: VecDeque::new(),
            graces: BTreeSet::new(),
            closed: VecDeque::new(),
            stale_groups: Vec::new(),
            holders: Vec::new(),
            refused: BTreeMap::new(),
            effects: Vec::new(),
        };
        router.apply_settings(settings);
        router
    }

    /// A router that takes over from an earlier one: it assigns nothing until [`Self::rebuilt`].
    pub fn rebuilding(epoch: u64, settings: RouterSettings) -> Self {
        let mut router = Self::new(epoch, settings);
        router.is_rebuilding = true;
        router
    }

    /// Every chat of the license has been reported: counts are exact from here on, the queue drains. Agents who
    /// have chats and did not show up keep them for [`RouterSettings::startup_grace`]; of those who left
    /// meanwhile the chats are rerouted.
    pub fn rebuilt(&mut self, now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        if !std::mem::take(&mut self.is_rebuilding) {
            return self.finish();
        }
        self.mark_all_groups_stale();
        for at in 0..self.tables.agents.len() {
            let key = AgentKey(at as u32);
            let agent = self.tables.agent(key);
            if agent.is_present() || agent.chats.is_empty() {
                continue;
            }
            if agent.was_seen {
                self.reroute(key, agent.left);
            } else {
                self.begin_grace(key, self.settings.startup_grace);
            }
        }
        self.finish()
    }

    /// Whether [`Self::take_group_status_changes`] may have something to tell.
    pub fn has_group_status_changes(&self) -> bool {
        !self.is_rebuilding && !self.stale_groups.is_empty()
    }

    /// When [`Self::tick`] has something to do, if nothing happens before.
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        self.skip_settled_asks();
        let ask = self.asks.front().map(|(at, ..)| *at);
        let grace = self.graces.first().map(|(at, _)| *at);
        ask.into_iter().chain(grace).min()
    }

    /// Does what is due: asks about unsettled decisions, ends graces.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        self.skip_settled_asks();
        while self.asks.front().is_some_and(|(at, ..)| *at <= self.now) {
            if let Some((_, key, decision)) = self.asks.pop_front() {
                let chat = self.tables.chat(key).id.clone();
                self.effects.push(Effect::AskChat { chat, decision });
                self.asks.push_back((self.now.after(ASK_AFTER), key, decision));
            }
            self.skip_settled_asks();
        }
        while let Some((at, agent)) = self.graces.first().copied().filter(|(at, _)| *at <= self.now) {
            self.graces.remove(&(at, agent));
            self.end_grace(agent);
        }
        self.finish()
    }

    /// Every public change begins here.
    pub(super) fn enter(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some((at, key, version)) = self.closed.front().copied() {
            if at.after(REMEMBER_CLOSED) > self.now {
                break;
            }
            self.closed.pop_front();
            let is_still_closed =
                |chat: &Chat| !chat.active && chat.min_version == version && chat.pending.is_none();
            if self.tables.live_chat(key).is_some_and(is_still_closed) {
                self.tables.drop_chat(key);
            }
        }
    }

    /// Every public change ends here: whatever slot it freed goes to the queue in the same call.
    pub(super) fn finish(&mut self) -> Vec<Effect> {
        self.drain();
        std::mem::take(&mut self.effects)
    }

    /// A fresh row for a chat, or the row of a closed one, opened again.
    pub(super) fn open_chat(&mut self, id: &crate::domain::id::ChatId) -> ChatKey {
        self.arrivals += 1;
        let number = self.arrivals;
        match self.tables.chat_key(id) {
            Some(key) => {
                let chat = self.tables.chat_mut(key);
                let (min_version, settled) = (chat.min_version, chat.settled);
                *chat = Chat { min_version, settled, ..Chat::new(id.clone(), number) };
                key
            }
            None => self.tables.add_chat(Chat::new(id.clone(), number)),
        }
    }

    /// Changes a chat's row and keeps the counts of agents and license true to it.
    pub(super) fn with_chat<R>(&mut self, key: ChatKey, change: impl FnOnce(&mut Chat) -> R) -> R {
        let was_full = self.license_is_full();
        let mut holders = std::mem::take(&mut self.holders);
        let chat = self.tables.chat_mut(key);
        holders.extend(chat.holders());
        let (split, took_slot, was_served) = (holders.len(), chat.takes_slot(), chat.is_served());
        let result = change(chat);
        holders.extend(chat.holders());
        let (takes_slot, is_served) = (chat.takes_slot(), chat.is_served());
        self.served = self.served + u32::from(is_served) - u32::from(was_served);
        let (before, after) = holders.split_at(split);
        // What a log confirms changes nothing here: the usual case.
        if took_slot != takes_slot || before != after {
            for holder in before {
                let agent = self.tables.agent_mut(*holder);
                agent.load -= u32::from(took_slot);
                if let Some(at) = agent.chats.iter().position(|chat| *chat == key) {
                    agent.chats.swap_remove(at);
                }
            }
            for holder in after {
                let agent = self.tables.agent_mut(*holder);
                agent.load += u32::from(takes_slot);
                agent.chats.push(key);
            }
            for holder in &holders {
                self.repool(*holder);
            }
        }
        holders.clear();
        self.holders = holders;
        if was_full != self.license_is_full() {
            self.mark_all_groups_stale();
        }
        result
    }

    /// Puts an agent where they belong in the pools of their groups.
    pub(super) fn repool(&mut self, key: AgentKey) {
        let agent = self.tables.agent(key);
        let has_slot = agent.load < agent.limit(self.settings.max_agent_active_chats);
        let is_candidate = has_slot && agent.not_accepting_because().is_none();
        let rank = is_candidate.then_some(Rank { load: agent.load, turn: agent.turn, agent: key });
        let before = agent.pooled;
        if before == rank {
            return;
        }
        let kind = agent.kind;
        for at in 0..self.tables.agent(key).groups.len() {
            let (group_key, priority) = self.tables.agent(key).groups[at];
            let group = self.tables.group_mut(group_key);
            let had_free = group.has_free(false);
            if let Some(rank) = before {
                group.unpool(kind, priority, rank);
            }
            if let Some(rank) = rank {
                group.pool(kind, priority, rank);
            }
            if had_free != group.has_free(false) {
                self.mark_stale(group_key);
            }
            self.refresh(group_key);
        }
        self.tables.agent_mut(key).pooled = rank;
    }

    pub(super) fn license_is_full(&self) -> bool {
        self.settings.concurrent_chats.is_some_and(|most| self.served >= most)
    }

    pub(super) fn next_decision(&mut self) -> DecisionId {
        self.decisions += 1;
        DecisionId { epoch: self.epoch, number: self.decisions }
    }

    /// Reserves a slot of `agent` for the chat.
    pub(super) fn reserve(&mut self, id: DecisionId, key: ChatKey, agent: AgentKey) {
        self.leave_queue(key);
        self.turn += 1;
        self.tables.agent_mut(agent).turn = self.turn;
        self.with_chat(key, |chat| {
            chat.claims.push((agent, id));
            chat.excluded.clear();
            chat.pending = Some(Pending { decision: id, goal: Goal::Serve(agent) });
        });
        // Their turn counts even if the chat held a slot of theirs already.
        self.repool(agent);
        self.ask_later(key, id);
    }

    /// Notes that the chat is about to wait or to be closed.
    pub(super) fn intend(&mut self, id: DecisionId, key: ChatKey, goal: Goal) {
        self.tables.chat_mut(key).pending = Some(Pending { decision: id, goal });
        self.ask_later(key, id);
    }

    /// A chat's log shows that its thread is closed, or the thread never came to be.
    pub(super) fn close(&mut self, key: ChatKey) {
        self.leave_queue(key);
        self.with_chat(key, |chat| {
            chat.active = false;
            chat.members.clear();
            chat.claims.clear();
            chat.excluded.clear();
            chat.pending = None;
        });
        let version = self.tables.chat(key).min_version;
        self.closed.push_back((self.now, key, version));
    }

    pub(super) fn agent_ids(&self, keys: &[AgentKey]) -> Vec<AgentId> {
        keys.iter().map(|key| self.tables.agent(*key).id.clone()).collect()
    }

    pub(super) fn mark_stale(&mut self, key: GroupKey) {
        let group = self.tables.group_mut(key);
        if !std::mem::replace(&mut group.is_stale, true) {
            self.stale_groups.push(key);
        }
    }

    pub(super) fn mark_all_groups_stale(&mut self) {
        for at in 0..self.tables.groups.len() {
            self.mark_stale(GroupKey(at as u32));
        }
    }

    fn ask_later(&mut self, key: ChatKey, decision: DecisionId) {
        self.skip_settled_asks();
        self.asks.push_back((self.now.after(ASK_AFTER), key, decision));
    }

    fn skip_settled_asks(&mut self) {
        while let Some((_, key, decision)) = self.asks.front() {
            let chat = self.tables.live_chat(*key);
            if chat.and_then(|chat| chat.pending).is_some_and(|pending| pending.decision == *decision) {
                break;
            }
            self.asks.pop_front();
        }
    }
}
