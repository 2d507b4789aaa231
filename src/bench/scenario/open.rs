//! `open` and `find-knee`: an open loop, in which messages are sent when they are due, whatever became of earlier ones.
//!
//! Latency counts from when a message was due. A sender has no more requests unanswered than the protocol allows; a
//! message that has to wait for that reason has waited since it was due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Stage;
use super::chat::{Pair, measure, pairs};
use crate::bench::error::BenchError;
use crate::bench::options::{KneeOptions, OpenOptions};
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::schedule::Schedule;
use crate::bench::talk::LANES;

/// Requests of one sender without an answer; the server refuses the eleventh.
const UNANSWERED: usize = 8;

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &OpenOptions) -> Result<Round, BenchError> {
    let recorder = Arc::new(Recorder::new(LANES));
    let line = stage.meter().line("opening chats");
    let pairs = pairs(stage.system, options.chats, &recorder).await?;
    line.finish_and_clear();
    let kept: Vec<_> = pairs.iter().map(|pair| (pair.talk.clone(), pair.clients.clone())).collect();
    let begin = Instant::now();
    let mut drivers = JoinSet::new();
    for (index, pair) in pairs.into_iter().enumerate() {
        let (schedule, chats, size) = (options.schedule.clone(), options.chats, options.size);
        let due = (index..).step_by(chats).map_while(move |message| schedule.due(message));
        drivers.spawn(drive(pair, recorder.clone(), begin, due, size));
    }
    measure(stage, &recorder, drivers, &kept).await
}

/// Sends one chat's messages when they are due.
async fn drive(
    pair: Pair,
    recorder: Arc<Recorder>,
    begin: Instant,
    due: impl Iterator<Item = Duration>,
    size: usize,
) {
    let unanswered = [0, 1].map(|_| Arc::new(Semaphore::new(UNANSWERED)));
    let mut answers = JoinSet::new();
    for (number, due) in (1_u32..).zip(due) {
        let intended = begin + due;
        tokio::time::sleep_until(intended.into()).await;
        if recorder.is_stopped() {
            break;
        }
        let sender = (number % 2) as usize;
        let Ok(place) = unanswered[sender].clone().acquire_owned().await else { break };
        match pair.talk.post(&pair.clients[sender], sender, number, intended, size).await {
            Ok(posted) => {
                let (talk, recorder) = (pair.talk.clone(), recorder.clone());
                answers.spawn(async move {
                    if let Err(error) = talk.answered(posted).await {
                        recorder.failed(&error);
                    }
                    drop(place);
                });
            }
            Err(error) => recorder.failed(&error),
        }
        while answers.try_join_next().is_some() {}
    }
    while answers.join_next().await.is_some() {}
}

/// Raises the rate until the goal breaks, then narrows it down. The round of the highest rate that held is the result.
pub(in crate::bench) async fn find_knee(
    stage: &Stage<'_>,
    options: &KneeOptions,
) -> Result<Round, BenchError> {
    let attempt = async |rate: f64| {
        let open =
            OpenOptions { schedule: Schedule::constant(rate), chats: options.chats, size: options.size };
        let round = round(stage, &open).await?;
        let p99 = round.latencies.get("push").map_or(u64::MAX, |latency| latency.p99);
        let got = round.figures.get("rate").copied().unwrap_or_default();
        // A server that falls behind answers late, or not in the measured time at all.
        let holds = p99 <= options.goal_us() && got >= 0.97 * rate;
        Ok::<_, BenchError>((holds, round))
    };
    let (mut low, mut high): (f64, Option<f64>) = (0.0, None);
    let mut best: Option<Round> = None;
    let mut rate = options.start;
    for _ in 0..options.steps {
        let (holds, mut round) = attempt(rate).await?;
        if holds {
            low = rate;
            round.figures.insert("knee".to_owned(), rate);
            best = Some(round);
        } else {
            high = Some(rate);
        }
        rate = high.map_or(rate * 2.0, |high| f64::midpoint(low, high));
        if high.is_some_and(|high| high - low < 0.05 * high) {
            break;
        }
        tokio::time::sleep(stage.timing.pause()).await;
    }
    best.ok_or(BenchError::Usage("not even the first rate holds the goal: lower --start"))
}
