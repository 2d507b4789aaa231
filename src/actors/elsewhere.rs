//! How actors reach what other nodes own, without knowing how nodes talk.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Epoch, Incarnation};

use super::ahead::ComingCall;
use super::barrier::{RebuildAnswer, RebuildCall};
use super::chat::{Answer, Work};
use super::router::{RouterAnswer, RouterQuestion};
use super::{AskError, ChatKey, Origin};
use crate::domain::command::Caller;
use crate::domain::id::LicenseId;

/// The other nodes. Each call is one hop, and none is repeated behind the caller's back.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// Gives work to a chat of another node, which has it since a term as far as is known here, and waits for the answer.
    async fn chat(
        &self,
        owner: (Incarnation, Option<Epoch>),
        call: &ChatCall,
        within: Duration,
    ) -> Result<Result<Answer, AskError>, Missed>;

    /// Asks or tells a router of another node.
    async fn router(
        &self,
        owner: Incarnation,
        call: &RouterCall,
        within: Duration,
    ) -> Result<RouterAnswer, Missed>;

    /// Tells a node which chats are about to come; answered when it has read what stands of them.
    async fn announce(&self, node: Incarnation, call: &ComingCall, within: Duration) -> Result<(), Missed>;

    /// Puts a new router's question to a node.
    async fn rebuild(
        &self,
        node: Incarnation,
        call: &RebuildCall,
        within: Duration,
    ) -> Result<RebuildAnswer, Missed>;
}

/// Work for a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChatCall {
    /// The chat.
    pub key: ChatKey,
    /// What it is asked.
    pub work: Work,
    /// Who asks.
    pub caller: Caller,
    /// Whose session gets the pushes with its request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl ChatCall {
    /// Whether it may be given a second time when nobody knows what became of the first: a read, or something that the
    /// chat recognises when it comes again.
    pub fn is_idempotent(&self) -> bool {
        use crate::domain::command::Command;
        match &self.work {
            Work::Inspect | Work::Settle(_) => true,
            Work::Command(command) => match &**command {
                Command::SendEvent(send) => send.event.custom_id.is_some(),
                Command::MarkEventsAsSeen(_) | Command::HeedSilence(_) | Command::UpdateCustomer(_) => true,
                _ => false,
            },
            // The router asks for itself what became of its decision.
            Work::Routed(..) => false,
        }
    }
}

/// A question to a router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouterCall {
    /// Whose router.
    pub license: LicenseId,
    /// What it is asked.
    pub question: RouterQuestion,
    /// Since which term the node that is asked has the router, as far as the asker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Epoch>,
}

/// Why another node gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It does not own what it was asked for, and names who does as far as it knows. Nothing was done.
    NotOwner(Option<(Incarnation, Epoch)>),
    /// It could not be reached, or does not take requests. Nothing was done.
    Unreached,
    /// Nobody knows whether it did what it was asked.
    Unknown,
}

/// For a node that has no others.
#[derive(Debug)]
pub struct Nowhere;

#[async_trait]
impl Elsewhere for Nowhere {
    async fn chat(
        &self,
        _: (Incarnation, Option<Epoch>),
        _: &ChatCall,
        _: Duration,
    ) -> Result<Result<Answer, AskError>, Missed> {
        Err(Missed::Unreached)
    }

    async fn router(&self, _: Incarnation, _: &RouterCall, _: Duration) -> Result<RouterAnswer, Missed> {
        Err(Missed::Unreached)
    }

    async fn announce(&self, _: Incarnation, _: &ComingCall, _: Duration) -> Result<(), Missed> {
        Err(Missed::Unreached)
    }

    async fn rebuild(&self, _: Incarnation, _: &RebuildCall, _: Duration) -> Result<RebuildAnswer, Missed> {
        Err(Missed::Unreached)
    }
}
