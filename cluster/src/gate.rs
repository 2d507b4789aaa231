//! The validation gate: everything that leaves the node waits here until its right to speak is confirmed.
//!
//! One task takes all who wait and reads the node's own row once for all of them. Two rules make it safe and quick:
//! a waiter is served only by a read that *started after it joined*, and at most two reads overlap, so that a waiter
//! never waits for more than the rest of one read and one read of its own. However many events are in flight, the
//! store sees about one small read a round trip.
//!
//! Tables that live in this process's memory are read by each waiter on the spot; the task then only serves those whose
//! read did not say "valid".
//!
//! A read that says "fenced" ends the gate for good: everyone who waits or comes later is refused at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Cause, Incarnation, OwnershipTables, TableError};

/// Reads in flight at once.
const MAX_READS: usize = 2;
/// Waiters that may stand in the channel before callers wait for a place in it.
const QUEUE: usize = 4096;
/// How long a waiter is carried from failed read to failed read before it is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between a failed read and the next, so that a store in trouble is not hammered.
const PAUSE: Duration = Duration::from_millis(50);

/// Why nothing may leave the node now.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotValid {
    /// This incarnation was declared dead: it must stop all work and start again as a new one.
    #[error("this node was fenced by another; its work since then does not count")]
    Fenced,
    /// The shard went to another node; what was not answered by then does not count here.
    #[error("this node does not hold the shard under that epoch any more")]
    Moved,
    /// It could not be found out; what was appended may or may not count. Asking again is safe.
    #[error("the right to answer could not be confirmed")]
    Unavailable(#[source] Cause),
}

/// The waiters' side of the gate. Clones share one task.
#[derive(Clone)]
pub struct Gate {
    join: mpsc::Sender<Waiter>,
    fenced: watch::Receiver<bool>,
    /// Tables that are read on the spot, and for whom.
    local: Option<(Arc<dyn OwnershipTables>, Incarnation)>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("fenced", &*self.fenced.borrow()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    answer: oneshot::Sender<Result<(), NotValid>>,
}

impl Gate {
    /// Starts the task of the gate for `me` on the current runtime; it ends with its last clone, or with the fence.
    pub fn start(tables: Arc<dyn OwnershipTables>, me: Incarnation) -> Self {
        let (join, waiting) = mpsc::channel(QUEUE);
        let (fence, fenced) = watch::channel(false);
        let local = tables.reads_are_local().then(|| (tables.clone(), me));
        let task = Task { tables, me, waiting, fence, taken: VecDeque::new(), reads: JoinSet::new() };
        tokio::spawn(task.run());
        Self { join, fenced, local }
    }

    /// Waits for a read of the own row that starts after this call, and says whether the node may speak.
    pub async fn validate(&self) -> Result<(), NotValid> {
        // A read of one's own starts after this call by itself. Any other outcome than "valid" is the task's to judge.
        if let Some((tables, me)) = &self.local
            && !self.is_fenced()
            && matches!(tables.is_valid(*me).await, Ok(true))
        {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let waiter = Waiter { since: Instant::now(), answer };
        // A closed channel means that the task ended, and only the fence ends it while this handle lives.
        if self.join.send(waiter).await.is_err() {
            return Err(NotValid::Fenced);
        }
        answered.await.unwrap_or(Err(NotValid::Fenced))
    }

    /// Whether this incarnation is known to be fenced. Asked several times a command: to follow it costs more.
    pub fn is_fenced(&self) -> bool {
        *self.fenced.borrow()
    }

    /// Turns true once, when this incarnation is known to be fenced.
    pub fn fenced(&self) -> watch::Receiver<bool> {
        self.fenced.clone()
    }
}

struct Task {
    tables: Arc<dyn OwnershipTables>,
    me: Incarnation,
    waiting: mpsc::Receiver<Waiter>,
    fence: watch::Sender<bool>,
    /// Taken from the channel, not yet on a read; those of a failed read come back here.
    taken: VecDeque<Waiter>,
    reads: JoinSet<(Vec<Waiter>, Result<bool, TableError>)>,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::new();
        let mut open = true;
        let mut rest_until = Instant::now();
        while open || !self.taken.is_empty() || !self.reads.is_empty() {
            let may_read = self.reads.len() < MAX_READS;
            tokio::select! {
                count = self.waiting.recv_many(&mut batch, QUEUE), if open => {
                    open = count > 0;
                    self.taken.extend(batch.drain(..));
                }
                Some(done) = self.reads.join_next() => {
                    match done {
                        Ok((waiters, Ok(true))) => answer_all(waiters, &Ok(())),
                        Ok((waiters, Ok(false))) => return self.end(waiters),
                        Ok((waiters, Err(error))) => {
                            rest_until = Instant::now() + PAUSE;
                            self.carry_over(waiters, error);
                        }
                        // A panic inside the store: its waiters learn it by their dropped answers. What cannot be
                        // confirmed must not go on.
                        Err(_) => return self.end(Vec::new()),
                    }
                }
                () = tokio::time::sleep_until(rest_until), if may_read && !self.taken.is_empty() => {
                    self.read();
                }
            }
        }
    }

    /// Starts a read for all who joined up to now.
    fn read(&mut self) {
        // Whoever joined while the channel was not looked at is taken along.
        while let Ok(waiter) = self.waiting.try_recv() {
            self.taken.push_back(waiter);
        }
        let waiters: Vec<Waiter> = self.taken.drain(..).collect();
        let (tables, me) = (self.tables.clone(), self.me);
        self.reads.spawn(async move {
            let valid = tables.is_valid(me).await;
            (waiters, valid)
        });
    }

    /// After a failed read: the young wait for the next one, the old are told.
    fn carry_over(&mut self, waiters: Vec<Waiter>, error: TableError) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            waiting = waiters.len(),
            "validation failed"
        );
        let told: Result<(), NotValid> = Err(NotValid::Unavailable(Arc::new(error)));
        let (old, young): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| waiter.since.elapsed() >= PATIENCE);
        answer_all(old, &told);
        for waiter in young.into_iter().rev() {
            self.taken.push_front(waiter);
        }
    }

    fn end(mut self, waiters: Vec<Waiter>) {
        tracing::error!(incarnation = %self.me, "this node was fenced; it stops all its shards");
        self.fence.send_replace(true);
        self.waiting.close();
        answer_all(waiters, &Err(NotValid::Fenced));
        answer_all(std::mem::take(&mut self.taken), &Err(NotValid::Fenced));
        while let Ok(waiter) = self.waiting.try_recv() {
            answer_all([waiter], &Err(NotValid::Fenced));
        }
        // The other read, if any, is dropped with the task: its waiters' answers close, which also reads "fenced".
    }
}

fn answer_all(waiters: impl IntoIterator<Item = Waiter>, answer: &Result<(), NotValid>) {
    for waiter in waiters {
        // A waiter that has gone meanwhile needs no answer.
        let _gone = waiter.answer.send(answer.clone());
    }
}
