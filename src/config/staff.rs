//! Settings of one agent and of one group, by name: `switchboard agent set` and `switchboard group set` write through
//! here. Those of groups have the names of the protocol's properties, and -1 follows the license.

use super::kind::{Kind as _, Switch, Whole};
use super::overrides::OverrideError;
use super::typed;
use super::widget::{set_of_widget, shown_of_widget};
use crate::domain::id::GroupId;
use crate::domain::license::{Agent, AgentKind, Group, LoginStatus, Priority, WorkSchedule};
use crate::domain::property_definitions::Location;

const AGENT_GROUP: &str = "group.";

/// What can be set of an agent.
pub const AGENT_SETTINGS: &[(&str, &str)] = &[
    ("name", "display name"),
    ("max_chats_count", "chats at once; empty: the license's agent.max_chats_count"),
    ("login_status", "accepting_chats or not_accepting_chats: what a day begins with"),
    ("group.N", "first, normal, last or supervisor in group N; empty: not in it, in group 0 normal"),
    ("work_scheduler", "working hours as JSON, with timezone and schedule; empty: always"),
    ("suspended", "true: chats go to others, no new ones come"),
    ("awaiting_approval", "true: no chats until approved"),
    ("bot_type", "of a bot: ai_agent, or what else it is; empty: chatbot"),
];

/// What can be set of a group, besides [`WIDGET_SETTINGS`](super::WIDGET_SETTINGS).
pub const GROUP_SETTINGS: &[(&str, &str)] = &[
    ("name", "display name"),
    ("chats.manual_routing.override", "-1 as the license, 0 off, 1 on"),
    ("chats.queue.enabled.override", "-1 as the license, 0 off, 1 on"),
    ("chats.queue.reopen_threshold.override", "-1 as the license, or the group's own"),
    ("chats.queue.routing_priority", "whose chats leave the queue first: the higher number"),
];

/// Changes one setting of an agent; a group must be one of the license (`has_group`).
///
/// # Errors
/// An unknown name, or a value that is not allowed. Nothing is changed then.
pub fn set_of_agent(
    agent: &mut Agent,
    name: &str,
    text: &str,
    has_group: impl Fn(GroupId) -> bool,
) -> Result<(), OverrideError> {
    let not_allowed = |allowed: &str| OverrideError::wrong(name, text, allowed);
    match name {
        "name" => agent.name = display_name(name, text)?,
        "max_chats_count" if text.is_empty() => agent.max_chats_count = None,
        "max_chats_count" => agent.max_chats_count = Some(number(name, text, 0, 10_000)?),
        "login_status" => {
            agent.login_status = match text {
                "accepting_chats" | "accepting chats" => LoginStatus::AcceptingChats,
                "not_accepting_chats" | "not accepting chats" => LoginStatus::NotAcceptingChats,
                _ => return Err(not_allowed("accepting_chats or not_accepting_chats")),
            };
        }
        "work_scheduler" if text.is_empty() => agent.work_scheduler = None,
        "work_scheduler" => {
            let schedule = typed::from_json::<WorkSchedule>(text);
            let example = r#"JSON such as {"timezone":"Europe/Warsaw","schedule":[{"day":"monday","enabled":true,"start":"08:00","end":"16:00"}]}"#;
            agent.work_scheduler = Some(schedule.map_err(|_| not_allowed(example))?);
        }
        "suspended" => agent.suspended = switch(name, text)?,
        "awaiting_approval" => agent.awaiting_approval = switch(name, text)?,
        "bot_type" if agent.kind == AgentKind::Human => return Err(not_allowed("set of a bot alone")),
        "bot_type" => {
            agent.bot_type = (!text.is_empty()).then(|| display_name(name, text)).transpose()?;
        }
        _ => return set_membership(agent, name, text, has_group),
    }
    Ok(())
}

fn set_membership(
    agent: &mut Agent,
    name: &str,
    text: &str,
    has_group: impl Fn(GroupId) -> bool,
) -> Result<(), OverrideError> {
    let group = name.strip_prefix(AGENT_GROUP).and_then(|number| number.parse().ok()).map(GroupId);
    let group = group.ok_or_else(|| OverrideError::unknown(name, "an agent", AGENT_SETTINGS))?;
    if !has_group(group) {
        return Err(OverrideError::wrong(name, text, "of a group that the license has"));
    }
    let priority = match text {
        "" => {
            agent.groups.remove(&group);
            return Ok(());
        }
        "first" => Priority::First,
        "normal" => Priority::Normal,
        "last" => Priority::Last,
        "supervisor" => Priority::Supervisor,
        _ => return Err(OverrideError::wrong(name, text, "first, normal, last, supervisor or empty")),
    };
    agent.groups.insert(group, priority);
    Ok(())
}

/// Changes one setting of a group.
///
/// # Errors
/// An unknown name, or a value that is not allowed. Nothing is changed then.
pub fn set_of_group(group: &mut Group, name: &str, text: &str) -> Result<(), OverrideError> {
    let own = &mut group.routing;
    let override_of = |name, text: &str| match text {
        "-1" | "" => Ok(None),
        "0" => Ok(Some(false)),
        "1" => Ok(Some(true)),
        _ => Err(OverrideError::wrong(name, text, "-1, 0 or 1")),
    };
    match name {
        "name" => group.name = display_name(name, text)?,
        "chats.manual_routing.override" => own.manual = override_of(name, text)?,
        "chats.queue.enabled.override" => own.queue_enabled = override_of(name, text)?,
        "chats.queue.reopen_threshold.override" => {
            let threshold: i64 = number(name, if text.is_empty() { "-1" } else { text }, -1, 1_000_000)?;
            own.queue_reopen_threshold = u32::try_from(threshold).ok();
        }
        "chats.queue.routing_priority" => {
            own.routing_priority =
                number(name, if text.is_empty() { "0" } else { text }, -1_000_000, 1_000_000)?;
        }
        _ => {
            return set_of_widget(&mut group.widget, Location::Group, name, text).unwrap_or_else(|| {
                let known = [GROUP_SETTINGS, super::WIDGET_SETTINGS].concat();
                Err(OverrideError::unknown(name, "a group", &known))
            });
        }
    }
    Ok(())
}

/// What was set of an agent: name and text.
pub fn shown_of_agent(agent: &Agent) -> Vec<(String, String)> {
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut show = |name: &str, text: String| shown.push((name.to_owned(), text));
    if let Some(most) = agent.max_chats_count {
        show("max_chats_count", most.to_string());
    }
    if agent.login_status == LoginStatus::NotAcceptingChats {
        show("login_status", "not_accepting_chats".to_owned());
    }
    for (group, priority) in &agent.groups {
        let class = match priority {
            Priority::First => "first",
            Priority::Normal => "normal",
            Priority::Last => "last",
            Priority::Supervisor => "supervisor",
        };
        show(&format!("{AGENT_GROUP}{}", group.0), class.to_owned());
    }
    if let Some(schedule) = &agent.work_scheduler {
        show("work_scheduler", serde_json::to_string(schedule).unwrap_or_default());
    }
    if agent.awaiting_approval {
        show("awaiting_approval", "true".to_owned());
    }
    if let Some(kind) = &agent.bot_type {
        show("bot_type", kind.clone());
    }
    shown
}

/// What was set of a group: name and text.
pub fn shown_of_group(group: &Group) -> Vec<(String, String)> {
    let own = &group.routing;
    let switched = |switch: Option<bool>| switch.map(|on| u8::from(on).to_string());
    let all = [
        ("chats.manual_routing.override", switched(own.manual)),
        ("chats.queue.enabled.override", switched(own.queue_enabled)),
        ("chats.queue.reopen_threshold.override", own.queue_reopen_threshold.map(|most| most.to_string())),
        (
            "chats.queue.routing_priority",
            (own.routing_priority != 0).then(|| own.routing_priority.to_string()),
        ),
    ];
    let routing = all.into_iter().filter_map(|(name, text)| Some((name, text?)));
    routing.chain(shown_of_widget(&group.widget)).map(|(name, text)| (name.to_owned(), text)).collect()
}

fn number<T>(name: &str, text: &str, min: T, max: T) -> Result<T, OverrideError>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let kind = Whole { min, max };
    kind.parse(text).ok_or_else(|| OverrideError::wrong(name, text, &kind.allowed()))
}

fn switch(name: &str, text: &str) -> Result<bool, OverrideError> {
    Switch.parse(text).ok_or_else(|| OverrideError::wrong(name, text, &Switch.allowed()))
}

fn display_name(name: &str, text: &str) -> Result<String, OverrideError> {
    let is_fine = !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control);
    is_fine
        .then(|| text.to_owned())
        .ok_or_else(|| OverrideError::wrong(name, text, "1 to 200 bytes of one line"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::testing::an_agent;

    fn set(agent: &mut Agent, name: &str, text: &str) -> Result<(), OverrideError> {
        set_of_agent(agent, name, text, |group| group == GroupId(5))
    }

    #[test]
    fn what_is_set_of_an_agent_is_shown_and_taken_away() {
        let mut agent = an_agent("smith", &[], AgentKind::Bot);
        let hours = r#"{"timezone":"Europe/Warsaw","schedule":[{"day":"monday","enabled":true,"start":"08:00","end":"16:00"}]}"#;
        let settings = [
            ("max_chats_count", "3"),
            ("login_status", "not_accepting_chats"),
            ("group.5", "first"),
            ("work_scheduler", hours),
            ("awaiting_approval", "true"),
            ("bot_type", "ai_agent"),
        ];
        for (name, text) in settings {
            set(&mut agent, name, text).expect("a value that fits");
        }
        let shown = shown_of_agent(&agent);
        let shown: Vec<(&str, &str)> = shown.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(shown, settings);
        for (name, text) in [
            ("max_chats_count", ""),
            ("login_status", "accepting chats"),
            ("group.5", ""),
            ("work_scheduler", ""),
            ("bot_type", ""),
        ] {
            set(&mut agent, name, text).expect("can be taken away");
        }
        set(&mut agent, "awaiting_approval", "false").expect("can be taken away");
        assert_eq!(agent, an_agent("smith", &[], AgentKind::Bot));
    }

    #[test]
    fn what_is_wrong_is_named_and_changes_nothing() {
        let mut agent = an_agent("smith", &[], AgentKind::Human);
        for (name, text) in [
            ("max_chats_count", "-1"),
            ("login_status", "offline"),
            ("group.5", "second"),
            ("group.6", "first"),
            ("work_scheduler", "always"),
            ("suspended", "yes"),
            ("name", ""),
            ("role", "owner"),
            // Of a person.
            ("bot_type", "ai_agent"),
        ] {
            let error = set(&mut agent, name, text).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(agent, an_agent("smith", &[], AgentKind::Human));
    }

    #[test]
    fn a_group_follows_its_license_or_has_values_of_its_own() {
        let plain =
            Group { name: "Sales".to_owned(), routing: Default::default(), widget: Default::default() };
        let mut group = plain.clone();
        let settings = [
            ("chats.manual_routing.override", "1"),
            ("chats.queue.enabled.override", "0"),
            ("chats.queue.reopen_threshold.override", "5"),
            ("chats.queue.routing_priority", "7"),
            ("widget.language", "pl"),
        ];
        for (name, text) in settings {
            set_of_group(&mut group, name, text).expect("a value that fits");
        }
        let shown = shown_of_group(&group);
        let shown: Vec<(&str, &str)> = shown.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(shown, settings);
        for (name, _) in settings {
            let follow = match name {
                "chats.queue.routing_priority" => "0",
                "widget.language" => "",
                _ => "-1",
            };
            set_of_group(&mut group, name, follow).expect("can be taken away");
            assert!(set_of_group(&mut group, name, "too much").is_err());
        }
        assert_eq!(group, plain);
        assert!(set_of_group(&mut group, "chats.queue.limit", "5").is_err());
    }
}
