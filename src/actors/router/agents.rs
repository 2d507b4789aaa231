//! What agents do: they come and leave, and set their status, of which the rules and everybody who looks are told.

use actix::{AsyncContext as _, Context, Handler, MessageResult, ResponseFuture};

use super::super::{AskError, Origin};
use super::actor::RouterActor;
use super::message::{AgentCame, AgentLeft, AskStatuses, Leave, SetAway, SetStatus, Status};
use super::presence::Change;
use crate::domain::id::AgentId;
use crate::domain::license::{AgentKind, License, LoginStatus};
use crate::domain::routing::{AgentStatus, LeaveReason};

impl RouterActor {
    /// The status that an agent begins a day with.
    pub(super) fn login_status(license: Option<&License>, agent: &AgentId) -> Status {
        match license.and_then(|license| license.agent(agent)).map(|agent| agent.login_status) {
            Some(LoginStatus::NotAcceptingChats) => Status::NotAccepting,
            Some(LoginStatus::AcceptingChats) | None => Status::Accepting,
        }
    }

    /// An agent's status is another one now.
    pub(super) fn status_changed(
        &mut self,
        agent: &AgentId,
        change: Change,
        origin: Option<&Origin>,
        ctx: &mut Context<Self>,
    ) {
        let (status, reason) = match change {
            Change::None => return,
            Change::Now(status) => (status, LeaveReason::Other),
            Change::Gone(Leave::SignedOut) => (Status::Offline, LeaveReason::SignedOut),
            Change::Gone(Leave::RemotelySignedOut) => (Status::Offline, LeaveReason::RemotelySignedOut),
            Change::Gone(Leave::Disconnected) => (Status::Offline, LeaveReason::Disconnected),
        };
        let routed = match status {
            Status::Accepting => AgentStatus::AcceptingChats,
            Status::NotAccepting => AgentStatus::NotAcceptingChats,
            Status::Offline => AgentStatus::Offline,
        };
        let effects = self.router.agent_status(agent, routed, reason, self.now());
        if let Some(license) = &self.license {
            self.teller.status(license, agent, status.as_str(), origin);
        }
        self.carry_out(effects, ctx);
    }
}

impl Handler<AgentCame> for RouterActor {
    type Result = MessageResult<AgentCame>;

    fn handle(&mut self, came: AgentCame, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up(ctx);
        let login = Self::login_status(self.license.as_deref(), &came.agent);
        let AgentCame { agent, session, moment, away, reconnect } = came;
        let (status, change) = self.presence.came(&agent, (session, moment), away, reconnect, login);
        let limit = self.actors.parts.settings.agent_sessions;
        for evicted in self.presence.too_many(&agent, limit) {
            self.actors.parts.delivery.evict(evicted);
        }
        self.status_changed(&agent, change, None, ctx);
        self.keep(ctx);
        MessageResult(status)
    }
}

impl Handler<AgentLeft> for RouterActor {
    type Result = ();

    /// Somebody whose account was removed has left for that reason.
    fn handle(&mut self, left: AgentLeft, ctx: &mut Self::Context) {
        self.catch_up(ctx);
        let change = self.presence.left(&left.agent, left.session, left.how);
        self.status_changed(&left.agent, change, None, ctx);
        self.keep(ctx);
    }
}

impl Handler<SetStatus> for RouterActor {
    type Result = ResponseFuture<Result<bool, AskError>>;

    /// What was set has to outlive the router, so it is stored before it is answered.
    fn handle(&mut self, set: SetStatus, ctx: &mut Self::Context) -> Self::Result {
        let is_bot = self
            .license
            .as_ref()
            .and_then(|license| license.agent(&set.agent))
            .is_some_and(|agent| agent.kind == AgentKind::Bot);
        let Some(change) = self.presence.set(&set.agent, set.status, is_bot) else {
            let mut all_are_known = self.all_are_known.subscribe();
            if *all_are_known.borrow() {
                return Box::pin(std::future::ready(Ok(false)));
            }
            // They may be connected to a node that was not heard of yet.
            let router = ctx.address();
            return Box::pin(async move {
                all_are_known.wait_for(|are| *are).await.map(drop).map_err(|_| AskError::NotOwner)?;
                router.send(set).await.unwrap_or(Err(AskError::NotOwner))
            });
        };
        self.status_changed(&set.agent, change, set.origin.as_ref(), ctx);
        let stored = self.keeper.wait_for(self.presence.choices().changes());
        self.keep(ctx);
        Box::pin(async move { stored.await.unwrap_or(Err(AskError::NotOwner)).map(|()| true) })
    }
}

impl Handler<SetAway> for RouterActor {
    type Result = bool;

    fn handle(&mut self, set: SetAway, ctx: &mut Self::Context) -> bool {
        let Some(change) = self.presence.set_away(&set.agent, set.session, set.away) else { return false };
        self.status_changed(&set.agent, change, None, ctx);
        self.keep(ctx);
        true
    }
}

impl Handler<AskStatuses> for RouterActor {
    type Result = MessageResult<AskStatuses>;

    fn handle(&mut self, _: AskStatuses, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.presence.statuses())
    }
}
