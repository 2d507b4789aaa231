//! What agents and bots chose is read when a router begins, and stored beside its work: one write at a time, each with all that was
//! chosen until then. What cannot be stored is tried again for as long as the router is ours; whoever set a status is told that it is
//! not safe yet.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use switchboard_cluster::Epoch;
use tokio::sync::oneshot;

use super::super::{Actors, AskError};
use super::actor::RouterActor;
use super::choices::{self, Stands, Written};
use crate::domain::id::{AgentId, LicenseId};
use crate::domain::license::AgentKind;
use crate::store::StoreError;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// How far the store has what was chosen.
#[derive(Default)]
pub(super) struct Keeper {
    /// None until that was read.
    stands: Option<Stands>,
    /// Of how many changes it has what came of them.
    stored: Option<u64>,
    is_writing: bool,
    /// It could not be written, and is written again in a while.
    is_late: bool,
    /// A later router has begun.
    is_over: bool,
    /// Who wait for so many changes to be stored.
    waiting: Vec<(u64, oneshot::Sender<Result<(), AskError>>)>,
}

impl Keeper {
    /// From now on this stands in the store, and what is chosen may take its place.
    pub(super) fn begin(&mut self, stands: Stands) {
        self.stands = Some(stands);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.stands.is_some()
    }

    /// Answers once so many changes are stored, or could not be.
    pub(super) fn wait_for(&mut self, changes: u64) -> oneshot::Receiver<Result<(), AskError>> {
        let (sender, receiver) = oneshot::channel();
        if self.is_over {
            let _ = sender.send(Err(AskError::NotOwner));
        } else if self.stored.unwrap_or(0) >= changes {
            let _ = sender.send(Ok(()));
        } else {
            self.waiting.push((changes, sender));
        }
        receiver
    }

    fn answer(&mut self, is_meant: impl Fn(u64) -> bool, answer: &Result<(), AskError>) {
        for (_, waiter) in self.waiting.extract_if(.., |(changes, _)| is_meant(*changes)) {
            // Who has given up waiting was answered otherwise.
            let _ = waiter.send(answer.clone());
        }
    }
}

impl RouterActor {
    /// Takes in what was chosen before this router, and stores its term, so that no earlier one changes it any more.
    pub(super) fn recall(&mut self, mut stands: Stands, ctx: &mut Context<Self>) {
        self.chosen_under = stands.term;
        self.presence.recall(std::mem::take(&mut stands.choices));
        self.keeper.begin(stands);
        self.keep(ctx);
    }

    /// Everybody who is there was heard of, which settles who begins a day.
    pub(super) fn settle_who_is_there(&mut self, ctx: &mut Context<Self>) {
        self.catch_up(ctx);
        let license = self.license.clone();
        let agent = |id: &AgentId| license.as_deref().and_then(|license| license.agent(id));
        // Without its license nobody is known to be no agent of it.
        let login = |id: &AgentId| {
            let is_agent = license.is_none() || agent(id).is_some();
            is_agent.then(|| Self::login_status(license.as_deref(), id))
        };
        let is_bot = |id: &AgentId| agent(id).is_some_and(|agent| agent.kind == AgentKind::Bot);
        for (agent, change) in self.presence.complete(login, is_bot) {
            self.status_changed(&agent, change, None, ctx);
        }
        self.keep(ctx);
        self.all_are_known.send_replace(true);
    }

    /// Stores what was chosen, if something was since it was stored last; a router that begins stores its term.
    pub(super) fn keep(&mut self, ctx: &mut Context<Self>) {
        let changes = self.presence.choices().changes();
        let Keeper { stands: Some(stands), is_writing: false, is_over: false, .. } = &self.keeper else {
            return;
        };
        if self.keeper.stored == Some(changes) {
            return;
        }
        let (actors, license, term) = (self.actors.clone(), self.license_id, self.term);
        let change = stands.next(term, self.presence.choices());
        let work = async move { choices::write(&*actors.parts.store, license, term, change).await };
        self.keeper.is_writing = true;
        ctx.spawn(work.into_actor(self).map(move |written, actor, ctx| actor.written(changes, written, ctx)));
    }

    fn written(&mut self, changes: u64, written: Result<Written, StoreError>, ctx: &mut Context<Self>) {
        let keeper = &mut self.keeper;
        let Some(stands) = &mut keeper.stands else { return };
        keeper.is_writing = false;
        match written {
            Ok(Written::Stands(bytes)) => {
                stands.are(Some(bytes));
                keeper.stored = Some(changes);
                keeper.answer(|wanted| wanted <= changes, &Ok(()));
                self.keep(ctx);
            }
            Ok(Written::Differs(found)) => {
                stands.are(found);
                self.keep(ctx);
            }
            Ok(Written::Superseded) => {
                keeper.is_over = true;
                keeper.answer(|_| true, &Err(AskError::NotOwner));
            }
            Err(error) => {
                keeper.answer(|wanted| wanted <= changes, &Err(AskError::Store(error.clone())));
                if !std::mem::replace(&mut keeper.is_late, true) {
                    tracing::warn!(license.id = %self.license_id, %error, "what agents chose is stored later");
                    ctx.run_later(PAUSE, |actor, ctx| {
                        actor.keeper.is_late = false;
                        actor.keep(ctx);
                    });
                }
            }
        }
    }
}

/// Reads what was chosen under the routers before, however often that has to be tried. None if the router is not ours any more.
pub(super) async fn read_in_the_end(actors: &Actors, license: LicenseId, term: Epoch) -> Option<Stands> {
    let shard = actors.router_shard(license);
    while actors.parts.ownership.epoch(shard) == Some(term) {
        match choices::read(&*actors.parts.store, license).await {
            Ok(read) => return Some(read),
            Err(error) => tracing::warn!(license.id = %license, %error, "what agents chose is read later"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
