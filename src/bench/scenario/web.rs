//! `web`: the Web API in a closed loop. Each connection has an agent and a chat of its own, sends a message, reads the
//! chat, and begins again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::AUTHORIZATION;
use tokio::task::JoinSet;

use super::chat::OPENING;
use super::{Stage, System};
use crate::bench::audit::{Acked, Evidence, Findings, examine};
use crate::bench::error::BenchError;
use crate::bench::options::WebOptions;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::target::AgentCredentials;
use crate::bench::wire;

const SEND: usize = 0;
const READ: usize = 1;
/// A refused caller waits this long.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// One connection.
struct Caller {
    http: reqwest::Client,
    url: String,
    token: String,
    chat: String,
    acknowledged: Vec<Acked>,
}

impl Caller {
    /// Calls a method; the answer's body, or the error in the server's words.
    async fn call(&self, method: &str, payload: String) -> Result<String, String> {
        let answer = self
            .http
            .post(format!("{}/v{}/agent/action/{method}", self.url, wire::VERSION))
            .header(AUTHORIZATION, &self.token)
            .body(payload)
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        let is_good = answer.status().is_success();
        let body = answer.text().await.map_err(|error| error.without_url().to_string())?;
        if is_good { Ok(body) } else { Err(wire::error_type(&body)) }
    }

    async fn must(&self, doing: &'static str, payload: String) -> Result<String, BenchError> {
        self.call(doing, payload).await.map_err(|error| BenchError::Refused { doing, error })
    }

    async fn open(system: &System, index: usize, agent: &AgentCredentials) -> Result<Self, BenchError> {
        let mut caller = Self {
            http: system.target.http(index).clone(),
            url: system.target.url().to_owned(),
            token: format!("Bearer {}", agent.token),
            chat: String::new(),
            acknowledged: Vec::new(),
        };
        let started = caller.must("start_chat", "{}".to_owned()).await?;
        caller.chat = wire::member(&started, "chat_id")
            .ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
        Ok(caller)
    }

    /// Sends and reads until the recorder stops.
    async fn drive(mut self, recorder: Arc<Recorder>, size: usize) -> Self {
        let mut number = 0;
        while !recorder.is_stopped() {
            number += 1;
            let begin = Instant::now();
            match self.call("send_event", wire::message(&self.chat, number, size)).await {
                Ok(answer) => {
                    recorder.took(SEND, begin.elapsed());
                    recorder.done();
                    self.acknowledged.extend(wire::event_id(&answer).map(|id| Acked { number, id }));
                }
                Err(error) => {
                    recorder.failed(&error);
                    tokio::time::sleep(AFTER_REFUSAL).await;
                    continue;
                }
            }
            let begin = Instant::now();
            match self.call("get_chat", serde_json::json!({ "chat_id": self.chat }).to_string()).await {
                Ok(_) => {
                    recorder.took(READ, begin.elapsed());
                    recorder.done();
                }
                Err(error) => recorder.failed(&error),
            }
        }
        self
    }

    async fn audit(self) -> Result<Findings, BenchError> {
        let mut stored = Vec::new();
        let mut payload = serde_json::json!({ "chat_id": self.chat, "sort_order": "asc" });
        loop {
            let answer = self.must("list_threads", payload.to_string()).await?;
            let (threads, next) = wire::threads(&answer)
                .map_err(|error| BenchError::Refused { doing: "list_threads", error: error.to_string() })?;
            stored.extend(threads.into_iter().flatten());
            let Some(next) = next else { break };
            payload = serde_json::json!({ "chat_id": self.chat, "page_id": next });
        }
        let Self { acknowledged, .. } = self;
        Ok(examine(&Evidence { acknowledged, stored, senders: 1, ..Evidence::default() }))
    }
}

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &WebOptions) -> Result<Round, BenchError> {
    let system = stage.system;
    let agents = system.target.agents(options.connections)?;
    let line = stage.meter().line("opening chats");
    let open = |(index, agent)| Caller::open(system, index, agent);
    let callers: Vec<Caller> =
        stream::iter(agents.iter().enumerate()).map(open).buffer_unordered(OPENING).try_collect().await?;
    line.finish_and_clear();
    let recorder = Arc::new(Recorder::new(&["send_event", "get_chat"]));
    let mut drivers = JoinSet::new();
    for caller in callers {
        drivers.spawn(caller.drive(recorder.clone(), options.size));
    }
    let mut round = stage.measure(&recorder).await;
    let callers = drivers.join_all().await;
    round.errors = recorder.errors();
    let mut found = Findings::default();
    let mut audits = stream::iter(callers).map(Caller::audit).buffer_unordered(OPENING);
    while let Some(findings) = audits.next().await {
        found.add(&findings?);
    }
    round.audit = Some(found);
    Ok(round)
}
