//! `resume` in `login`, beyond the protocol (`docs/resume.md`): a session that comes back is told what it missed.

use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use xxhash_rust::xxh3::xxh3_64;

use super::actor::SessionContext;
use super::fanout::{reaches, view_for};
use super::handle::{SessionHandle, SessionUser};
use super::trail::{Frame, Position, Trail, print};
use crate::actors::catching_up::{Known, SKEW};
use crate::actors::chat::missed::Retold;
use crate::actors::delivery::Mark;
use crate::domain::id::{AgentId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::Push;
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;
use crate::protocol::view::Resumed;
use crate::requests::Requester;
use crate::tenants::ScopeSet;

/// A session that was away for longer reads anew.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// Pushes that are told again at most, and their bytes.
const PUSHES: usize = 200;
const BYTES: usize = 512 * 1024;

/// A session that asked for it, before it is told anything.
pub(super) struct Resuming {
    trail: Arc<Trail>,
    /// What it knows, or why it cannot go on from there: none for one that begins.
    from: Result<Position, Option<&'static str>>,
    /// When it came: what happened before, its login shows.
    came_at: Timestamp,
}

/// What a resumed session is told first.
pub(super) struct Again {
    /// For the login's answer.
    pub(super) answer: Resumed,
    /// Pushes that come before all others.
    pub(super) frames: Vec<ByteString>,
}

/// What decides which chats an agent sees, as a hash.
pub(super) fn access_of(license: &License, agent: &AgentId, scopes: ScopeSet) -> u64 {
    let known = license.agent(agent);
    let groups: Vec<GroupId> = known.map(|agent| agent.groups.keys().copied().collect()).unwrap_or_default();
    let role = known.map(|agent| agent.role);
    xxh3_64(format!("{role:?} {groups:?} {scopes:?}").as_bytes())
}

/// Has the session keep account of what it is told, from before it is registered. None for one that did not ask for it.
pub(super) fn begin(
    shared: &SessionContext,
    handle: &SessionHandle,
    user: &SessionUser,
    access: u64,
    token: Option<&str>,
) -> Option<Resuming> {
    let Some(token) = token else {
        handle.set_trail(None);
        return None;
    };
    let (license, scope) = match user {
        SessionUser::Agent(license, agent) => (license, format!("a/{agent}")),
        SessionUser::Customer(license, customer) => (license, format!("c/{customer}")),
    };
    let scope = format!("resume/{license}/{scope}");
    let clock = shared.requests.actors().shared_clock();
    let now = clock.now();
    let trail = Trail::new(shared.requests.pages().clone(), scope, clock, access);
    let from =
        if token.is_empty() { Err(None) } else { usable(trail.open(token), access, now).map_err(Some) };
    let trail = Arc::new(trail);
    handle.set_trail(Some(trail.clone()));
    // The clock of a chat's owner may be behind.
    let came_at = if shared.nodes.has_peers() { now.before(SKEW) } else { now };
    Some(Resuming { trail, from, came_at })
}

/// Whether a session can go on from a token; why not.
fn usable(position: Option<Position>, access: u64, now: Timestamp) -> Result<Position, &'static str> {
    match position {
        None => Err("unknown_token"),
        Some(position) if position.access != access => Err("access_changed"),
        Some(position) if now.since(position.since()) > LONGEST => Err("too_old"),
        Some(position) => Ok(position),
    }
}

impl Resuming {
    /// Reads what the session missed, once it is told what happens.
    pub(super) async fn finish(
        self,
        shared: &SessionContext,
        handle: &SessionHandle,
        who: &Requester,
    ) -> Result<Again, WireError> {
        let fresh = Known { since: self.came_at, ..Known::default() };
        let (known, rows, status, reason) = match self.from {
            Err(reason) => (fresh, Vec::new(), if reason.is_some() { "resync" } else { "started" }, reason),
            Ok(position) => {
                let known = position.known();
                let rows = shared.requests.missed(who, &known).await?;
                match rows.and_then(|rows| frames(handle, who, &position, rows)) {
                    Some(rows) => (known, rows, "resumed", None),
                    None => (fresh, Vec::new(), "resync", Some("too_much")),
                }
            }
        };
        let answer = Resumed { status, reason, token: self.trail.begin(&known) };
        let frames = self.trail.caught_up(handle, &rows, &shared.metrics);
        frames.iter().for_each(|_| shared.metrics.push_sent());
        Ok(Again { answer, frames })
    }
}

/// What the rows tell the session; none if it is more than is told again.
fn frames(
    handle: &SessionHandle,
    who: &Requester,
    position: &Position,
    rows: Vec<Retold>,
) -> Option<Vec<(Mark, Vec<Frame>)>> {
    let user = user_of(who);
    let (mut count, mut bytes) = (0, 0);
    let mut told = Vec::new();
    for Retold { mark, pushes, .. } in rows {
        let mut frames: Vec<Frame> =
            pushes.iter().filter_map(|push| frame(handle, &who.license, &user, push)).collect();
        if let Some(partly) = position.partly.as_ref().filter(|at| at.chat == mark.chat && mark.to <= at.to) {
            for told in &partly.told {
                if let Some(place) = frames.iter().position(|frame| frame.print == *told) {
                    frames.remove(place);
                }
            }
        }
        count += frames.len();
        bytes += frames.iter().map(|frame| frame.payload.len()).sum::<usize>();
        if count > PUSHES || bytes > BYTES {
            return None;
        }
        told.extend((!frames.is_empty()).then_some((mark, frames)));
    }
    Some(told)
}

fn frame(handle: &SessionHandle, license: &License, user: &SessionUser, push: &Push) -> Option<Frame> {
    if !reaches(license, user, push) {
        return None;
    }
    let (action, payload) = view_for(license, user, push).push(&push.body)?;
    let print = print(action, &push.body);
    let frame = Frame { action, payload: payload.into(), request_id: None, before_answer: false, print };
    handle.wants(action).then_some(frame)
}

fn user_of(who: &Requester) -> SessionUser {
    let license: LicenseId = who.license_id();
    match &who.identity {
        crate::requests::Identity::Agent { id, .. } => SessionUser::Agent(license, id.clone()),
        crate::requests::Identity::Customer { id, .. } => SessionUser::Customer(license, id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_use_for_a_day_and_as_long_as_the_user_sees_the_same() {
        let position = |since: i64| {
            let text = format!(r#"{{"since":{since},"access":5,"chats":[]}}"#);
            serde_json::from_str::<Position>(&text).ok()
        };
        let now = Timestamp(1_795_235_696_000_000);
        let ago = |hours: u64| position(now.before(Duration::from_secs(hours * 3_600)).0);
        assert!(usable(ago(23), 5, now).is_ok());
        assert_eq!(usable(ago(25), 5, now).err(), Some("too_old"));
        assert_eq!(usable(position(i64::MIN), 5, now).err(), Some("too_old"), "of too many chats");
        assert_eq!(usable(ago(1), 6, now).err(), Some("access_changed"));
        assert_eq!(usable(None, 5, now).err(), Some("unknown_token"));
    }
}
