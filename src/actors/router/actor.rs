//! The actor: takes reports and questions, lets the rules decide, gives orders to chats.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext as _, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult,
    SpawnHandle, WrapFuture,
};
use actix_rt::ArbiterHandle;
use switchboard_cluster::Epoch;
use tokio::sync::watch;

use super::super::{Actors, ChatKey};
use super::choices;
use super::duty::duty;
use super::keeping::Keeper;
use super::message::{AskChats, AskCounts, AskOnlineGroups, AskPlace, AskRoute, Stop, Unreplied};
use super::presence::Presence;
use super::telling::Teller;
use super::translate::{self, Asked};
use crate::actors::again::pauses;
use crate::config::RoutingRules;
use crate::domain::chat::RoutingView;
use crate::domain::command::Command;
use crate::domain::id::{ChatId, GroupId, LicenseId};
use crate::domain::license::{Agent, License};
use crate::domain::routing::{
    AgentRouting, ChatState, DecisionId, Effect, GroupStatus, Router, RouterSettings,
};
use crate::domain::time::Timestamp;

/// Assigns the chats of one license.
pub(super) struct RouterActor {
    pub(super) actors: Arc<Actors>,
    pub(super) license_id: LicenseId,
    /// The epoch of the router's shard.
    pub(super) term: Epoch,
    pub(super) router: Router,
    /// As of the last look; none until the first.
    pub(super) license: Option<Arc<License>>,
    pub(super) presence: Presence,
    pub(super) keeper: Keeper,
    /// All who are there were heard of.
    pub(super) all_are_known: watch::Sender<bool>,
    /// The term under which it was stored what agents chose.
    pub(super) chosen_under: Epoch,
    pub(super) teller: Teller,
    /// The active chats as they last reported themselves.
    pub(super) views: HashMap<ChatId, RoutingView>,
    /// Groups that the license had since the router began, and has no more.
    pub(super) removed_groups: HashSet<GroupId>,
    /// When somebody's working hours begin or end next.
    next_duty: Option<Timestamp>,
    /// Version and settled decision of the last report of each chat, of closed ones for a while.
    pub(super) heard: HashMap<ChatId, (u64, DecisionId)>,
    timer: Option<(Timestamp, SpawnHandle)>,
    is_telling: bool,
    is_telling_groups: bool,
}

/// Reports may come from every chat at once.
const MAILBOX: usize = 65_536;
/// How often the license is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Changed places in the queue are told together, at most this often.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// The same of groups, whose statuses everybody is told.
const TELL_GROUPS_EVERY: Duration = Duration::from_secs(1);
/// Waiting chats looked at for one round of telling.
const TOLD_AT_ONCE: usize = 1_000;

impl RouterActor {
    pub(super) fn launch(
        actors: Arc<Actors>,
        license: LicenseId,
        term: Epoch,
        thread: &ArbiterHandle,
    ) -> Addr<Self> {
        Self::start_in_arbiter(thread, move |ctx| {
            ctx.set_mailbox_capacity(MAILBOX);
            Self::new(actors, license, term)
        })
    }

    fn new(actors: Arc<Actors>, license_id: LicenseId, term: Epoch) -> Self {
        let settings = RouterSettings::default();
        let router = Router::rebuilding(u64::try_from(term.0).unwrap_or(0), settings);
        let teller = Teller::start(actors.clone(), license_id, term);
        Self {
            actors,
            license_id,
            term,
            router,
            license: None,
            presence: Presence::default(),
            keeper: Keeper::default(),
            all_are_known: watch::Sender::new(false),
            chosen_under: Epoch::default(),
            teller,
            views: HashMap::new(),
            removed_groups: HashSet::new(),
            next_duty: None,
            heard: HashMap::new(),
            timer: None,
            is_telling: false,
            is_telling_groups: false,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.actors.parts.clock.now()
    }

    /// The rules' view of the license.
    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    fn explain_keep(&self) -> Duration {
        let rules = self.license.as_ref().map(|license| self.actors.parts.licenses.routing_rules(license));
        rules.map_or(Duration::ZERO, |rules| rules.explain_keep)
    }

    /// Follows the license: agents, limits and settings that changed.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let (source, id) = (self.actors.parts.licenses.clone(), self.license_id);
        let work = async move { source.license(id).await };
        ctx.spawn(work.into_actor(self).map(|found, actor, ctx| match found {
            Ok(Some(license)) => actor.configure(license, ctx),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(license.id = %actor.license_id, %error, "a router goes on as it was")
            }
        }));
    }

    fn configure(&mut self, license: Arc<License>, ctx: &mut Context<Self>) {
        let known = self.license.replace(license.clone());
        if known.as_ref().is_some_and(|known| known.version == license.version) {
            return self.change_shifts(ctx);
        }
        let rules = self.actors.parts.licenses.routing_rules(&license);
        let now = self.now();
        self.next_duty = None;
        let agents: Vec<AgentRouting> =
            license.agents.values().map(|agent| self.agent_routing(agent, &rules, now)).collect();
        let mut effects = self.router.configure(translate::settings(&license, &rules), &agents, now);
        if let Some(known) = &known {
            for gone in known.agents.keys().filter(|agent| !license.agents.contains_key(*agent)) {
                effects.extend(self.router.remove_agent(gone, now));
                self.presence.forget(gone);
            }
        }
        effects.extend(self.regroup(known.as_deref(), &license, now));
        self.carry_out(effects, ctx);
    }

    /// Takes the chats in anew that are open to groups which were removed, or are there again. A group that was never heard of is
    /// none of them: its chats' nodes may know of a later license.
    fn regroup(&mut self, before: Option<&License>, license: &License, now: Timestamp) -> Vec<Effect> {
        let is_there = |group: &GroupId| license.has_group(*group);
        let gone =
            before.into_iter().flat_map(|before| before.groups.keys()).filter(|group| !is_there(group));
        let back = self.removed_groups.extract_if(is_there);
        let changed: HashSet<GroupId> = back.chain(gone.copied()).collect();
        self.removed_groups.extend(changed.iter().filter(|group| !is_there(group)));
        let chats =
            self.views.iter().filter(|(_, view)| view.groups.iter().any(|group| changed.contains(group)));
        let states = chats.filter_map(|(chat, view)| {
            let (version, settled) = *self.heard.get(chat)?;
            Some(translate::state(chat.clone(), version, settled, view, &self.removed_groups))
        });
        let states: Vec<ChatState> = states.collect();
        states.iter().flat_map(|state| self.router.chat_state(state, now)).collect()
    }

    /// Takes what is known of the license by now, so that whoever comes after a change was made is judged by it.
    pub(super) fn catch_up(&mut self, ctx: &mut Context<Self>) {
        let newest = self.actors.parts.licenses.known_license(self.license_id);
        let known = self.license.as_ref().map(|license| license.version);
        if let Some(license) = newest
            && known < Some(license.version)
        {
            self.configure(license, ctx);
        }
    }

    /// What the router has to know of an agent now, and when that changes by itself.
    fn agent_routing(&mut self, agent: &Agent, rules: &RoutingRules, now: Timestamp) -> AgentRouting {
        let (on_duty, until) =
            agent.work_scheduler.as_ref().map_or((true, None), |schedule| duty(schedule, now));
        self.next_duty = until.into_iter().chain(self.next_duty).min();
        translate::agent(agent, rules, on_duty)
    }

    /// Working hours that began or ended since the last look.
    fn change_shifts(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let Some(license) = self.license.clone().filter(|_| self.next_duty.is_some_and(|at| at <= now))
        else {
            return;
        };
        let rules = self.actors.parts.licenses.routing_rules(&license);
        self.next_duty = None;
        let mut effects = Vec::new();
        for agent in license.agents.values().filter(|agent| agent.work_scheduler.is_some()) {
            let routing = self.agent_routing(agent, &rules, now);
            effects.extend(self.router.put_agent(&routing, now));
        }
        self.carry_out(effects, ctx);
    }

    /// Gives the orders, each to its chat; none is waited for.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        if let Some(license) = self.license.clone() {
            let keep = self.explain_keep();
            for effect in effects {
                if let Effect::Decided(record) = effect {
                    tracing::debug!(license.id = %license.id, ?record, "routed");
                    self.actors.decisions.add(license.id, self.term, keep, record);
                } else if let Some((key, command, decision)) = translate::order(&license, effect) {
                    self.order(key, command, decision);
                }
            }
        }
        self.arm(ctx);
        self.tell_soon(ctx);
        self.tell_groups_soon(ctx);
    }

    fn order(&self, key: ChatKey, command: Option<Command>, decision: DecisionId) {
        let actors = self.actors.clone();
        // A task of its own: an actor polls all of its futures whenever one wakes, and these may be thousands.
        actix_rt::spawn(async move {
            // Its report says what became of it; if there is none, the router asks again.
            if let Err(error) = actors.carry_out(&key, command, decision).await {
                tracing::warn!(chat.id = %key.chat, %error, "a chat did not carry out what the router decided");
            }
        });
    }

    /// Has a chat report how it is. Asked until it has an owner that answers: one that was closed would keep its agent's place.
    pub(super) fn ask(&self, key: ChatKey) {
        let (actors, term) = (self.actors.clone(), self.term);
        actix_rt::spawn(async move {
            let router = actors.router_shard(key.license);
            for pause in pauses() {
                if actors.parts.ownership.epoch(router) != Some(term) {
                    return;
                }
                let Err(error) = actors.carry_out(&key, None, DecisionId::default()).await else { return };
                tracing::debug!(chat.id = %key.chat, %error, "a chat is asked later how it is");
                tokio::time::sleep(pause).await;
            }
            tracing::warn!(chat.id = %key.chat, "a chat whose owner has gone did not say how it is");
        });
    }

    /// Sets the timer for the router's next deadline.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.router.next_deadline() else { return };
        if self.timer.as_ref().is_some_and(|(at, _)| *at <= deadline) {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        let wait = deadline.since(self.now()) + Duration::from_millis(1);
        let handle = ctx.run_later(wait, |actor, ctx| {
            actor.timer = None;
            let effects = actor.router.tick(actor.now());
            actor.carry_out(effects, ctx);
        });
        self.timer = Some((deadline, handle));
    }

    /// Tells changed places in the queue, a while after the change that caused them.
    fn tell_soon(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_telling, true) {
            return;
        }
        ctx.run_later(TELL_EVERY, |actor, ctx| {
            actor.is_telling = false;
            let changes = actor.router.take_queue_changes(TOLD_AT_ONCE);
            if changes.is_empty() {
                return;
            }
            if let Some(license) = &actor.license {
                actor.teller.queue(license, changes, &actor.views);
            }
            actor.tell_soon(ctx);
        });
    }

    /// Tells changed statuses of groups, a while after the first of the changes.
    fn tell_groups_soon(&mut self, ctx: &mut Context<Self>) {
        if !self.router.has_group_status_changes() || std::mem::replace(&mut self.is_telling_groups, true) {
            return;
        }
        ctx.run_later(TELL_GROUPS_EVERY, |actor, _| {
            actor.is_telling_groups = false;
            let changes = actor.router.take_group_status_changes();
            if let Some(license) = &actor.license
                && !changes.is_empty()
            {
                actor.teller.groups(license, &changes);
            }
        });
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The first look before anything else is heard: without it nobody could be assigned. The same of what agents chose, but that
        // whoever logs in meanwhile need not wait for a store that takes its time.
        let (actors, id) = (self.actors.clone(), self.license_id);
        let work = async move {
            let chosen = choices::read(&*actors.parts.store, id);
            let chosen = tokio::time::timeout(actors.parts.settings.router_timeout / 2, chosen);
            tokio::join!(actors.parts.licenses.license(id), chosen)
        };
        ctx.wait(work.into_actor(self).map(|(found, chosen), actor, ctx| {
            match found {
                Ok(Some(license)) => actor.configure(license, ctx),
                Ok(None) => {}
                Err(error) => tracing::warn!(license.id = %actor.license_id, %error, "a router starts blind"),
            }
            if let Ok(Ok(chosen)) = chosen {
                actor.recall(chosen, ctx);
            }
            actor.learn(ctx);
        }));
        ctx.run_interval(LOOK_EVERY, |actor, ctx| actor.look(ctx));
    }
}

impl Handler<AskRoute> for RouterActor {
    type Result = MessageResult<AskRoute>;

    fn handle(&mut self, question: AskRoute, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up(ctx);
        let now = self.now();
        let routed =
            match translate::asked(&question.chat, question.version, question.settled, question.request) {
                Asked::Start(request) => self.router.request(&request, now),
                Asked::Transfer { target, ignore_availability } => {
                    self.router.transfer_pick(&question.chat, &target, ignore_availability, now)
                }
            };
        self.carry_out(routed.effects, ctx);
        MessageResult((translate::route(routed.decision), routed.id))
    }
}

impl Handler<Stop> for RouterActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Unreplied> for RouterActor {
    type Result = ();

    fn handle(&mut self, Unreplied { chat, had_thread }: Unreplied, ctx: &mut Self::Context) {
        let effects = self.router.unreplied(&chat, &had_thread, self.now());
        self.carry_out(effects, ctx);
    }
}

impl Handler<AskPlace> for RouterActor {
    type Result = MessageResult<AskPlace>;

    fn handle(&mut self, question: AskPlace, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.router.queue_place(&question.chat).map(translate::place))
    }
}

impl Handler<AskChats> for RouterActor {
    type Result = MessageResult<AskChats>;

    fn handle(&mut self, question: AskChats, _: &mut Self::Context) -> Self::Result {
        let own = self.views.iter().filter(|(_, view)| view.agents.contains(&question.agent));
        MessageResult(own.map(|(chat, _)| chat.clone()).collect())
    }
}

impl Handler<AskOnlineGroups> for RouterActor {
    type Result = MessageResult<AskOnlineGroups>;

    fn handle(&mut self, _: AskOnlineGroups, _: &mut Self::Context) -> Self::Result {
        let groups = self.license.iter().flat_map(|license| license.groups.keys().copied());
        let groups = std::iter::once(GroupId::ALL).chain(groups);
        let online = groups.filter(|group| self.router.group_status(*group) == GroupStatus::AcceptingChats);
        MessageResult(online.collect())
    }
}

impl Handler<AskCounts> for RouterActor {
    type Result = MessageResult<AskCounts>;

    fn handle(&mut self, _: AskCounts, _: &mut Self::Context) -> Self::Result {
        let waiting = self.views.values().filter(|view| view.queued_at.is_some()).count();
        MessageResult((self.views.len(), waiting))
    }
}
