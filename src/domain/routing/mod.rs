//! Who talks to whom: the router of one license, as a pure state machine.
//!
//! The router's actor calls the methods of [`Router`] with the time and carries out the [`Effect`]s they return;
//! nothing here waits, asks or stores. What it decides is only intended until the chat's log has it:
//!
//! 1. A chat's owner [asks](Router::request) before the first append of a thread, or the router acts on its own:
//!    an agent left, a slot became free. The outcome is a decision with a [`DecisionId`]; an assignment reserves
//!    the agent's slot, so that no other chat can get it.
//! 2. The owner appends (or refuses) and [reports](Router::chat_state) what the log says, with the last decision it
//!    has settled. Only that frees or confirms the slot: the log is the truth on who is assigned, and a limit
//!    holds whatever is under way.
//! 3. A decision that nobody settles is [asked about](Effect::AskChat), never assumed to have failed. An owner
//!    that cannot append therefore stays silent and need not tell.
//! 4. After a failover a [rebuilding](Router::rebuilding) router only queues, until all chats were reported.
//!
//! Two invariants hold whenever a call returns, and the tests watch them: no agent has more chats by the
//! router's hand than their limit, and no chat waits while an agent who could be given it has a slot (the license
//! not being full). Clocks about silence (unreplied, idle, archive) are the chats' own; the router has those of
//! lost connections and unsettled decisions ([`Router::next_deadline`]).
//!
//! Rules that the documents leave open are settled where they are carried out: `settings` and `request` for
//! limits, `pick` for the order of agents, `queue` for the order of chats, `reroute` for what follows an
//! agent's leaving. Costs: a decision is O(groups of the chat and of the agent × log agents), a queue operation
//! O(groups of the chat × log waiting); no call passes over all agents or all waiting chats, except a change
//! of settings, a snapshot, and the caller's own sweep over changed positions.

mod agent;
mod chat;
mod configure;
mod effect;
mod explain;
mod group;
mod pick;
mod presence;
mod queue;
mod ranked;
mod record;
mod report;
mod request;
mod reroute;
mod router;
mod settings;
mod snapshot;
mod table;
mod transfer;
mod waits;

#[cfg(test)]
mod tests;

pub use effect::{Cause, DecisionId, Effect, QueuePlace};
pub use presence::{AgentStatus, CustomerGroupStatus, GroupStatus, GroupStatusChange, LeaveReason};
pub use queue::QueueChange;
pub use record::{CONSIDERED_CAP, Considered, DecisionRecord, Outcome, Question, Rule, Verdict};
pub use report::ChatState;
pub use request::{ChatRequest, Decision, Refusal, Routed};
pub use router::{ASK_AFTER, Router};
pub use settings::{AgentKind, AgentRouting, GroupSettings, OfflineStart, Priority, RouterSettings};
pub use snapshot::{AgentSnapshot, GroupSnapshot, RouterSnapshot};
pub use transfer::{Prediction, PredictionError, TransferTarget};
pub use waits::{WAIT_BOUNDS_S, WaitReport};
