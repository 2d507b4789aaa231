//! The fan-out of pushes to the sessions of this node: for whom a push is, how they see it, rendered once for all of them.

use std::collections::HashMap;
use std::sync::Arc;

use bytestring::ByteString;

use super::handle::{PushKind, SessionHandle, SessionUser};
use super::registry::Sessions;
use super::trail::{Frame, Trail, print};
use crate::actors::delivery::Mark;
use crate::domain::id::{AgentId, CustomerId, GroupId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::nodes::Asker;
use crate::observe::Metrics;
use crate::protocol::envelope;
use crate::protocol::version::{ApiVersion, Surface};
use crate::protocol::view::View;

/// One push on its way to the sessions of one surface: rendered when the first of them wants it.
struct Fanout<'a> {
    push: &'a Push,
    origin: Option<Asker<'a>>,
    /// For normal agents and customers, and for those who see deleted events whole.
    rendered: [Option<Option<Rendered>>; 2],
    metrics: &'a Metrics,
    tracked: &'a mut Tracked,
}

struct Rendered {
    action: &'static str,
    kind: PushKind,
    payload: ByteString,
    /// For all connections that are told neither whose request it was nor how far they were told.
    frame: Option<ByteString>,
}

/// What one call tells the sessions that may be resumed: each is told all of it at once, so that its tokens are right.
#[derive(Default)]
struct Tracked(Vec<(Arc<SessionHandle>, Arc<Trail>, Vec<Frame>)>);

impl Tracked {
    fn add(&mut self, session: &Arc<SessionHandle>, trail: Arc<Trail>, frame: Frame) {
        match self.0.iter_mut().find(|(known, ..)| known.id == session.id) {
            Some((_, _, frames)) => frames.push(frame),
            None => self.0.push((session.clone(), trail, vec![frame])),
        }
    }

    fn tell(self, mark: Option<&Mark>, metrics: &Metrics) {
        for (session, trail, frames) in self.0 {
            trail.tell(&session, mark, frames, metrics);
        }
    }
}

/// One delivery: pushes of one cause to the sessions of one license.
pub(super) struct Telling<'a> {
    license: &'a License,
    origin: Option<Asker<'a>>,
    tracked: Tracked,
    metrics: &'a Metrics,
}

impl<'a> Telling<'a> {
    /// A delivery about a license, to the sessions of this node.
    pub(super) fn new(license: &'a License, origin: Option<Asker<'a>>, metrics: &'a Metrics) -> Self {
        Self { license, origin, tracked: Tracked::default(), metrics }
    }

    /// All was offered: those who keep account are told where that brought them.
    pub(super) fn finish(self, mark: Option<&Mark>) {
        self.tracked.tell(mark, self.metrics);
    }

    /// Offers a push to the agents it is for.
    pub(super) fn tell_agents(&mut self, online: &HashMap<AgentId, Sessions>, push: &Push) {
        let Audience { agents, groups, watchers, .. } = &push.to;
        if agents.is_empty() && groups.is_empty() && watchers.is_none() {
            return;
        }
        let license = self.license;
        let mut fanout = Fanout::new(push, self);
        let reaches = |agent: &AgentId| reaches_agent(license, agent, push);
        let view_of = |agent: &AgentId| view_of_agent(license, agent, push);
        if let Some(watched) = watchers {
            for (agent, sessions) in online {
                let own: Vec<GroupId> = license
                    .agent(agent)
                    .map(|agent| agent.groups.keys().copied().collect())
                    .unwrap_or_default();
                let named = reaches(agent);
                let is_excepted =
                    push.to.except.as_ref().is_some_and(|but| but.reaches_agent(agent, own.iter().copied()));
                for session in sessions {
                    // Asked of all, so that each keeps account of whom it follows.
                    let hears = session.watching(|watching| watching.hears(watched, &own));
                    if named || (hears && !is_excepted) {
                        fanout.offer(session, view_of(agent));
                    }
                }
            }
            return;
        }
        if groups.is_empty() {
            for agent in agents {
                let sessions = online.get(agent).filter(|_| push.to.except.is_none() || reaches(agent));
                let view = view_of(agent);
                sessions.into_iter().flatten().for_each(|session| fanout.offer(session, view));
            }
            return;
        }
        for (agent, sessions) in online.iter().filter(|(agent, _)| reaches(agent)) {
            let view = view_of(agent);
            sessions.iter().for_each(|session| fanout.offer(session, view));
        }
    }

    /// Offers a push to the customers it is for.
    pub(super) fn tell_customers(&mut self, online: &HashMap<CustomerId, Sessions>, push: &Push) {
        if push.to.customers.is_empty() && !push.to.all_customers {
            return;
        }
        let view = View::of_customers(self.license);
        let mut fanout = Fanout::new(push, self);
        if push.to.all_customers {
            online.values().flatten().for_each(|session| fanout.offer(session, view));
            return;
        }
        for sessions in push.to.customers.iter().filter_map(|customer| online.get(customer)) {
            sessions.iter().for_each(|session| fanout.offer(session, view));
        }
    }
}

impl<'a> Fanout<'a> {
    fn new(push: &'a Push, telling: &'a mut Telling<'_>) -> Self {
        let Telling { origin, tracked, metrics, .. } = telling;
        Self { push, origin: *origin, rendered: [None, None], metrics, tracked }
    }

    fn offer(&mut self, session: &Arc<SessionHandle>, view: View<'_>) {
        let rendered = self.rendered[usize::from(view.sees_deleted)].get_or_insert_with(|| {
            let (action, payload) = view.push(&self.push.body)?;
            let kind = PushKind::of(view.surface, action);
            Some(Rendered { action, kind, payload: payload.into(), frame: None })
        });
        let Some(rendered) = rendered else { return };
        if !session.gets(rendered.kind) {
            return;
        }
        // The connection whose request caused the push gets it with that request's id, all others without.
        let origin = self.origin.filter(|origin| origin.session == session.id);
        let request_id = origin.and_then(|origin| origin.request_id);
        let before_answer = origin.is_some_and(|origin| origin.before_answer);
        let Rendered { action, payload, frame, .. } = rendered;
        let action = *action;
        if let Some(trail) = session.trail() {
            let print = print(action, &self.push.body);
            let (payload, request_id) = (payload.clone(), request_id.map(Into::into));
            self.tracked.add(session, trail, Frame { action, payload, request_id, before_answer, print });
            return;
        }
        let frame = match request_id {
            Some(_) => envelope::push_frame(ApiVersion::V3_6, request_id, None, action, payload).into(),
            None => {
                frame.get_or_insert_with(|| envelope::push(ApiVersion::V3_6, action, payload).into()).clone()
            }
        };
        session.put(frame, before_answer, self.metrics);
    }
}

fn reaches_agent(license: &License, agent: &AgentId, push: &Push) -> bool {
    let groups = license.agent(agent).map(|agent| agent.groups.keys().copied().collect::<Vec<_>>());
    push.to.reaches_agent(agent, groups.unwrap_or_default())
}

/// Only a whole chat may hold deleted events, which look different to those who see them whole.
fn view_of_agent<'a>(license: &'a License, agent: &AgentId, push: &Push) -> View<'a> {
    match push.body {
        PushBody::IncomingChat { .. } => View::of_agent(license, agent),
        _ => View { surface: Surface::Agent, license, sees_deleted: false },
    }
}

/// Whether a push is for a user, whom it may name or not; watchers are not looked at.
pub(super) fn reaches(license: &License, user: &SessionUser, push: &Push) -> bool {
    match user {
        SessionUser::Agent(_, agent) => reaches_agent(license, agent, push),
        SessionUser::Customer(_, customer) => push.to.all_customers || push.to.customers.contains(customer),
    }
}

/// How a user sees a push.
pub(super) fn view_for<'a>(license: &'a License, user: &SessionUser, push: &Push) -> View<'a> {
    match user {
        SessionUser::Agent(_, agent) => view_of_agent(license, agent, push),
        SessionUser::Customer(..) => View::of_customers(license),
    }
}
