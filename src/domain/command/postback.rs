//! `send_rich_message_postback` (agents and customers, 3.6): a button of a rich message is pressed.

use serde::{Deserialize, Serialize};

use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::EventId;
use crate::domain::push::{Pressed, Push, PushBody};
use crate::domain::rejection::Rejection;

/// Bytes of a button's type or value as its presser tells it, and of what goes along.
const MAX_TEXT: usize = 4 * 1_024;

/// Presses a button.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendRichMessagePostback {
    /// The rich message.
    pub event: EventId,
    /// The button.
    pub postback: Pressed,
}

impl SendRichMessagePostback {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Some(user) = context.caller.user() else { return Ok(Decision::default()) };
        let (event, to) = context.subject_event(chat, &self.event)?;
        if !event.body.has_button(&self.postback.id) {
            return Err(Rejection::NotFound("button"));
        }
        if chat.has_hidden(&user) && event.visibility == Visibility::All {
            let message =
                "the customer would see who presses: the requester is in the chat with visibility agents";
            return Err(Rejection::validation("event_id", message));
        }
        let texts = [&self.postback.button_type, &self.postback.button_value];
        let longest = texts.into_iter().flatten().map(String::len).max().unwrap_or_default();
        let ecommerce = self.postback.ecommerce.as_ref().map_or(0, |document| document.0.get().len());
        if longest.max(ecommerce) > MAX_TEXT {
            return Err(Rejection::validation("postback", format!("at most {MAX_TEXT} bytes a field")));
        }
        let change = Change::PostbackToggled {
            event: self.event.clone(),
            button: self.postback.id.clone(),
            user: user.clone(),
            on: self.postback.toggled,
        };
        let thread = &self.event.thread;
        let is_last = chat.thread.as_ref().is_some_and(|last| last.id == *thread);
        // Told of the active thread only, by the protocol.
        let is_told = chat.active_thread().is_some_and(|active| active.id == *thread);
        let older_thread = (!is_last).then(|| thread.clone());
        let body = PushBody::IncomingRichMessagePostback {
            chat: chat.id.clone(),
            event: self.event,
            user,
            postback: self.postback,
        };
        let pushes = if is_told { vec![Push { body, to }] } else { Vec::new() };
        Ok(Decision { changes: vec![change], older_thread, pushes, reply: Reply::Done })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;
    use crate::domain::event::{Button, Element, EventBody, NewEvent};

    fn question() -> NewEvent {
        let button = Button {
            text: "Yes".to_owned(),
            kind: None,
            value: None,
            webview_height: None,
            postback_id: "yes".to_owned(),
            user_ids: Vec::new(),
            target: None,
        };
        let element = Element { buttons: Some(vec![button]), ..Element::default() };
        event(EventBody::RichMessage { template_id: "quick_replies".to_owned(), elements: vec![element] })
    }

    fn press(event: &EventId, button: &str, toggled: bool) -> Command {
        let postback = Pressed {
            id: button.to_owned(),
            toggled,
            button_type: None,
            button_value: None,
            ecommerce: None,
        };
        Command::SendRichMessagePostback(SendRichMessagePostback { event: event.clone(), postback })
    }

    fn pressed_by(story: &Story) -> Vec<String> {
        let last = &story.chat.last_public_events[&crate::domain::event::EventKind::RichMessage];
        let mut body = last.event.body.clone();
        body.buttons_mut("yes").flat_map(|button| button.user_ids.clone()).collect()
    }

    #[test]
    fn a_button_remembers_who_pressed_it_last_on() {
        let mut story = Story::with_smith();
        let id = story.agent("smith").sends_event(question()).event_id();
        let pressed = story.customer().gives(press(&id, "yes", true));
        assert_eq!(pressed.told("smith"), ["incoming_rich_message_postback"]);
        assert_eq!(pressed.told("kate"), ["incoming_rich_message_postback"]);
        story.customer().gives(press(&id, "yes", true)).done();
        assert_eq!(pressed_by(&story), [customer_id("kate").as_str()]);
        assert_eq!(story.reloaded(), story.chat);
        story.customer().gives(press(&id, "yes", false)).done();
        assert!(pressed_by(&story).is_empty());
    }

    #[test]
    fn nobody_is_told_of_a_button_in_a_closed_thread() {
        let mut story = Story::with_smith();
        let id = story.agent("smith").sends_event(question()).event_id();
        story.customer().closes().done();
        let pressed = story.customer().gives(press(&id, "yes", true));
        assert!(pressed.pushes().is_empty());
        assert_eq!(pressed_by(&story), [customer_id("kate").as_str()]);
    }

    #[test]
    fn who_hides_from_the_customer_presses_no_button_that_the_customer_sees() {
        let mut story = Story::with_smith();
        let id = story.agent("smith").sends_event(question()).event_id();
        let secret = story.agent("smith").sends_event(hidden(question())).event_id();
        story.agent("brown").supervises().done();
        assert_eq!(story.agent("brown").gives(press(&id, "yes", true)).wrong_field(), "event_id");
        let pressed = story.agent("brown").gives(press(&secret, "yes", true));
        assert_eq!(pressed.told("smith"), ["incoming_rich_message_postback"]);
        assert!(pressed.told("kate").is_empty());
    }

    #[test]
    fn a_button_that_is_not_there_cannot_be_pressed() {
        let mut story = Story::with_smith();
        let id = story.agent("smith").sends_event(question()).event_id();
        let text = story.agent("smith").sends("no buttons").event_id();
        let secret = story.agent("smith").sends_event(hidden(question())).event_id();
        for (event, button) in [(&id, "no"), (&text, "yes"), (&secret, "yes")] {
            let refused = story.customer().gives(press(event, button, true));
            assert!(matches!(refused.refused(), Rejection::NotFound(_)), "{event} {button}");
        }
    }
}
