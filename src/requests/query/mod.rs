//! The methods that read.

mod archives;
mod get_chat;
mod list_chats;
mod list_threads;

use std::sync::Arc;

use super::error::of_ask;
use super::pipeline::{Call, Requests};
use crate::actors::ChatKey;
use crate::actors::chat::Snapshot;
use crate::domain::chat::Chat;
use crate::domain::command::{Caller, Reach, can_see, can_see_thread};
use crate::domain::id::ChatId;
use crate::domain::thread::Thread;
use crate::protocol::error::{ErrorType, WireError};

impl Requests {
    /// A chat that the requester may see, as it is now.
    pub(super) async fn visible_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<Arc<Snapshot>, WireError> {
        let snapshot = self.chat_now(call, chat).await?;
        check_sees(call, &snapshot.chat)?;
        Ok(snapshot)
    }

    /// A chat of whose threads the requester may see some, as it is now. For agents this remains to be asked of each thread; a
    /// customer sees all or none.
    pub(super) async fn partly_visible_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<Arc<Snapshot>, WireError> {
        match call.who.agent() {
            Some(_) => self.chat_now(call, chat).await,
            None => self.visible_chat(call, chat).await,
        }
    }

    async fn chat_now(&self, call: &Call<'_>, chat: &ChatId) -> Result<Arc<Snapshot>, WireError> {
        let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
        let surface = call.who.surface();
        let snapshot = self.parts.actors.inspect(&key).await.map_err(|error| of_ask(error, surface))?;
        if snapshot.chat.thread.is_none() {
            return Err(WireError::new(ErrorType::NotFound, "chat not found"));
        }
        Ok(snapshot)
    }
}

/// The pages beside one: name, the item or row behind which each begins (none: at the list's end), and whether it lies before
/// that. `ends` are the page's first and last item, `edge` is where its walk stopped, if the list goes on there. A page without
/// items, because what was looked at is not for the reader, has the same neighbours as any other.
fn pages_beside<P: Clone>(
    is_first: bool,
    is_backwards: bool,
    (first, last): (Option<P>, Option<P>),
    edge: Option<P>,
) -> impl Iterator<Item = (&'static str, Option<P>, bool)> {
    let ahead = edge.clone().map(Some);
    let behind = |end: Option<P>| end.or(edge);
    let (next, previous) = match is_backwards {
        true => (Some(behind(last)), ahead),
        false => (ahead, (!is_first).then(|| behind(first))),
    };
    let next = next.map(|after| ("next", after, false));
    next.into_iter().chain(previous.map(|after| ("previous", after, true)))
}

/// Refuses whoever may not see the chat.
fn check_sees(call: &Call<'_>, chat: &Chat) -> Result<(), WireError> {
    can_see(chat, &call.who.reader(), &call.who.license)
        .map_err(|rejection| WireError::from_rejection(rejection, call.who.surface()))
}

/// Refuses whoever may not see this thread of the chat.
fn check_sees_thread(call: &Call<'_>, chat: &Chat, thread: &Thread) -> Result<(), WireError> {
    can_see_thread(chat, thread, &call.who.reader(), &call.who.license)
        .map_err(|rejection| WireError::from_rejection(rejection, call.who.surface()))
}

/// Whether nothing of a chat that the requester sees is hidden from them, whatever groups its threads were open to.
fn sees_every_thread(call: &Call<'_>) -> bool {
    !matches!(call.who.reader(), Caller::Agent { reach, .. } if reach < Reach::All)
}

#[cfg(test)]
mod tests {
    use super::pages_beside;

    /// A list as its readers walk it: pages of two of those that count, at most three looked at for one page.
    fn page(counts: &[bool], after: Option<usize>, backwards: bool) -> (Vec<usize>, Option<usize>) {
        let mut places: Vec<usize> = match after {
            None => (0..counts.len()).collect(),
            Some(after) if backwards => (0..after).collect(),
            Some(after) => (after + 1..counts.len()).collect(),
        };
        if backwards {
            places.reverse();
        }
        let (mut items, mut edge) = (Vec::new(), None);
        for (looked_at, place) in places.into_iter().enumerate() {
            if looked_at == 3 || items.len() == 2 {
                if backwards {
                    items.reverse();
                }
                return (items, edge);
            }
            edge = Some(place);
            items.extend(counts[place].then_some(place));
        }
        if backwards {
            items.reverse();
        }
        (items, None)
    }

    /// The items that somebody meets who follows the pages of one name from a page on, and the last page.
    fn walk(
        counts: &[bool],
        from: (Option<usize>, bool),
        is_first: bool,
        name: &str,
    ) -> (Vec<usize>, (Option<usize>, bool)) {
        let (mut at, mut is_first, mut pages) = (from, is_first, Vec::new());
        loop {
            let (items, edge) = page(counts, at.0, at.1);
            let ends = (items.first().copied(), items.last().copied());
            pages.push(items);
            assert!(pages.len() < 100, "the pages do not end");
            let beside = pages_beside(is_first, at.1, ends, edge);
            let next = beside.into_iter().find(|(found, ..)| *found == name);
            let Some((_, after, backwards)) = next else {
                if name == "previous" {
                    pages.reverse();
                }
                return (pages.concat(), at);
            };
            (at, is_first) = ((after, backwards), false);
        }
    }

    #[test]
    fn pages_lead_through_the_whole_list_in_both_directions_whatever_does_not_count() {
        for pattern in 0_u32..1 << 10 {
            let counts: Vec<bool> = (0..10).map(|bit| pattern & (1 << bit) != 0).collect();
            let all: Vec<usize> = (0..10).filter(|place| counts[*place]).collect();
            let (forth, end) = walk(&counts, (None, false), true, "next");
            assert_eq!(forth, all, "{counts:?}");
            let (back, start) = walk(&counts, end, false, "previous");
            assert_eq!(back, all, "back: {counts:?}");
            let (again, _) = walk(&counts, start, false, "next");
            assert_eq!(again, all, "and there again: {counts:?}");
        }
    }
}
