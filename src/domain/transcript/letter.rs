//! The mail: a thread as its customer may see it, as plain text.

use std::sync::Arc;

use super::super::chat::Chat;
use super::super::event::{Element, Event, EventBody, FormAnswer, FormField, Visibility};
use super::super::id::{GroupId, UserId};
use super::super::license::License;
use super::super::time::Timestamp;

/// Bytes of text; what comes after is left out.
const MAX_TEXT: usize = 256 * 1_024;

/// What is mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl Letter {
    /// About the last thread of `chat`, which has these events.
    pub fn about(license: &License, chat: &Chat, events: &[Arc<Event>]) -> Self {
        let began = chat.thread.as_ref().map(|thread| thread.created_at).unwrap_or_default();
        let day = moment(began, "%Y-%m-%d");
        let mut groups = chat.access.group_ids.iter().filter(|group| **group != GroupId::ALL);
        let group = groups.next().and_then(|group| license.groups.get(group));
        let with = group.map(|group| format!(" with {}", one_line(&group.name))).unwrap_or_default();
        let mut text =
            format!("This is what was said in your chat{with}, begun on {day}. Times are UTC.\n\n");
        let reader = Reader { license, chat };
        for said in events.iter().filter_map(|event| reader.line(event)) {
            if text.len() + said.len() > MAX_TEXT {
                text.push_str("\nThe rest is too long for a mail.\n");
                break;
            }
            text.push_str(&said);
        }
        Self { subject: format!("Your chat{with}, {day}"), text }
    }
}

/// The customer, who is shown no agents' ids.
struct Reader<'a> {
    license: &'a License,
    chat: &'a Chat,
}

impl Reader<'_> {
    /// What they read of an event; none if they do not see it.
    fn line(&self, event: &Event) -> Option<String> {
        if event.visibility == Visibility::Agents {
            return None;
        }
        let at = moment(event.created_at, "%Y-%m-%d %H:%M:%S");
        let said = if event.deleted { "(deleted)".to_owned() } else { printable(&said(&event.body)?) };
        let said = said.trim_end().replace('\n', "\n    ");
        Some(match &event.author {
            Some(author) => format!("[{at}] {}: {said}\n", one_line(self.name(author))),
            None => format!("[{at}] {said}\n"),
        })
    }

    fn name<'n>(&'n self, user: &'n UserId) -> &'n str {
        match user {
            UserId::Agent(id) => self.license.agent(id).map_or("Agent", |agent| &agent.name),
            UserId::Customer(_) => self.chat.customer_name(),
        }
    }
}

/// The text of an event; none if it has none.
fn said(body: &EventBody) -> Option<String> {
    match body {
        EventBody::Message { text, .. } | EventBody::Annotation { text, .. } => Some(text.clone()),
        EventBody::RichMessage { elements, .. } => lines(elements.iter().flat_map(of_element)),
        EventBody::File(file) => Some(format!("{} ({})", file.name, file.url)),
        EventBody::Form { fields, .. } => lines(fields.iter().map(|field| field.label.clone())),
        EventBody::FilledForm { fields, .. } => lines(fields.iter().map(of_field)),
        EventBody::SystemMessage(message) => message.text.clone(),
        EventBody::Custom { .. } => None,
    }
}

fn lines(all: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = all.filter(|line| !line.is_empty()).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

fn of_element(element: &Element) -> Vec<String> {
    let texts = [&element.title, &element.subtitle].into_iter().flatten().cloned();
    let picture = element.image.iter().map(|image| image.url.clone());
    let buttons = element.buttons.iter().flatten().map(|button| format!("[{}]", button.text));
    texts.chain(picture).chain(buttons).collect()
}

fn of_field(field: &FormField) -> String {
    let typed = field.value.clone().into_iter().chain(field.answer.iter().map(|answer| match answer {
        FormAnswer::Text(text) => text.clone(),
        FormAnswer::Option(option) => option.label.clone(),
    }));
    let chosen = field.answers.iter().flatten().map(|option| option.label.clone());
    let answers: Vec<String> = typed.chain(chosen).collect();
    if answers.is_empty() { field.label.clone() } else { format!("{} {}", field.label, answers.join(", ")) }
}

/// Without what would do something to a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn moment(at: Timestamp, format: &str) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::NewThread;
    use crate::domain::command::testing::*;
    use crate::domain::event::FileBody;

    fn letter(story: &Story) -> Letter {
        Letter::about(&story.license, &story.chat, &story.events)
    }

    #[test]
    fn the_customer_reads_what_they_may_see_and_by_whom_it_was_said() {
        let mut story = Story::new();
        let in_sales = NewThread { access: Some(groups(&[1])), ..plain() };
        story.router_assigns("smith").customer().starts_with(in_sales).done();
        story.wait(1).customer().sends("hello\nis anybody there?\u{1b}[2J").done();
        story.wait(1).agent("smith").whispers("a difficult one").done();
        story.wait(1).agent("smith").sends("yes").done();
        let file = FileBody {
            url: "https://chat.example/f/plan.pdf".to_owned(),
            name: "plan.pdf".to_owned(),
            content_type: "application/pdf".to_owned(),
            size: None,
            width: None,
            height: None,
            thumbnail_url: None,
            thumbnail2x_url: None,
            alternative_text: None,
        };
        story.wait(1).agent("smith").sends_event(event(EventBody::File(file))).done();
        story.wait(1).customer().sends("a secret").done();
        Arc::make_mut(story.events.last_mut().expect("an event")).deleted = true;
        let Letter { subject, text } = letter(&story);
        assert_eq!(subject, "Your chat with Sales, 2023-11-14");
        let expected = "\
This is what was said in your chat with Sales, begun on 2023-11-14. Times are UTC.

[2023-11-14 22:13:20] Chat assigned to Smith
[2023-11-14 22:13:21] Kate: hello
    is anybody there?[2J
[2023-11-14 22:13:23] Smith: yes
[2023-11-14 22:13:24] Smith: plan.pdf (https://chat.example/f/plan.pdf)
[2023-11-14 22:13:25] Kate: (deleted)
";
        assert_eq!(text, expected);
        // Nobody's address is told when they are gone.
        story.license.agents.clear();
        assert!(letter(&story).text.contains("] Agent: yes\n"));
    }

    #[test]
    fn a_long_thread_is_cut_off_and_a_subject_is_one_line() {
        let mut story = Story::with_smith();
        for _ in 0..20 {
            story.customer().sends("x".repeat(16_000).as_str()).done();
        }
        let Letter { subject, text } = letter(&story);
        assert_eq!(subject, "Your chat, 2023-11-14");
        assert!(text.len() < MAX_TEXT + 100 && text.ends_with("\nThe rest is too long for a mail.\n"));
        story.license.groups.get_mut(&GroupId(1)).expect("a group").name =
            "Sales\r\nBcc: a@b.example".to_owned();
        story.chat.access = groups(&[1]);
        assert!(!letter(&story).subject.contains(char::is_control));
    }
}
