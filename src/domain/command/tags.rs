//! `tag_thread` and `untag_thread` (agents, 3.6): labels of a thread, for agents only.

use serde::{Deserialize, Serialize};

use super::{Context, Decision, Reply, SubjectRequest};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::ThreadId;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::thread::Thread;

/// Bytes of a tag.
const MAX_TAG: usize = 256;
/// Tags of one thread.
const MAX_TAGS: usize = 100;

/// Puts a tag on a thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TagThread {
    /// Which thread.
    pub thread: ThreadId,
    /// The tag's name; upper and lower case differ.
    pub tag: String,
}

/// Takes a tag off a thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UntagThread {
    /// Which thread.
    pub thread: ThreadId,
    /// The tag's name.
    pub tag: String,
}

/// Threads other than the last have to be read first.
pub(super) fn subject_request(thread: &ThreadId, chat: &Chat) -> Option<SubjectRequest> {
    let is_last = chat.thread.as_ref().is_some_and(|last| last.id == *thread);
    (!is_last).then(|| SubjectRequest::Thread(thread.clone()))
}

impl TagThread {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Self { thread, tag } = self;
        let tagged = tagged(chat, context, &thread)?;
        let tags = &tagged.tags;
        if tag.is_empty() || tag.len() > MAX_TAG {
            return Err(Rejection::validation("tag", format!("1 to {MAX_TAG} bytes")));
        }
        if tags.contains(&tag) {
            return Ok(Decision::default());
        }
        if tags.len() >= MAX_TAGS {
            return Err(Rejection::LimitReached("a thread has at most 100 tags"));
        }
        let body = PushBody::ThreadTagged { chat: chat.id.clone(), thread: thread.clone(), tag: tag.clone() };
        Ok(told(chat, tagged, (Change::Tagged { thread, tag }, body), context))
    }
}

impl UntagThread {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Self { thread, tag } = self;
        let tagged = tagged(chat, context, &thread)?;
        if !tagged.tags.contains(&tag) {
            return Ok(Decision::default());
        }
        let body =
            PushBody::ThreadUntagged { chat: chat.id.clone(), thread: thread.clone(), tag: tag.clone() };
        Ok(told(chat, tagged, (Change::Untagged { thread, tag }, body), context))
    }
}

fn tagged<'a>(chat: &'a Chat, context: &'a Context<'_>, id: &ThreadId) -> Result<&'a Thread, Rejection> {
    let last = chat.thread.as_ref().filter(|last| last.id == *id);
    last.map_or_else(|| context.subject_thread(chat, id), Ok)
}

fn told(chat: &Chat, thread: &Thread, (change, body): (Change, PushBody), context: &Context<'_>) -> Decision {
    let is_last = chat.thread.as_ref().is_some_and(|last| last.id == thread.id);
    let to = if is_last { chat.everybody() } else { context.audience_of_earlier(chat, thread) };
    let to = Audience { customers: Vec::new(), ..to };
    Decision {
        changes: vec![change],
        older_thread: (!is_last).then(|| thread.id.clone()),
        pushes: vec![Push { body, to }],
        reply: Reply::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn tag(thread: &ThreadId, tag: &str) -> Command {
        Command::TagThread(TagThread { thread: thread.clone(), tag: tag.to_owned() })
    }

    fn untag(thread: &ThreadId, tag: &str) -> Command {
        Command::UntagThread(UntagThread { thread: thread.clone(), tag: tag.to_owned() })
    }

    #[test]
    fn a_tag_is_told_to_every_agent_with_access_and_to_no_customer() {
        let mut story = Story::with_smith();
        let thread = story.thread_id();
        let tagged = story.agent("smith").gives(tag(&thread, "Sales"));
        assert_eq!(tagged.told("brown"), ["thread_tagged"]);
        assert!(tagged.told("kate").is_empty());
        assert_eq!(story.thread().tags, ["Sales"]);
        assert_eq!(story.reloaded(), story.chat);
        assert_eq!(story.agent("brown").gives(untag(&thread, "Sales")).told("smith"), ["thread_untagged"]);
        assert!(story.thread().tags.is_empty());
    }

    #[test]
    fn a_tag_stands_once_and_case_matters() {
        let mut story = Story::with_smith();
        let thread = story.thread_id();
        story.agent("smith").gives(tag(&thread, "sales")).done();
        assert!(story.agent("smith").gives(tag(&thread, "sales")).is_nothing());
        assert!(story.agent("smith").gives(untag(&thread, "Sales")).is_nothing());
        story.agent("smith").gives(tag(&thread, "Sales")).done();
        assert_eq!(story.thread().tags, ["sales", "Sales"]);
    }

    #[test]
    fn a_thread_of_the_past_is_tagged_in_its_own_log() {
        let mut story = Story::closed();
        let old = story.thread_id();
        story.customer().resumes().done();
        let tagged = story.agent("smith").gives(tag(&old, "x"));
        assert_eq!(tagged.decision().older_thread.as_ref(), Some(&old));
        assert!(story.thread().tags.is_empty());
    }

    #[test]
    fn tags_are_bounded_and_stand_on_threads_of_the_chat() {
        let mut story = Story::with_smith();
        let thread = story.thread_id();
        for wrong in [String::new(), "x".repeat(257)] {
            assert_eq!(story.agent("smith").gives(tag(&thread, &wrong)).wrong_field(), "tag");
        }
        for n in 0..100 {
            story.agent("smith").gives(tag(&thread, &n.to_string())).done();
        }
        let more = story.agent("smith").gives(tag(&thread, "more"));
        assert!(matches!(more.refused(), Rejection::LimitReached(_)));
        let stray = story.agent("smith").gives(tag(&ThreadId::from("ELSEWHERE"), "x"));
        assert_eq!(stray.refused(), &Rejection::NotFound("thread"));
    }
}
