//! A customer and an agent who talk at the same time, whatever happens to the nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::log::{AGENT, PairLog, SIDES};
use super::side::{GIVE_UP, PAUSE, PUSHES, Side, Who, is_passing};
use crate::bench::client::{Client, Watcher};
use crate::bench::error::BenchError;
use crate::bench::target::Target;
use crate::bench::wire;

/// What all pairs count together.
#[derive(Default)]
pub(super) struct Tally {
    /// Requests without a good answer: refused, unanswered, or cut off.
    pub(super) disturbed: AtomicU64,
    /// Messages that were said more than once until they were acknowledged.
    pub(super) repeated: AtomicU64,
    /// Messages that were never acknowledged.
    pub(super) given_up: AtomicU64,
    /// Refusals that no client can come round, in the server's words.
    pub(super) surprises: Mutex<Vec<String>>,
}

/// Hears nothing: for the moment before there is a chat.
struct Deaf;

impl Watcher for Deaf {
    fn push(&mut self, _: &str, _: &str, _: Instant) {}
}

/// A customer and an agent in a chat.
pub(super) struct Pair {
    pub(super) log: Arc<PairLog>,
    sides: [Side; SIDES as usize],
}

impl Pair {
    /// The agent opens the chat and brings a new customer along, so that no router chooses. A cluster that was ready
    /// a moment ago may still move shards to its newest node, so this is tried again as a client would.
    pub(super) async fn open(
        target: Arc<Target>,
        tally: Arc<Tally>,
        index: usize,
    ) -> Result<Self, BenchError> {
        let begin = Instant::now();
        loop {
            match Self::try_to_open(target.clone(), tally.clone(), index).await {
                Err(BenchError::Refused { error, .. }) if is_passing(&error) && begin.elapsed() < GIVE_UP => {
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_open(target: Arc<Target>, tally: Arc<Tally>, index: usize) -> Result<Self, BenchError> {
        let agent = target.agents(index + 1)?[index].clone();
        let customer = target.new_customer(index).await?;
        // A customer is known from the first login on.
        drop(target.customer(&customer, PUSHES, Deaf).await?);
        let opener = target.agent(&agent, PUSHES, false, Deaf).await?;
        let users = serde_json::json!({ "chat": { "users": [{ "id": customer.id, "type": "customer" }] } });
        let started = opener.ask("start_chat", users.to_string()).await?;
        let chat = wire::member(&started, "chat_id")
            .ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
        let log = Arc::new(PairLog::new(chat));
        let mut place = 0;
        let sides = [Who::Customer(customer), Who::Agent(agent)].map(|who| {
            let seed = (index * SIDES as usize + place) as u64;
            place += 1;
            Side::new((target.clone(), tally.clone(), log.clone()), place - 1, who, seed)
        });
        Ok(Self { log, sides })
    }

    /// Both talk until told to stop. They listen on afterwards.
    pub(super) async fn talk(mut self, think: Duration, is_over: Arc<AtomicBool>) -> Self {
        let [customer, agent] = &mut self.sides;
        // Both listen from the beginning.
        customer.connect().await;
        agent.connect().await;
        tokio::join!(customer.talk(think, &is_over), agent.talk(think, &is_over));
        self
    }

    /// A connection of the agent's, who can read the chat. None if there is none for a long time: what the last fault left
    /// behind, and everybody who reads at the same moment, may cost more than one attempt.
    pub(super) async fn reader(&mut self) -> Option<Client> {
        let from = Instant::now();
        while from.elapsed() < GIVE_UP {
            if let Some(client) = self.sides[AGENT].connect().await {
                return Some(client);
            }
        }
        None
    }
}
