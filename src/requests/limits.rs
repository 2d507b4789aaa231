//! Rate limits (`limits.*`): past them `too_many_requests`, before anything is parsed.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// The bucket of one session.
pub type SessionLimiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// A rate with its burst, per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

impl Rate {
    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

/// The buckets of this node.
pub struct Limits {
    session: Rate,
    logins: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    web: RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock>,
    license: Option<RateLimiter<i64, DefaultKeyedStateStore<i64>, DefaultClock>>,
}

impl Limits {
    /// `session` binds each websocket and each token over HTTP, `ip_login` connects and logins by address,
    /// `license` everything of a tenant on this node.
    pub fn new(session: Rate, ip_login: Rate, license: Option<Rate>) -> Self {
        Self {
            session,
            logins: RateLimiter::keyed(ip_login.quota()),
            web: RateLimiter::keyed(session.quota()),
            license: license.map(|rate| RateLimiter::keyed(rate.quota())),
        }
    }

    /// The bucket of a new session.
    pub fn session(&self) -> SessionLimiter {
        RateLimiter::direct(self.session.quota())
    }

    /// May this address connect or log in now?
    pub fn admits_login(&self, address: IpAddr) -> bool {
        self.logins.check_key(&address).is_ok()
    }

    /// May this token make another HTTP request now?
    pub fn admits_web(&self, token: &str) -> bool {
        self.web.check_key(&token.to_owned()).is_ok()
    }

    /// May anybody of this license make another request now?
    pub fn admits_license(&self, license: i64) -> bool {
        self.license.as_ref().is_none_or(|limiter| limiter.check_key(&license).is_ok())
    }

    /// Lets go of the buckets that are full again; called now and then.
    pub fn shrink(&self) {
        self.logins.retain_recent();
        self.web.retain_recent();
        if let Some(license) = &self.license {
            license.retain_recent();
        }
    }
}
