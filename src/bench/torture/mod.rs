//! `switchboard torture`: shows that a cluster loses, doubles and reorders nothing, whatever dies.
//!
//! A `fleet` of real processes serves on a CQL store; each `pair` of clients talks through it, says again what was not
//! acknowledged, but for some messages that are said once, and closes its thread now and then; faults come one after the
//! other. In the end `judge` compares what senders and listeners were told with what the public API shows, and the `ledger`
//! says what it came to. Nothing here knows the server's inside.

mod database;
mod fault;
mod fleet;
mod judge;
mod ledger;
mod lists;
mod log;
mod options;
mod ordeal;
mod outline;
mod pair;
mod shown;
mod side;
mod threads;
mod wires;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

pub use options::TortureArgs;

use super::dice::Dice;
use super::error::BenchError;
use super::target::Target;
use database::Database;
use fault::{Fault, Inflicted, pick};
use fleet::Fleet;
use judge::{Judgement, judge};
use ledger::Ledger;
use lists::Lists;
use log::{AGENT, PairLog};
use ordeal::Ordeal;
use pair::{Pair, Tally};

/// Chats that are opened, or read, at the same time.
const AT_ONCE: usize = 16;
/// After a fault every chat has to go on in this time.
const RECOVERY: Duration = Duration::from_secs(120);
/// Pushes under way at the end get this long.
const STRAGGLERS: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs what the command line asks for. Must not be called inside a runtime.
///
/// # Errors
/// See [`BenchError`]; a broken promise is one of them.
pub fn torture(args: &TortureArgs) -> Result<(), BenchError> {
    let program = std::env::current_exe()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ledger = runtime.block_on(run(&program, args));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let ledger = ledger?;
    println!("{ledger}");
    let faults = ledger.faults();
    if faults.is_empty() { Ok(()) } else { Err(BenchError::Torture(faults.join("; "))) }
}

/// A folder that goes when this does, unless it is to be kept.
struct Scratch(PathBuf, bool);

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.1 {
            println!("the nodes' folders are kept in {}", self.0.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a scratch folder stays behind");
        }
    }
}

async fn run(program: &Path, args: &TortureArgs) -> Result<Ledger, BenchError> {
    let chance = uuid::Uuid::new_v4().as_u128();
    let seed = args.seed.unwrap_or(chance as u32 as u64);
    let keyspace = format!("torture_{:08x}", chance as u32);
    let folder = args.scratch.clone().unwrap_or_else(std::env::temp_dir).join(&keyspace);
    std::fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    let scratch = Scratch(folder, args.keep);
    let mut database =
        Database::new(&args.store_pids, &args.contact_points, args.replication_factor, &scratch.0);
    let faults = faults(args, &database)?;
    let (mut fleet, credentials) = Fleet::start(program, args, &scratch.0, keyspace).await?;
    let target = Arc::new(Target::new(fleet.urls(), credentials, None)?);
    let tally = Arc::new(Tally::default());
    let opening = (0..args.chats as usize).map(|index| Pair::open(target.clone(), tally.clone(), index));
    let pairs: Vec<Pair> = stream::iter(opening).buffered(AT_ONCE).try_collect().await?;
    let logs: Vec<Arc<PairLog>> = pairs.iter().map(|pair| pair.log.clone()).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for pair in pairs {
        talking.spawn(pair.talk(args.think(), is_over.clone()));
    }
    let begin = Instant::now();
    let inflicted = inflict(&mut fleet, &mut database, &faults, (args, seed), &logs, &tally).await;
    let time = begin.elapsed();
    is_over.store(true, Ordering::Release);
    let pairs = talking.join_all().await;
    let inflicted = inflicted?;
    settle(&logs).await;
    let (Judgement { findings, course, holes, troubled }, unlisted) = audit(pairs, begin).await?;
    let surprises = tally.surprises.lock().clone();
    let mut ledger = Ledger {
        seed,
        time,
        repeated: tally.repeated.load(Ordering::Relaxed),
        given_up: tally.given_up.load(Ordering::Relaxed),
        surprises,
        restarts: fleet.ended_by_themselves,
        findings,
        course,
        holes,
        troubled,
        unlisted,
        ..Ledger::default()
    };
    enter(&mut ledger, &inflicted, &logs);
    ledger.ordeals = logs.iter().flat_map(|log| ordeals(log, begin)).collect();
    Ok(ledger)
}

/// The kinds of faults that are inflicted: those that were chosen, else all that can be.
fn faults(args: &TortureArgs, database: &Database) -> Result<Vec<Fault>, BenchError> {
    if args.faults.iter().any(|fault| !fault.can_be(database)) {
        return Err(BenchError::Usage(
            "faults of the store need --store-pids; its kill needs three, and --replication-factor 3",
        ));
    }
    Ok(if args.faults.is_empty() { Fault::all(database) } else { args.faults.clone() })
}

/// Faults, each after the last one was healed, until the time is over; each kind once before any comes again.
async fn inflict(
    fleet: &mut Fleet,
    database: &mut Database,
    faults: &[Fault],
    (args, seed): (&TortureArgs, u64),
    logs: &[Arc<PairLog>],
    tally: &Tally,
) -> Result<Vec<Inflicted>, BenchError> {
    let mut dice = Dice::new(seed);
    let begin = Instant::now();
    let mut inflicted = Vec::new();
    let mut left = Vec::new();
    while begin.elapsed() < args.time() {
        tokio::time::sleep(args.calm()).await;
        if left.is_empty() {
            left.extend_from_slice(faults);
        }
        let fault = left.swap_remove(pick(&mut dice, left.len()));
        let (from, before) = (Instant::now(), tally.disturbed.load(Ordering::Relaxed));
        let deed = fault.inflict(fleet, database, &mut dice).await?;
        let healed = Instant::now();
        fleet.wait_until_ready().await?;
        go_on(logs, healed).await?;
        let disturbed = tally.disturbed.load(Ordering::Relaxed) - before;
        inflicted.push(Inflicted { fault, from, until: Instant::now(), disturbed, seen: deed.seen });
        if let Some(node) = deed.idle {
            fleet.restart(node).await?;
            // Who was connected there comes again before the next fault, since that is not what moving a chat costs.
            go_on(logs, Instant::now()).await?;
        }
    }
    Ok(inflicted)
}

/// Waits until in every chat both sides were answered after a moment.
async fn go_on(logs: &[Arc<PairLog>], moment: Instant) -> Result<(), BenchError> {
    loop {
        let silent = logs.iter().filter(|log| !log.goes_on(moment)).count();
        if silent == 0 {
            return Ok(());
        }
        if moment.elapsed() > RECOVERY {
            return Err(BenchError::Torture(format!(
                "{silent} chats were silent for {RECOVERY:?} after a fault"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until everybody who listens has heard everything, for a while.
async fn settle(logs: &[Arc<PairLog>]) {
    let until = Instant::now() + STRAGGLERS;
    while !logs.iter().all(|log| log.is_settled()) && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Reads every chat as its agent does, and judges it; then the lists of all chats and threads, of which it says what is wrong.
async fn audit(mut pairs: Vec<Pair>, begin: Instant) -> Result<(Judgement, Vec<String>), BenchError> {
    let lists = match pairs.first_mut() {
        Some(pair) => {
            let reader = pair.reader().await.ok_or(BenchError::NoAnswer { doing: "login" })?;
            lists::read(&reader).await?
        }
        None => Lists::default(),
    };
    let judged = pairs.into_iter().map(|mut pair| async move {
        let log = pair.log.clone();
        // What is told from now on is no part of the judgement: a new connection may be needed for reading.
        let streams = log.streams();
        let reader = pair.reader().await.ok_or(BenchError::NoAnswer { doing: "login" })?;
        let threads = shown::threads(&reader, &log.chat).await?;
        let judgement = judge((&log.chat, begin), log.acknowledged(), &log.deeds(), &streams, &threads);
        let names: Vec<String> = threads.into_iter().map(|thread| thread.name).collect();
        Ok::<_, BenchError>((judgement, log.chat.clone(), names))
    });
    let (mut all, mut known) = (Judgement::default(), HashMap::new());
    let mut judged = stream::iter(judged).buffer_unordered(AT_ONCE);
    while let Some(judgement) = judged.next().await {
        let (Judgement { findings, course, holes, troubled }, chat, threads) = judgement?;
        all.findings.add(&findings);
        all.course.add(&course);
        all.holes.extend(holes);
        all.troubled.extend(troubled);
        known.insert(chat, threads);
    }
    Ok((all, lists.faults(&known)))
}

/// What those went through who waited long, as lines.
fn ordeals(log: &PairLog, begin: Instant) -> Vec<String> {
    let ordeals = log.ordeals.lock();
    let line = |(side, number, ordeal): &(usize, u32, Ordeal)| {
        let who = if *side == AGENT { "agent" } else { "customer" };
        format!("chat {}, the {who}'s message {number}: {}", log.chat, ordeal.line(begin))
    };
    ordeals.iter().map(line).collect()
}

fn enter(ledger: &mut Ledger, inflicted: &[Inflicted], logs: &[Arc<PairLog>]) {
    for waits in logs.iter().flat_map(|log| log.waits()) {
        for one in inflicted {
            let effect = ledger.effects.entry(one.fault).or_default();
            effect.gaps.push(one.waits(&waits).max().unwrap_or_default());
        }
    }
    for logins in logs.iter().map(|log| log.logins()) {
        for one in inflicted {
            ledger.effects.entry(one.fault).or_default().logins.extend(one.waits(&logins));
        }
    }
    for one in inflicted {
        let effect = ledger.effects.entry(one.fault).or_default();
        effect.times += 1;
        effect.disturbed += one.disturbed;
        effect.seen += one.seen;
    }
}
