//! `follow_chat` and `unfollow_chat` (agents, 3.6): all pushes of a chat without being in it.

use super::draft::Draft;
use super::{Caller, Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::UserId;
use crate::domain::push::{Audience, PushBody, ThreadEvents};
use crate::domain::rejection::Rejection;

/// Follows the chat until it is unfollowed or its next thread is opened.
#[derive(Clone, Copy, Debug)]
pub struct FollowChat;

/// Stops following.
#[derive(Clone, Copy, Debug)]
pub struct UnfollowChat;

impl FollowChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Caller::Agent { id, .. } = context.caller else {
            return Err(Rejection::Authorization("only agents follow chats"));
        };
        let member = chat.present_user(&UserId::Agent(id.clone())).is_some();
        if member || chat.is_followed_by(id) {
            return Ok(Decision::default());
        }
        let mut draft = Draft::new(chat, context);
        if chat.thread.is_some() {
            draft.change(Change::Followed(id.clone()));
        }
        let body = PushBody::IncomingChat {
            requester: context.caller.user(),
            chat: Box::new(draft.chat.clone()),
            events: ThreadEvents::FromLog,
            queue: None,
            transferred_from: None,
        };
        draft.push(body, Audience { agents: vec![id.clone()], ..Audience::default() });
        Ok(draft.decision(Reply::Done))
    }
}

impl UnfollowChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Caller::Agent { id, .. } = context.caller else {
            return Err(Rejection::Authorization("only agents follow chats"));
        };
        if chat.present_user(&UserId::Agent(id.clone())).is_some() {
            return Err(Rejection::validation("id", "members of a chat cannot unfollow it"));
        }
        let mut draft = Draft::new(chat, context);
        if chat.is_followed_by(id) {
            draft.change(Change::Unfollowed(id.clone()));
            draft.push(
                PushBody::ChatUnfollowed { chat: chat.id.clone() },
                Audience { agents: vec![id.clone()], ..Audience::default() },
            );
        }
        Ok(draft.decision(Reply::Unfollowed(chat.id.clone())))
    }
}
