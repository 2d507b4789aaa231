//! Where a new chat begins its life: on the node of whoever starts it, if that can be had.
//!
//! Who starts a chat by websocket goes on talking through the node that they are connected to. If that node works for the chat, what they
//! say and what they are told crosses no link, and they lose one node at a time, not one of two. Which node works for a chat follows
//! from its id, so it is the id that is chosen.

use super::Actors;
use super::forward::Owner;
use crate::domain::id::{ChatId, LicenseId};

/// Ids that are looked at. With ten nodes of equal shares one chat in thirty begins somewhere else.
const LOOKED_AT: usize = 32;

impl Actors {
    /// The id of a new chat of a license: one that this node works for, unless none is found soon.
    pub fn near_chat_id(&self, license: LicenseId) -> ChatId {
        let is_here = |chat: &ChatId| {
            let shard = self.parts.ownership.shard_of(license.0, chat.as_str());
            matches!(self.owner(shard), Owner::Here(_))
        };
        nearest(|| self.ids().chat(), is_here)
    }
}

fn nearest(draw: impl Fn() -> ChatId, is_here: impl Fn(&ChatId) -> bool) -> ChatId {
    (0..LOOKED_AT).map(|_| draw()).find(is_here).unwrap_or_else(draw)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_first_id_that_is_here_is_taken_and_any_if_none_is() {
        let drawn = Cell::new(0);
        let draw = || {
            drawn.set(drawn.get() + 1);
            ChatId::new(drawn.get().to_string())
        };
        assert_eq!(nearest(draw, |id| id.as_str() == "7").as_str(), "7");
        assert_eq!(nearest(draw, |_| true).as_str(), "8");
        let anywhere = nearest(draw, |_| false);
        assert_eq!(anywhere.as_str(), (8 + LOOKED_AT + 1).to_string());
    }
}
