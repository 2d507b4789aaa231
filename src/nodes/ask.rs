//! Asking other nodes.

use std::time::Duration;

use async_trait::async_trait;
use switchboard_cluster::{Epoch, Incarnation};

use super::Nodes;
use super::message::{Answer, CallRef, decode, encode};
use crate::actors::ahead::ComingCall;
use crate::actors::barrier::{RebuildAnswer, RebuildCall};
use crate::actors::elsewhere::{ChatCall, Elsewhere, Missed, RouterCall};
use crate::actors::router::RouterAnswer;
use crate::actors::{AskError, chat};

impl Nodes {
    /// Asks a node once.
    pub(super) async fn call(
        &self,
        node: Incarnation,
        call: CallRef<'_>,
        within: Duration,
    ) -> Result<Answer, Missed> {
        let answer = self.parts.link.call(node, encode(call), within).await.map_err(|error| {
            tracing::debug!(node = %node, %error, "another node did not answer");
            if error.nothing_was_done() { Missed::Unreached } else { Missed::Unknown }
        })?;
        match decode(&answer) {
            Ok(Answer::NotOwner { owner }) => Err(Missed::NotOwner(owner)),
            Ok(Answer::NotNow) => Err(Missed::Unreached),
            Ok(Answer::NotUnderstood) => {
                tracing::warn!(node = %node, "another node is of a version that does not know what it is asked");
                Err(Missed::Unreached)
            }
            Ok(answer) => Ok(answer),
            Err(error) => {
                tracing::error!(node = %node, %error, "another node's answer cannot be read");
                Err(Missed::Unknown)
            }
        }
    }
}

#[async_trait]
impl Elsewhere for Nodes {
    async fn chat(
        &self,
        (owner, since): (Incarnation, Option<Epoch>),
        call: &ChatCall,
        within: Duration,
    ) -> Result<Result<chat::Answer, AskError>, Missed> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let question = CallRef::Chat { call, within: within_ms, since };
        match Nodes::call(self, owner, question, within).await? {
            Answer::Chat(answer) => Ok(Ok(answer)),
            Answer::Refused(refusal) => Ok(Err(refusal.into())),
            _ => Err(Missed::Unknown),
        }
    }

    async fn router(
        &self,
        owner: Incarnation,
        call: &RouterCall,
        within: Duration,
    ) -> Result<RouterAnswer, Missed> {
        match Nodes::call(self, owner, CallRef::Router(call), within).await? {
            Answer::Router(answer) => Ok(answer),
            _ => Err(Missed::Unknown),
        }
    }

    async fn announce(&self, node: Incarnation, call: &ComingCall, within: Duration) -> Result<(), Missed> {
        match Nodes::call(self, node, CallRef::Coming(call), within).await? {
            Answer::Noted => Ok(()),
            _ => Err(Missed::Unknown),
        }
    }

    async fn rebuild(
        &self,
        node: Incarnation,
        call: &RebuildCall,
        within: Duration,
    ) -> Result<RebuildAnswer, Missed> {
        match Nodes::call(self, node, CallRef::Rebuild(call), within).await? {
            Answer::Rebuild(answer) => Ok(answer),
            _ => Err(Missed::Unknown),
        }
    }
}
