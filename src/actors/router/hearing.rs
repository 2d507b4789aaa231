//! What the router hears of chats and nodes: all that there was before it, then what changes.

use actix::{ActorContext as _, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use switchboard_cluster::Incarnation;

use super::super::ChatKey;
use super::super::barrier::Known;
use super::super::roll::RollCall;
use super::actor::RouterActor;
use super::keeping::read_in_the_end;
use super::message::{NodeGone, NodeRoll, Report, ShardMoved};
use super::translate;
use crate::domain::id::AgentId;

/// Closed chats whose last report is remembered.
const CLOSED_REMEMBERED: usize = 10_000;

impl RouterActor {
    /// Asks for all that there was before this router.
    pub(super) fn learn(&mut self, ctx: &mut Context<Self>) {
        let (actors, license, term) = (self.actors.clone(), self.license_id, self.term);
        let has_chosen = self.keeper.has_begun();
        let work = async move {
            let known = actors.gather(license, term).await?;
            let chosen = match has_chosen {
                true => None,
                false => Some(read_in_the_end(&actors, license, term).await?),
            };
            Some((known, chosen))
        };
        ctx.spawn(work.into_actor(self).map(|learned, actor, ctx| match learned {
            Some((known, chosen)) => {
                if let Some(chosen) = chosen {
                    actor.recall(chosen, ctx);
                }
                actor.rebuild(known, ctx);
            }
            None => ctx.stop(),
        }));
    }

    /// Takes in all that there was before this router, and begins to assign.
    fn rebuild(&mut self, known: Known, ctx: &mut Context<Self>) {
        // A router of a version that does not store it.
        if u64::try_from(self.chosen_under.0).unwrap_or(0) < known.earlier {
            self.presence.doubt_choices();
        }
        for report in known.reports {
            self.take_in(report, ctx);
        }
        for (node, roll) in known.rolls {
            self.roll(node, &roll, ctx);
        }
        self.settle_who_is_there(ctx);
        let effects = self.router.rebuilt(self.now());
        self.carry_out(effects, ctx);
        // The router before may have died with the connections of customers whom its chats wait for.
        self.doubt_customers();
    }

    /// Has it looked for the customers whom chats wait for: whoever was connected to a node that died was not seen to leave.
    fn doubt_customers(&self) {
        self.actors.in_doubt.note([self.license_id]);
    }

    fn take_in(&mut self, report: Report, ctx: &mut Context<Self>) {
        let Report { chat, version, settled, view } = report;
        // Reports of two owners of a chat may come in any order.
        if self.heard.get(&chat).is_some_and(|heard| *heard > (version, settled)) {
            return;
        }
        self.heard.insert(chat.clone(), (version, settled));
        if self.heard.len() > 2 * self.views.len() + CLOSED_REMEMBERED {
            self.heard.retain(|chat, _| self.views.contains_key(chat));
        }
        let state = translate::state(chat.clone(), version, settled, &view, &self.removed_groups);
        if view.active {
            self.views.insert(chat, view);
        } else {
            self.views.remove(&chat);
        }
        let effects = self.router.chat_state(&state, self.now());
        self.carry_out(effects, ctx);
    }

    fn roll(&mut self, node: Incarnation, roll: &RollCall, ctx: &mut Context<Self>) {
        self.catch_up(ctx);
        let license = self.license.clone();
        let login = |agent: &AgentId| Self::login_status(license.as_deref(), agent);
        for (agent, change) in self.presence.roll(node, roll, login) {
            self.status_changed(&agent, change, None, ctx);
        }
        self.keep(ctx);
    }
}

impl Handler<Report> for RouterActor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        self.take_in(report, ctx);
    }
}

impl Handler<NodeRoll> for RouterActor {
    type Result = ();

    fn handle(&mut self, NodeRoll { node, roll }: NodeRoll, ctx: &mut Self::Context) {
        self.roll(node, &roll, ctx);
    }
}

impl Handler<NodeGone> for RouterActor {
    type Result = ();

    fn handle(&mut self, NodeGone(node): NodeGone, ctx: &mut Self::Context) {
        for (agent, change) in self.presence.node_gone(node) {
            self.status_changed(&agent, change, None, ctx);
        }
        self.keep(ctx);
        self.doubt_customers();
    }
}

impl Handler<ShardMoved> for RouterActor {
    type Result = ();

    /// The shard's new owner loads the open chats, and they report themselves. One that was closed, with nobody left to
    /// report it, has to be asked.
    fn handle(&mut self, ShardMoved(shard): ShardMoved, _: &mut Self::Context) {
        let license = self.license_id;
        let ownership = &self.actors.parts.ownership;
        for chat in self.views.keys().filter(|chat| ownership.shard_of(license.0, chat.as_str()) == shard) {
            self.ask(ChatKey { license, chat: chat.clone() });
        }
    }
}
