//! Rate limits (`limits.*`): past them `too_many_requests`, before anything is parsed.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::client::Client;
use crate::config::{self, Rate};

/// The bucket of one session.
pub struct SessionLimiter(Option<RateLimiter<NotKeyed, InMemoryState, DefaultClock>>);

impl SessionLimiter {
    /// May the session make another request now?
    pub fn admits(&self) -> bool {
        self.0.as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }
}

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>;

/// A rate as a quota; none for one that lets nothing through, which the configuration refuses.
fn quota(rate: Rate) -> Option<Quota> {
    let per_second = NonZeroU32::new(rate.per_second)?;
    Some(Quota::per_second(per_second).allow_burst(NonZeroU32::new(rate.burst)?))
}

fn keyed<K: std::hash::Hash + Eq + Clone>(rate: Option<Rate>) -> Option<Keyed<K>> {
    rate.and_then(quota).map(RateLimiter::keyed)
}

/// The buckets of this node.
pub struct Limits {
    session: Option<Rate>,
    connects: Option<RateLimiter<NotKeyed, InMemoryState, DefaultClock>>,
    logins: Option<Keyed<Client>>,
    /// By a hash of the token: what somebody sends as one may be large, and is kept for a while.
    web: Option<Keyed<u64>>,
    license: Option<Keyed<i64>>,
    hash: RandomState,
}

impl Limits {
    /// Full buckets of these rates. A rate that is none binds nobody. `session_rate` binds each websocket and each token over HTTP,
    /// `connect_rate` all websockets that begin, `ip_login_rate` connects and logins by address, `license_rate` everything of a
    /// tenant on this node.
    pub fn new(rates: &config::Limits) -> Self {
        Self {
            session: rates.session_rate,
            connects: rates.connect_rate.and_then(quota).map(RateLimiter::direct),
            logins: keyed(rates.ip_login_rate),
            web: keyed(rates.session_rate),
            license: keyed(rates.license_rate),
            hash: RandomState::new(),
        }
    }

    /// The bucket of a new session.
    pub fn session(&self) -> SessionLimiter {
        SessionLimiter(self.session.and_then(quota).map(RateLimiter::direct))
    }

    /// May another websocket begin now, whoever's it is?
    pub fn admits_connection(&self) -> bool {
        self.connects.as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }

    /// May this address connect or log in now?
    pub fn admits_login(&self, address: IpAddr) -> bool {
        self.logins.as_ref().is_none_or(|limiter| limiter.check_key(&Client::of(address)).is_ok())
    }

    /// May this token make another HTTP request now?
    pub fn admits_web(&self, token: &str) -> bool {
        self.web.as_ref().is_none_or(|limiter| limiter.check_key(&self.hash.hash_one(token)).is_ok())
    }

    /// May anybody of this license make another request now?
    pub fn admits_license(&self, license: i64) -> bool {
        self.license.as_ref().is_none_or(|limiter| limiter.check_key(&license).is_ok())
    }

    /// Lets go of the buckets that are full again; called now and then.
    pub fn shrink(&self) {
        if let Some(logins) = &self.logins {
            logins.retain_recent();
        }
        if let Some(web) = &self.web {
            web.retain_recent();
        }
        if let Some(license) = &self.license {
            license.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_network_of_addresses_is_one_client() {
        let rates = config::Limits {
            session_rate: None,
            connect_rate: None,
            ip_login_rate: Some(Rate { per_second: 1, burst: 1 }),
            license_rate: None,
            agent_sessions: 1,
            customer_sessions: 1,
            unauthorized_sessions: 1,
            ip_unauthorized_sessions: 1,
            ip_uploads: 1,
            thread_events: 1,
            thread_bytes: 1,
            threads_read: 1,
        };
        let limits = Limits::new(&rates);
        let admitted = [
            "2001:db8:0:1::1",
            "2001:db8:0:1::2",
            "2001:db8:0:1:ffff:ffff:ffff:ffff",
            "2001:db8:0:2::1",
            "192.0.2.1",
            "192.0.2.2",
            "::ffff:192.0.2.2",
        ]
        .map(|address| limits.admits_login(address.parse().expect("an address")));
        assert_eq!(admitted, [true, false, false, true, true, true, false]);
    }
}
