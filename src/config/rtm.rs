//! `[rtm]` and `[limits]`: what a session and an address may ask of the server.

use std::time::Duration;

use super::chat::EVENT_MAX_SIZE;
use super::kind::{Key, Rate, RateOrOff, Size, Span, Whole, key, span};
use super::reader::Reader;
use crate::domain::thread_limits::ThreadLimits;

const MINUTE_MS: u64 = 60_000;

const LOGIN_TIMEOUT: Key<Span> = key("rtm.login_timeout", "30s", span(100, 10 * MINUTE_MS));
const IDLE_TIMEOUT: Key<Span> = key("rtm.idle_timeout", "30s", span(100, 60 * MINUTE_MS));
const PING_EVERY: Key<Span> = key("rtm.ping_every", "15s", span(50, 60 * MINUTE_MS));
const PENDING_REQUESTS: Key<Whole<u32>> = key("rtm.pending_requests", "10", Whole { min: 1, max: 1_000 });
const REQUEST_TIMEOUT: Key<Span> = key("rtm.request_timeout", "15s", span(100, 5 * MINUTE_MS));
const OUTBOUND_QUEUE: Key<Size> = key("rtm.outbound_queue", "1MiB", Size { min: 64 << 10, max: 64 << 20 });
const OUTBOUND_FRAMES: Key<Whole<u32>> = key("rtm.outbound_frames", "256", Whole { min: 16, max: 65_536 });
const OUTBOUND_FULL: Key<Span> = key("rtm.outbound_full", "5s", span(100, 5 * MINUTE_MS));
const CUSTOMER_LEFT_AFTER: Key<Span> = key("rtm.customer_left_after", "5s", span(10, 10 * MINUTE_MS));
const VISIT_ENDS_AFTER: Key<Span> = key("rtm.visit_ends_after", "30m", span(0, 24 * 60 * MINUTE_MS));
const CUSTOMER_INACTIVITY_TIMEOUT: Key<Span> =
    key("rtm.customer_inactivity_timeout", "30m", span(100, 365 * 24 * 60 * MINUTE_MS));
const WATCH_TOTALS_EVERY: Key<Span> = key("rtm.watch_totals_every", "10s", span(100, 60 * MINUTE_MS));
const SESSION_RATE: Key<RateOrOff> = key("limits.session_rate", "50/s burst 100", RateOrOff);
const CONNECT_RATE: Key<RateOrOff> = key("limits.connect_rate", "2000/s burst 4000", RateOrOff);
const IP_LOGIN_RATE: Key<RateOrOff> = key("limits.ip_login_rate", "500/s burst 1000", RateOrOff);
const LICENSE_RATE: Key<RateOrOff> = key("limits.license_rate", "off", RateOrOff);
const AGENT_SESSIONS: Key<Whole<u32>> = key("limits.agent_sessions", "100", SESSIONS);
const CUSTOMER_SESSIONS: Key<Whole<u32>> = key("limits.customer_sessions", "50", SESSIONS);
const UNAUTHORIZED_SESSIONS: Key<Whole<u32>> = key("limits.unauthorized_sessions", "10000", SESSIONS);
const IP_UNAUTHORIZED_SESSIONS: Key<Whole<u32>> =
    key("limits.ip_unauthorized_sessions", "2000", Whole { min: 0, max: 10_000_000 });
const IP_UPLOADS: Key<Whole<u32>> = key("limits.ip_uploads", "4", Whole { min: 0, max: 10_000_000 });
const THREAD_EVENTS: Key<Whole<u64>> =
    key("limits.thread_events", "20000", Whole { min: 16, max: 10_000_000 });
const THREAD_BYTES: Key<Size> = key("limits.thread_bytes", "8MiB", Size { min: 64 << 10, max: 1 << 30 });
const THREADS_READ: Key<Size> = key("limits.threads_read", "64MiB", Size { min: 64 << 10, max: 64 << 30 });
const SESSIONS: Whole<u32> = Whole { min: 1, max: 10_000_000 };

/// `[rtm]`
#[derive(Clone, Copy, Debug)]
pub struct Rtm {
    /// A session that has not logged in by then is closed. Default 30 s, the protocol's value.
    pub login_timeout: Duration,
    /// A session that is silent that long is closed. Default 30 s, the protocol's value.
    pub idle_timeout: Duration,
    /// How often the server pings; shorter than the idle timeout. Default 15 s.
    pub ping_every: Duration,
    /// Unanswered requests of a session. Default 10, the protocol's value.
    pub pending_requests: usize,
    /// A request that took longer is answered with `request_timeout`. Default 15 s, the protocol's value.
    pub request_timeout: Duration,
    /// Bytes that wait for a session; past it the socket is cut. Default 1 MiB.
    pub outbound_queue: u64,
    /// Frames that wait for a session. Default 256.
    pub outbound_frames: usize,
    /// How long they may be full before the socket is cut. Default 5 s.
    pub outbound_full: Duration,
    /// A customer without a connection for so long has left, as agents who watch are told. Default 5 s.
    pub customer_left_after: Duration,
    /// A customer who comes back later than this after they left begins another visit, without the session fields of the last.
    /// Default 30 min.
    pub visit_ends_after: Duration,
    /// A customer who neither chats nor opens a page for so long is disconnected. Default 30 min, the protocol's value.
    pub customer_inactivity_timeout: Duration,
    /// How often a full subscription is told how many customers there are. Default 10 s.
    pub watch_totals_every: Duration,
}

/// `[limits]`
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of a session. Default 50/s burst 100.
    pub session_rate: Option<Rate>,
    /// Websockets that begin on a node, from whatever addresses. When another node died all of its clients come at once. Default
    /// 2000/s burst 4000.
    pub connect_rate: Option<Rate>,
    /// Logins from an address. Default 500/s burst 1000.
    pub ip_login_rate: Option<Rate>,
    /// Requests of a license. Default off.
    pub license_rate: Option<Rate>,
    /// Sessions of one agent on a node; one more ends the oldest. Default 100.
    pub agent_sessions: usize,
    /// Sessions of one customer on a node; one more is refused. Default 50.
    pub customer_sessions: usize,
    /// Sessions of a node that have not logged in; one more is refused. Default 10,000.
    pub unauthorized_sessions: usize,
    /// The same from an address; 0 for as many as there may be. Default 2,000: what the rate of logins lets in at once, and two
    /// seconds more.
    pub ip_unauthorized_sessions: usize,
    /// Files that come from an address at once; 0 for as many as there may be. Default 4, a quarter of them.
    pub ip_uploads: usize,
    /// Events of a thread. Default 20,000.
    pub thread_events: u64,
    /// Bytes of what is stored in a thread. Default 8 MiB.
    pub thread_bytes: u64,
    /// Bytes of threads that a node reads whole at the same time for those who ask for them; who comes later waits. Default 64 MiB.
    pub threads_read: u64,
}

impl Rtm {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let rtm = Self {
            login_timeout: reader.get(&LOGIN_TIMEOUT),
            idle_timeout: reader.get(&IDLE_TIMEOUT),
            ping_every: reader.get(&PING_EVERY),
            pending_requests: reader.get(&PENDING_REQUESTS) as usize,
            request_timeout: reader.get(&REQUEST_TIMEOUT),
            outbound_queue: reader.get(&OUTBOUND_QUEUE),
            outbound_frames: reader.get(&OUTBOUND_FRAMES) as usize,
            outbound_full: reader.get(&OUTBOUND_FULL),
            customer_left_after: reader.get(&CUSTOMER_LEFT_AFTER),
            visit_ends_after: reader.get(&VISIT_ENDS_AFTER),
            customer_inactivity_timeout: reader.get(&CUSTOMER_INACTIVITY_TIMEOUT),
            watch_totals_every: reader.get(&WATCH_TOTALS_EVERY),
        };
        if rtm.ping_every >= rtm.idle_timeout {
            let key = if reader.is_set(PING_EVERY.name) { PING_EVERY.name } else { IDLE_TIMEOUT.name };
            reader.clash(key, "rtm.ping_every must be shorter than rtm.idle_timeout");
        }
        rtm
    }
}

impl Limits {
    /// How much a thread may hold.
    pub fn of_thread(&self) -> ThreadLimits {
        ThreadLimits { events: self.thread_events, bytes: self.thread_bytes }
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            session_rate: reader.get(&SESSION_RATE),
            connect_rate: reader.get(&CONNECT_RATE),
            ip_login_rate: reader.get(&IP_LOGIN_RATE),
            license_rate: reader.get(&LICENSE_RATE),
            agent_sessions: reader.get(&AGENT_SESSIONS) as usize,
            customer_sessions: reader.get(&CUSTOMER_SESSIONS) as usize,
            unauthorized_sessions: reader.get(&UNAUTHORIZED_SESSIONS) as usize,
            ip_unauthorized_sessions: reader.get(&IP_UNAUTHORIZED_SESSIONS) as usize,
            ip_uploads: reader.get(&IP_UPLOADS) as usize,
            thread_events: reader.get(&THREAD_EVENTS),
            thread_bytes: reader.get(&THREAD_BYTES),
            threads_read: reader.get(&THREADS_READ),
        }
    }

    /// An event fits into an empty thread: a text is up to six times as large where it is written down, and is not all of one.
    pub(super) fn check(&self, event_max_size: u64, reader: &mut Reader) {
        if self.thread_bytes < 8 * event_max_size {
            let key = if reader.is_set(THREAD_BYTES.name) { THREAD_BYTES.name } else { EVENT_MAX_SIZE.name };
            reader.clash(key, "limits.thread_bytes must be at least eight times event.max_size");
        }
    }
}
