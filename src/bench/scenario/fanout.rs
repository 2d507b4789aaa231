//! `fanout`: one chat with many agents who follow it; each message of the customer goes to all of them.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;

use super::chat::{MESSAGES, OPENING, audit, relay_client};
use super::{Stage, System};
use crate::bench::client::Client;
use crate::bench::error::BenchError;
use crate::bench::options::FanoutOptions;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::talk::{LANES, Listener, Places, Talk};
use crate::bench::wire;

/// The sender is party 0, the readers are the others; one of them can read the log.
struct Hall {
    talk: Arc<Talk>,
    sender: Client,
    readers: Vec<Client>,
    arrivals: mpsc::Receiver<u32>,
}

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &FanoutOptions) -> Result<Round, BenchError> {
    let recorder = Arc::new(Recorder::new(LANES));
    let line = stage.meter().line("filling the hall");
    let hall = if stage.system.has_store {
        fill(stage.system, options.readers, &recorder).await?
    } else {
        fill_relay(stage.system, options.readers, &recorder).await?
    };
    line.finish_and_clear();
    let Hall { talk, sender, readers, mut arrivals } = hall;
    let driver = tokio::spawn({
        let (talk, sender) = (talk.clone(), sender.clone());
        let (recorder, size) = (recorder.clone(), options.size);
        async move {
            let mut number = 0;
            while !recorder.is_stopped() {
                number += 1;
                talk.say(&sender, 0, number, &mut arrivals, size).await;
            }
        }
    });
    let mut round = stage.measure(&recorder).await;
    if driver.await.is_err() {
        recorder.failed("the sender stopped");
    }
    round.errors = recorder.errors();
    if stage.system.has_store {
        round.audit = Some(audit(&[(talk, [readers[0].clone(), sender])], 1).await?);
    }
    drop(readers);
    Ok(round)
}

async fn fill(system: &System, readers: usize, recorder: &Arc<Recorder>) -> Result<Hall, BenchError> {
    let listener = |places: &Places| Listener { places: places.clone(), recorder: recorder.clone() };
    let customer = system.target.new_customer(0).await?;
    let places = Places::default();
    let sender = system.target.customer(&customer, MESSAGES, listener(&places)).await?;
    let agents = system.target.agents(readers.min(system.target.credentials.agents.len()).max(1))?;
    let first_places = Places::default();
    let first = system.target.agent(&agents[0], MESSAGES, false, listener(&first_places)).await?;
    let users = serde_json::json!({ "chat": { "users": [{ "id": customer.id, "type": "customer" }] } });
    let started = first.ask("start_chat", users.to_string()).await?;
    let chat = wire::member(&started, "chat_id")
        .ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
    let (talk, arrivals) = Talk::new(chat.clone(), readers + 1, recorder.clone());
    places.take(&talk, 0);
    first_places.take(&talk, 1);
    let (talk_of, chat) = (&talk, &chat);
    let others = stream::iter(1..readers).map(|index| async move {
        let agent = &agents[index % agents.len()];
        let places = Places::default();
        places.take(talk_of, index + 1);
        let client = system.target.agent(agent, MESSAGES, false, listener(&places)).await?;
        if index < agents.len() {
            client.ask("follow_chat", serde_json::json!({ "id": chat }).to_string()).await?;
        }
        Ok::<_, BenchError>(client)
    });
    let mut all = vec![first];
    all.extend(others.buffer_unordered(OPENING).try_collect::<Vec<Client>>().await?);
    Ok(Hall { talk, sender, readers: all, arrivals })
}

/// The baseline: a loop that writes the same bytes to as many sockets.
async fn fill_relay(system: &System, readers: usize, recorder: &Arc<Recorder>) -> Result<Hall, BenchError> {
    let room = format!("F{}", system.next_room());
    let (talk, arrivals) = Talk::new(room.clone(), readers + 1, recorder.clone());
    let (talk_of, room) = (&talk, &room);
    let sender = relay_client(system, room, talk_of, 0, recorder).await?;
    let others = stream::iter(1..=readers)
        .map(|party| async move { relay_client(system, room, talk_of, party, recorder).await });
    let readers = others.buffer_unordered(OPENING).try_collect().await?;
    Ok(Hall { talk, sender, readers, arrivals })
}
