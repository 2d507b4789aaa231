//! `get_chat` (agents and customers, 3.6): the chat with one of its threads.

use crate::actors::chat::Snapshot;
use crate::actors::reading::Whole;
use crate::domain::id::{ChatId, ThreadId};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::view::ThreadParts;
use crate::requests::error::of_ask;
use crate::requests::pipeline::{Call, Requests};

use super::{check_sees, check_sees_thread};

impl Requests {
    pub(in crate::requests) async fn get_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        thread: Option<&ThreadId>,
    ) -> Result<String, WireError> {
        let snapshot = match thread {
            Some(_) => self.partly_visible_chat(call, chat).await?,
            None => self.visible_chat(call, chat).await?,
        };
        let last = snapshot.chat.thread.as_ref().map(|thread| &thread.id);
        let wanted =
            thread.or(last).ok_or_else(|| WireError::new(ErrorType::NotFound, "thread not found"))?;
        // Until the answer is made.
        let whole = match self.thread(call, &snapshot, wanted).await {
            Ok(whole) => whole,
            Err(error) => {
                // Whoever sees nothing of the chat is not told which threads it has.
                check_sees(call, &snapshot.chat)?;
                return Err(error);
            }
        };
        let history = &whole.history;
        let head = history
            .chat
            .thread
            .as_ref()
            .ok_or_else(|| WireError::new(ErrorType::NotFound, "thread not found"))?;
        check_sees_thread(call, &snapshot.chat, head)?;
        let queue = self.queue_place(call, &snapshot.chat).await;
        let next = self.next_thread(call, &snapshot, head).await?;
        let parts = ThreadParts {
            thread: head,
            events: &history.events,
            next_thread_id: next.as_ref(),
            queue: queue.filter(|_| Some(&head.id) == last),
        };
        Ok(self.view(call).chat(&snapshot.chat, Some(parts), call.who.agent()))
    }

    /// One thread of a chat, as of the snapshot. Threads of other chats do not exist here.
    pub(super) async fn thread(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        thread: &ThreadId,
    ) -> Result<Whole, WireError> {
        let is_last = snapshot.chat.thread.as_ref().is_some_and(|last| last.id == *thread);
        let actors = &self.parts.actors;
        let whole = match is_last {
            true => actors.read_last_thread(&snapshot.chat, snapshot.seq).await,
            false => actors.read_thread(call.who.license_id(), thread).await,
        };
        whole
            .map_err(|error| of_ask(error, call.who.surface()))?
            .filter(|whole| whole.history.chat.id == snapshot.chat.id)
            .ok_or_else(|| WireError::new(ErrorType::NotFound, "thread not found"))
    }
}
