//! What was stored is told: to those who asked, to the sessions, to the router.

use std::sync::Arc;

use super::super::super::AskError;
use super::super::super::delivery::{Cause, Mark, Place};
use super::super::super::router::Report;
use super::super::actor::Answer;
use super::super::history::{History, MAX_EVENTS_IN_PUSH};
use super::super::load::State;
use super::super::log::LogWriter;
use super::{Held, Turn};
use crate::domain::command::Reply;
use crate::domain::event::Event;
use crate::domain::push::{Push, PushBody, ThreadEvents};

impl Turn {
    /// Answers and pushes, in the order of the commands.
    pub(super) async fn tell(&mut self, state: &mut State) -> Result<(), AskError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let needs_log = self.held.iter().any(|held| held.pushes.iter().any(|push| from_log(push).is_some()));
        if needs_log {
            Box::pin(self.fill_in_events(state)).await?;
        }
        let (license, _) = self.tenant.as_ref().ok_or(AskError::NoLicense)?;
        self.actors.stored(std::mem::take(&mut self.events));
        let delivery = &self.actors.parts.delivery;
        for Held { reply, answer, pushes, origin, place } in self.held.drain(..) {
            let mark = (!pushes.is_empty()).then(|| mark(state, place)).flatten();
            let cause = Cause { origin: origin.as_ref(), mark: mark.as_ref(), before_answer: false };
            match &origin {
                // One wake and one write of the sender's socket for the answer and their own copy of the event.
                Some(origin) if is_last_word(&answer) => {
                    delivery.deliver(license, &pushes, Cause { before_answer: true, ..cause });
                    if reply.send(Ok(answer)).is_err() {
                        delivery.wake(origin);
                    }
                }
                _ => {
                    let _ = reply.send(Ok(answer));
                    if !pushes.is_empty() {
                        delivery.deliver(license, &pushes, cause);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whoever gains a chat gets its last thread's events with it.
    async fn fill_in_events(&mut self, state: &State) -> Result<(), AskError> {
        let Some(thread) = state.chat.thread.as_ref().map(|thread| thread.id.clone()) else { return Ok(()) };
        let license = self.writer.key.license;
        let pushes = self.held.iter().flat_map(|held| &held.pushes);
        // The first of several that gain it may have come before others wrote.
        let first = pushes.filter_map(from_log).min().unwrap_or(0).saturating_sub(MAX_EVENTS_IN_PUSH as u64);
        let keep = |events: &mut Vec<Arc<Event>>| events.retain(|event| event.id.number > first);
        let history = {
            let _room = self.actors.room_for_turn(&state.chat, &thread).await;
            History::read_keeping(&self.actors, license, &thread, Some(state.seq), keep).await?
        };
        let all = history.map(|history| history.events).unwrap_or_default();
        for push in self.held.iter_mut().flat_map(|held| &mut held.pushes) {
            let Some(count) = from_log(push) else { continue };
            if let PushBody::IncomingChat { events, .. } = &mut push.body {
                let known = all.iter().filter(|event| event.id.number <= count);
                let skip = known.clone().count().saturating_sub(MAX_EVENTS_IN_PUSH);
                *events = ThreadEvents::Given(known.skip(skip).cloned().collect());
            }
        }
        Ok(())
    }

    /// Lets the router know, if what it sees has changed or a decision of its own is settled.
    pub(super) fn report(&self, state: &State) {
        let is_settled = self.settled == Some(state.settled);
        if is_settled && self.routing.is_none() {
            return;
        }
        let view = state.chat.routing_view();
        if is_settled && self.routing.as_ref() == Some(&view) {
            return;
        }
        let LogWriter { key, shard, epoch, .. } = &self.writer;
        let (version, settled) = (state.place(0).version(), state.settled);
        let report = Report { chat: key.chat.clone(), version, settled, view };
        self.actors.router(key.license).report(report, (*shard, *epoch));
    }
}

/// The stretch from what was told before up to `place`, which counts as told from here on.
fn mark(state: &mut State, place: Place) -> Option<Mark> {
    let thread = state.chat.thread.as_ref().map(|thread| thread.id.clone())?;
    let from = std::mem::replace(&mut state.told, place);
    Some(Mark { chat: state.chat.id.clone(), thread, from, to: place })
}

/// Whether the request ends with this answer, with nothing left to do that its session would have to wait for.
fn is_last_word(answer: &Answer) -> bool {
    matches!(answer, Answer::Reply(Reply::Event(_)))
}

/// How many events the chat of such a push had.
fn from_log(push: &Push) -> Option<u64> {
    match &push.body {
        PushBody::IncomingChat { events: ThreadEvents::FromLog, chat, .. } => {
            Some(chat.thread.as_ref().map_or(0, |thread| thread.events))
        }
        _ => None,
    }
}
