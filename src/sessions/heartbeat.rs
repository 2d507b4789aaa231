//! Looks at every session once a second, from outside: asks for pings, and ends those that are silent, that never
//! logged in, or that do not read.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::handle::{SessionHandle, Wake};
use super::registry::Registry;
use crate::observe::Metrics;

/// Times of the protocol (`rtm.*`).
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatTimes {
    /// A socket that has not logged in by then is closed.
    pub login_timeout: Duration,
    /// A client that was not heard of for this long is closed.
    pub idle_timeout: Duration,
    /// How often the server pings.
    pub ping_every: Duration,
}

/// Looks a session may take to end after it was asked, before its socket is taken away.
const PATIENCE: u8 = 5;

/// Watches until the server ends.
pub async fn watch(registry: Arc<Registry>, times: HeartbeatTimes, metrics: Arc<Metrics>) {
    let mut every = tokio::time::interval(Duration::from_secs(1).min(times.idle_timeout / 4));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let (now_ms, now) = (registry.now_ms(), Instant::now());
        for session in registry.sessions() {
            look_at(&session, now_ms, now, times, &metrics);
        }
    }
}

fn look_at(session: &SessionHandle, now_ms: i64, now: Instant, times: HeartbeatTimes, metrics: &Metrics) {
    if session.outbox.close_if_stuck(now) {
        metrics.session_cut();
        tracing::info!(session.id = session.id, "a reader that does not read is cut");
        session.cut();
        return;
    }
    let asked = session.closing.load(Ordering::Acquire);
    if asked > 0 {
        if asked > PATIENCE {
            session.cut();
        }
        session.closing.store(asked.saturating_add(1), Ordering::Release);
        return;
    }
    let past =
        |since: i64, limit: Duration| now_ms - since > i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    let late = !session.logged_in.load(Ordering::Acquire) && past(session.opened_at, times.login_timeout);
    let silent = past(session.heard_at.load(Ordering::Acquire), times.idle_timeout);
    if late || silent {
        session.closing.store(1, Ordering::Release);
        session.wake(Wake::Disconnect("connection_timeout"));
        return;
    }
    if past(session.pinged_at.load(Ordering::Acquire), times.ping_every) {
        session.pinged_at.store(now_ms, Ordering::Release);
        session.wake(Wake::Ping);
    }
}
