//! `follow_chat` and `unfollow_chat` (agents, 3.6): all pushes of a chat without being in it.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Caller, Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::UserId;
use crate::domain::push::{Audience, PushBody, ThreadEvents};
use crate::domain::rejection::Rejection;

/// Follows the chat until it is unfollowed or its next thread is opened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct FollowChat;

/// Stops following.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
        draft.change(Change::Followed(id.clone()));
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
        let Caller::Agent { id, .. } = context.caller else {
            return Err(Rejection::Authorization("only agents follow chats"));
        };
        // Who follows a chat that was handed to other groups must be able to leave it alone.
        if !chat.is_followed_by(id) {
            context.check_access(chat)?;
        }
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

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Reach, TransferTo};
    use super::*;

    #[test]
    fn a_follower_gets_the_chat_and_then_all_pushes_of_its_members() {
        let mut story = Story::asked();
        let followed = story.agent("brown").follows();
        assert_eq!(followed.told("brown"), ["incoming_chat"]);
        assert_eq!(followed.told("smith"), [""; 0]);
        assert!(!story.is_present("brown"));
        assert_eq!(story.customer().sends("hello").told("brown"), ["incoming_event"]);
    }

    #[test]
    fn members_and_followers_get_the_chat_only_once() {
        let mut story = Story::with_smith();
        assert!(story.agent("smith").follows().is_nothing());
        story.agent("brown").follows().done();
        assert!(story.agent("brown").follows().is_nothing());
    }

    #[test]
    fn after_unfollowing_only_key_changes_arrive() {
        let mut story = Story::asked();
        story.agent("brown").follows().done();
        assert_eq!(story.agent("brown").unfollows().told("brown"), ["chat_unfollowed"]);
        assert!(story.customer().sends("hello").told("brown").is_empty());
        assert_eq!(story.customer().closes().told("brown"), ["chat_deactivated"]);
    }

    #[test]
    fn members_cannot_unfollow() {
        let mut story = Story::with_smith();
        assert_eq!(story.agent("smith").unfollows().wrong_field(), "id");
    }

    #[test]
    fn unfollowing_without_following_does_nothing() {
        let mut story = Story::with_smith();
        assert!(story.agent("brown").unfollows().is_nothing());
    }

    #[test]
    fn following_lasts_until_the_chat_is_reactivated() {
        let mut story = Story::with_smith();
        story.agent("brown").follows().done();
        story.customer().closes().done();
        assert!(story.chat.is_followed_by(&agent_id("brown")));
        story.customer().resumes().done();
        assert!(!story.chat.is_followed_by(&agent_id("brown")));
    }

    #[test]
    fn a_follower_who_lost_access_can_unfollow() {
        let mut story = Story::with_smith();
        story.agent("brown").follows().done();
        let to = TransferTo::Groups(groups(&[1]).group_ids);
        story.router_assigns("smith").agent("smith").transfers(to).done();
        story.agent("brown").unfollows().done();
        story.agent_reaching("brown", Reach::All).follows().done();
    }

    #[test]
    fn customers_do_not_follow() {
        let mut story = Story::with_smith();
        assert!(matches!(story.customer().follows().refused(), Rejection::Authorization(_)));
        assert!(matches!(story.customer().unfollows().refused(), Rejection::Authorization(_)));
    }
}
