use std::collections::HashMap;
use std::sync::Arc;
use actix::{Actor, Addr, Context, Handler, MessageResult};
use actix_rt::ArbiterHandle;
use super::super::Actors;
use super::message::*;
use crate::domain::command::Route;
use crate::domain::id::LicenseId;
pub(super) struct RouterActor { _a: Arc<Actors>, _l: LicenseId }
impl RouterActor {
    pub(super) fn launch(actors: Arc<Actors>, license: LicenseId, thread: &ArbiterHandle) -> Addr<Self> {
        Self::start_in_arbiter(thread, move |_| Self { _a: actors, _l: license })
    }
}
impl Actor for RouterActor { type Context = Context<Self>; }
impl Handler<AskRoute> for RouterActor { type Result = MessageResult<AskRoute>; fn handle(&mut self, _: AskRoute, _: &mut Self::Context) -> Self::Result { MessageResult(Route::Queue(None)) } }
impl Handler<Report> for RouterActor { type Result = (); fn handle(&mut self, _: Report, _: &mut Self::Context) {} }
impl Handler<AgentCame> for RouterActor { type Result = MessageResult<AgentCame>; fn handle(&mut self, _: AgentCame, _: &mut Self::Context) -> Self::Result { MessageResult("accepting_chats") } }
impl Handler<AgentLeft> for RouterActor { type Result = (); fn handle(&mut self, _: AgentLeft, _: &mut Self::Context) {} }
impl Handler<SetStatus> for RouterActor { type Result = bool; fn handle(&mut self, _: SetStatus, _: &mut Self::Context) -> bool { true } }
impl Handler<AskStatuses> for RouterActor { type Result = MessageResult<AskStatuses>; fn handle(&mut self, _: AskStatuses, _: &mut Self::Context) -> Self::Result { MessageResult(HashMap::new()) } }
impl Handler<AskPlace> for RouterActor { type Result = MessageResult<AskPlace>; fn handle(&mut self, _: AskPlace, _: &mut Self::Context) -> Self::Result { MessageResult(None) } }
impl Handler<AskChats> for RouterActor { type Result = MessageResult<AskChats>; fn handle(&mut self, _: AskChats, _: &mut Self::Context) -> Self::Result { MessageResult(vec![]) } }
impl Handler<AskOnlineGroups> for RouterActor { type Result = MessageResult<AskOnlineGroups>; fn handle(&mut self, _: AskOnlineGroups, _: &mut Self::Context) -> Self::Result { MessageResult(vec![]) } }
impl Handler<Rebuilt> for RouterActor { type Result = (); fn handle(&mut self, _: Rebuilt, _: &mut Self::Context) {} }
