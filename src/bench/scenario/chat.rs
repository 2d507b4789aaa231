//! `chat`: one-to-one conversations in a closed loop, and the parts that other scenarios with messages share.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Stage, System};
use crate::bench::audit::Findings;
use crate::bench::client::Client;
use crate::bench::error::BenchError;
use crate::bench::options::ChatOptions;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::talk::{LANES, Listener, Places, Talk};
use crate::bench::wire;

/// Connections that are opened at the same time while a scenario is set up.
pub(super) const OPENING: usize = 32;
/// The pushes that conversations need; the rest would only cost the generator time.
pub(super) const MESSAGES: &[&str] = &["incoming_event"];

/// A chat with its two sockets: party 0 is the agent, party 1 the customer.
pub(super) struct Pair {
    pub(super) talk: Arc<Talk>,
    pub(super) clients: [Client; 2],
    pub(super) arrivals: mpsc::Receiver<u32>,
}

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &ChatOptions) -> Result<Round, BenchError> {
    let recorder = Arc::new(Recorder::new(LANES));
    let line = stage.meter().line("opening chats");
    let pairs = pairs(stage.system, options.chats, &recorder).await?;
    line.finish_and_clear();
    let mut drivers = JoinSet::new();
    let mut kept = Vec::with_capacity(pairs.len());
    for Pair { talk, clients, arrivals } in pairs {
        // Both sockets stay open until the audit: pushes may still be under way to either.
        kept.push((talk.clone(), clients.clone()));
        drivers.spawn(talk.converse(clients, arrivals, options.size));
    }
    measure(stage, &recorder, drivers, &kept).await
}

/// Measures while the drivers work, and audits what they did.
pub(super) async fn measure(
    stage: &Stage<'_>,
    recorder: &Arc<Recorder>,
    mut drivers: JoinSet<()>,
    kept: &[(Arc<Talk>, [Client; 2])],
) -> Result<Round, BenchError> {
    let mut round = stage.measure(recorder).await;
    while drivers.join_next().await.is_some() {}
    round.errors = recorder.errors();
    if stage.system.has_store {
        let line = stage.meter().line("auditing");
        round.audit = Some(audit(kept, 2).await?);
        line.finish_and_clear();
    }
    Ok(round)
}

/// Opens chats of one agent and one customer each.
pub(super) async fn pairs(
    system: &System,
    count: usize,
    recorder: &Arc<Recorder>,
) -> Result<Vec<Pair>, BenchError> {
    let agents = if system.has_store { agents(system, count, recorder).await? } else { Vec::new() };
    let agents = &agents;
    let open = |index: usize| async move {
        match agents.get(index % agents.len().max(1)) {
            Some((client, places)) => pair(system, index, client, places, recorder).await,
            None => relay_pair(system, index, recorder).await,
        }
    };
    stream::iter(0..count).map(open).buffer_unordered(OPENING).try_collect().await
}

/// Logs in as many agents as there are, at most one a chat.
async fn agents(
    system: &System,
    chats: usize,
    recorder: &Arc<Recorder>,
) -> Result<Vec<(Client, Places)>, BenchError> {
    let count = system.target.credentials.agents.len().min(chats).max(1);
    let log_in = |agent| async move {
        let places = Places::default();
        let listener = Listener { places: places.clone(), recorder: recorder.clone() };
        let client = system.target.agent(agent, MESSAGES, false, listener).await?;
        Ok::<_, BenchError>((client, places))
    };
    stream::iter(system.target.agents(count)?).map(log_in).buffer_unordered(OPENING).try_collect().await
}

/// The agent opens the chat and brings the customer along, so that no router chooses and nobody else is told.
async fn pair(
    system: &System,
    index: usize,
    agent: &Client,
    places: &Places,
    recorder: &Arc<Recorder>,
) -> Result<Pair, BenchError> {
    let customer = system.target.new_customer(index).await?;
    let customer_places = Places::default();
    let listener = Listener { places: customer_places.clone(), recorder: recorder.clone() };
    let client = system.target.customer(&customer, MESSAGES, listener).await?;
    let users = serde_json::json!({ "chat": { "users": [{ "id": customer.id, "type": "customer" }] } });
    let started = agent.ask("start_chat", users.to_string()).await?;
    let chat = wire::member(&started, "chat_id")
        .ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
    let (talk, arrivals) = Talk::new(chat, 2, recorder.clone());
    places.take(&talk, 0);
    customer_places.take(&talk, 1);
    Ok(Pair { talk, clients: [agent.clone(), client], arrivals })
}

async fn relay_pair(system: &System, index: usize, recorder: &Arc<Recorder>) -> Result<Pair, BenchError> {
    let room = format!("R{index}-{}", system.next_room());
    let (talk, arrivals) = Talk::new(room.clone(), 2, recorder.clone());
    let one = relay_client(system, &room, &talk, 0, recorder).await?;
    let other = relay_client(system, &room, &talk, 1, recorder).await?;
    Ok(Pair { talk, clients: [one, other], arrivals })
}

/// A socket to a room of the baseline.
pub(super) async fn relay_client(
    system: &System,
    room: &str,
    talk: &Arc<Talk>,
    party: usize,
    recorder: &Arc<Recorder>,
) -> Result<Client, BenchError> {
    let places = Places::default();
    places.take(talk, party);
    let url = system.target.ws_url(&format!("/relay?room={room}"));
    Client::connect(&url, system.target.sources.next(), Listener { places, recorder: recorder.clone() }).await
}

/// Audits every chat; the first of its sockets is an agent's, who can read the log.
pub(super) async fn audit(chats: &[(Arc<Talk>, [Client; 2])], senders: u32) -> Result<Findings, BenchError> {
    let found = stream::iter(chats).map(|(talk, [reader, _])| talk.audit(reader, senders));
    let mut all = Findings::default();
    let mut found = found.buffer_unordered(OPENING);
    while let Some(findings) = found.next().await {
        all.add(&findings?);
    }
    Ok(all)
}
