//! Looks at every session once a second, from outside: asks for pings and for answers that are overdue, and ends those that
//! are silent, that never logged in, or that do not read.

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
    /// A request that took longer is answered, at the next look.
    pub request_timeout: Duration,
    /// A customer of whom nothing else is known for so long is asked after.
    pub customer_inactivity_timeout: Duration,
}

/// Looks a session may take to end after it was asked, before its socket is taken away.
const PATIENCE: u8 = 5;

/// Watches until the server ends.
pub async fn watch(registry: Arc<Registry>, times: HeartbeatTimes, metrics: Arc<Metrics>) {
    let shortest = times.idle_timeout.min(times.request_timeout);
    let mut every = tokio::time::interval(Duration::from_secs(1).min(shortest / 4));
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
    if past(session.asked_at.load(Ordering::Acquire), times.request_timeout) {
        session.wake(Wake::Overdue);
    }
    if past(session.active_at.load(Ordering::Acquire), times.customer_inactivity_timeout) {
        // Asked after again after the same time, unless the session finds out more.
        session.active_at.store(now_ms, Ordering::Release);
        session.wake(Wake::Inactive);
    }
    if past(session.pinged_at.load(Ordering::Acquire), times.ping_every) {
        session.pinged_at.store(now_ms, Ordering::Release);
        session.wake(Wake::Ping);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use actix::{Actor, Context, Handler};
    use actix_rt::Arbiter;
    use parking_lot::Mutex;

    use super::*;
    use crate::protocol::version::Surface;
    use crate::sessions::cut::Cut;
    use crate::sessions::handle::NOTHING_ASKED;
    use crate::sessions::outbox::{Outbox, OutboxLimits};

    /// Keeps what it was asked for.
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<Vec<Wake>>>);

    impl Actor for Asked {
        type Context = Context<Self>;
    }

    impl Handler<Wake> for Asked {
        type Result = ();

        fn handle(&mut self, wake: Wake, _: &mut Self::Context) {
            self.0.lock().push(wake);
        }
    }

    #[actix_rt::test]
    async fn a_session_is_asked_to_answer_what_has_taken_too_long() {
        let (hour, limit) = (Duration::from_secs(3_600), Duration::from_secs(15));
        let times = HeartbeatTimes {
            login_timeout: hour,
            idle_timeout: hour,
            ping_every: hour,
            request_timeout: limit,
            customer_inactivity_timeout: hour,
        };
        let cut = Cut::new(None, Arbiter::current(), Arc::new(AtomicBool::new(true)));
        let session = SessionHandle::new(1, Surface::Agent, Outbox::new(OutboxLimits::default()), cut, 0);
        let (asked, metrics) = (Asked::default(), Metrics::default());
        let address = asked.clone().start();
        session.begins(address.clone().recipient());
        let look = |now_ms| look_at(&session, now_ms, Instant::now(), times, &metrics);
        look(20_000);
        session.asked_at.store(20_000, Ordering::Release);
        look(35_000);
        look(35_001);
        session.asked_at.store(NOTHING_ASKED, Ordering::Release);
        look(60_000);
        address.send(Wake::Ping).await.expect("it lives");
        assert_eq!(*asked.0.lock(), [Wake::Overdue, Wake::Ping]);
    }
}
