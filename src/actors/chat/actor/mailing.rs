//! Transcripts that the chat owes are mailed, whoever owns it by then: what is owed is part of its state, so a chat that was loaded
//! after its last owner died goes on with it.
//!
//! The mail goes out before it is stored that it did: if the node or the store fails between the two, it goes out twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use tokio::sync::oneshot;

use super::super::super::elsewhere::ChatCall;
use super::super::super::post::{Post, Receipt};
use super::super::super::{Actors, AskError};
use super::super::history::History;
use super::super::log::LogWriter;
use super::{ChatActor, Job, REFUSED_PAUSE, Work};
use crate::domain::command::{Caller, Command, SettleTranscript};
use crate::domain::id::ThreadId;
use crate::domain::time::Timestamp;
use crate::domain::transcript::{self, Letter, Owed};

/// How far the chat's mail is.
#[derive(Default)]
pub(super) struct Mailing {
    is_under_way: bool,
    /// What nothing is done about for now.
    waits: BTreeMap<ThreadId, Wait>,
}

struct Wait {
    until: Timestamp,
    /// It is out of our hands, which is not stored yet.
    is_done: bool,
}

impl Mailing {
    /// The chat has to stay in memory.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let untils = self.waits.values().map(|wait| wait.until);
        untils.min().filter(|_| !self.is_under_way)
    }
}

enum Mailed {
    /// It is out of our hands, or given up.
    Done(ThreadId),
    /// To be tried again then.
    Later(ThreadId, Timestamp),
}

impl ChatActor {
    /// After a turn: mails the first transcript that the chat owes and whose time has come.
    pub(super) fn mail_transcript(&mut self, ctx: &mut Context<Self>) {
        let Some(post) = self.actors.parts.post.clone().filter(|_| !self.mailing.is_under_way) else {
            return;
        };
        let Some(state) = &self.state else { return };
        let owed: Vec<Owed> = transcript::owed(&state.chat).collect();
        self.mailing.waits.retain(|thread, _| owed.iter().any(|owed| owed.thread == *thread));
        let now = self.actors.parts.clock.now();
        let waits = |owed: &Owed| self.mailing.waits.get(&owed.thread);
        let Some(owed) = owed.into_iter().find(|owed| waits(owed).is_none_or(|wait| wait.until <= now))
        else {
            return;
        };
        if waits(&owed).is_some_and(|wait| wait.is_done) {
            // The store did not take it, so it is told once more, and not mailed.
            self.settle_transcript(owed.thread);
            return;
        }
        self.mailing.is_under_way = true;
        let work = mail(self.actors.clone(), self.writer.clone(), post, owed);
        ctx.spawn(Box::pin(work).into_actor(self).map(|mailed, actor, ctx| actor.mailed(mailed, ctx)));
    }

    fn mailed(&mut self, mailed: Mailed, ctx: &mut Context<Self>) {
        self.mailing.is_under_way = false;
        match mailed {
            Mailed::Done(thread) => self.settle_transcript(thread),
            Mailed::Later(thread, until) => {
                self.mailing.waits.insert(thread, Wait { until, is_done: false });
            }
        }
        // A turn that runs does the rest when it ends.
        if !self.in_turn {
            self.mail_transcript(ctx);
            self.arm(ctx, Duration::ZERO);
            self.turn(ctx);
        }
    }

    fn settle_transcript(&mut self, thread: ThreadId) {
        let until = self.actors.parts.clock.now().after(REFUSED_PAUSE);
        self.mailing.waits.insert(thread.clone(), Wait { until, is_done: true });
        let (reply, _) = oneshot::channel();
        let work = Work::Command(Box::new(Command::SettleTranscript(SettleTranscript { thread })));
        let key = self.writer.key.clone();
        self.queue
            .push_back(Job { call: ChatCall { key, work, caller: Caller::Server, origin: None }, reply });
    }
}

async fn mail(actors: Arc<Actors>, writer: LogWriter, post: Arc<dyn Post>, owed: Owed) -> Mailed {
    let (license, chat) = (writer.key.license, &writer.key.chat);
    let given_up = match try_to_mail(&actors, &writer, &*post, &owed).await {
        Ok(Receipt::Taken) => return Mailed::Done(owed.thread),
        Ok(Receipt::Refused) => "no mail can be sent there",
        Ok(Receipt::Later) | Err(_) => match owed.again(actors.parts.clock.now()) {
            Some(at) => return Mailed::Later(owed.thread, at),
            None => "nobody has taken it for too long",
        },
    };
    tracing::warn!(license.id = %license, chat.id = %chat, reason = given_up, "a transcript was not mailed");
    Mailed::Done(owed.thread)
}

async fn try_to_mail(
    actors: &Actors,
    writer: &LogWriter,
    post: &dyn Post,
    owed: &Owed,
) -> Result<Receipt, AskError> {
    let id = writer.key.license;
    let Ok(address) = owed.address.parse() else { return Ok(Receipt::Refused) };
    let license = actors.parts.licenses.license(id).await?.ok_or(AskError::NoLicense)?;
    let letter = {
        let _room = actors.own_readers.room(actors.most_of_a_thread()).await;
        let Some(thread) = History::read(actors, id, &owed.thread, None).await? else {
            return Ok(Receipt::Refused);
        };
        Letter::about(&license, &thread.chat, &thread.events)
    };
    // Whoever lost the chat and does not know it mails nothing.
    writer.validate(actors).await?;
    Ok(post.send(id, &address, &letter).await)
}
