//! `switchboard agent set|remove`, `switchboard group set|remove`, `switchboard explain`

use std::error::Error;
use std::fmt::Write as _;

use super::args::{AgentCommand, Explain, GroupCommand};
use super::license::show;
use super::operate::operate;
use super::print;
use crate::admin::{Operation, Outcome};
use crate::config::Config;
use crate::domain::id::{AgentId, ChatId, GroupId, LicenseId};
use crate::domain::routing::{Considered, DecisionRecord, Outcome as Decided, Question};

/// Runs `switchboard agent …`.
pub(super) fn agent(config: &Config, command: AgentCommand) -> Result<(), Box<dyn Error>> {
    let (operation, json) = match command {
        AgentCommand::Set(flags) => {
            let (license, agent) = (flags.of.license.map(LicenseId), AgentId::new(flags.agent));
            let settings = flags.set.into_iter().collect();
            (Operation::ChangeAgent { license, agent, settings }, flags.of.json)
        }
        AgentCommand::Remove(flags) => {
            let (license, agent) = (flags.of.license.map(LicenseId), AgentId::new(flags.agent));
            (Operation::RemoveAgent { license, agent }, flags.of.json)
        }
    };
    show(config, operation, json)
}

/// Runs `switchboard group …`.
pub(super) fn group(config: &Config, command: GroupCommand) -> Result<(), Box<dyn Error>> {
    let (operation, json) = match command {
        GroupCommand::Set(flags) => {
            let (license, group) = (flags.of.license.map(LicenseId), GroupId(flags.group));
            let settings = flags.set.into_iter().collect();
            (Operation::ChangeGroup { license, group, settings }, flags.of.json)
        }
        GroupCommand::Remove(flags) => {
            let (license, group) = (flags.of.license.map(LicenseId), GroupId(flags.group));
            (Operation::RemoveGroup { license, group }, flags.of.json)
        }
    };
    show(config, operation, json)
}

/// Runs `switchboard explain`.
pub(super) fn explain(config: &Config, flags: Explain) -> Result<(), Box<dyn Error>> {
    let operation =
        Operation::Explain { license: flags.of.license.map(LicenseId), chat: ChatId::new(&flags.chat) };
    let Outcome::Explained(records) = operate(config, operation)? else { return Ok(()) };
    let text = if flags.of.json {
        serde_json::to_string_pretty(&records)? + "\n"
    } else if records.is_empty() {
        "nothing is known of that chat: it was never routed here, or longer ago than routing.explain_keep\n"
            .to_owned()
    } else {
        records.iter().map(told).collect()
    };
    Ok(print::result(&text)?)
}

/// One decision in words: when, what was asked, what came of it by which rule; then who was considered.
fn told(record: &DecisionRecord) -> String {
    let question = match &record.question {
        Question::Start => "who gets the new thread?".to_owned(),
        Question::SlotFreed => "a slot is free: for whom?".to_owned(),
        Question::AgentLeft(agent, reason) => {
            format!("{agent} is gone ({}): who gets the chat?", word(reason))
        }
        Question::Unreplied => "the agent does not answer: who else?".to_owned(),
        Question::Transfer => "where does the transferred chat go?".to_owned(),
        Question::ByHand(agent) => format!("may {agent} have it?"),
        Question::NobodyOnline => "nobody is logged in any more: may it wait?".to_owned(),
    };
    let outcome = match &record.outcome {
        Decided::Assigned(agent) => format!("assigned to {agent}"),
        Decided::Queued(position) => format!("waits, position {position}"),
        Decided::Archived => "archived".to_owned(),
        Decided::Refused => "refused".to_owned(),
        Decided::Unrouted => "left alone".to_owned(),
        Decided::Stays => "stays where it is".to_owned(),
    };
    let groups: Vec<String> = record.groups.iter().map(|group| group.0.to_string()).collect();
    let (at, id, groups) = (print::moment(record.at), record.id, groups.join(", "));
    let mut text = format!("{at}  decision {id} in groups {groups}\n  {question}\n");
    let _ = writeln!(text, "  {outcome}, by the rule {}", word(&record.rule));
    for Considered { agent, chats, verdict } in &record.considered {
        let _ = writeln!(text, "    {agent}, {chats} chats: {}", word(verdict));
    }
    text
}

/// The name of something as in JSON, in words.
fn word(named: &impl serde::Serialize) -> String {
    match serde_json::to_value(named) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::{DecisionId, LeaveReason, Rule, Verdict};
    use crate::domain::time::Timestamp;

    #[test]
    fn a_decision_is_told_in_words() {
        let considered =
            |agent: &str, chats, verdict| Considered { agent: AgentId::new(agent), chats, verdict };
        let record = DecisionRecord {
            id: DecisionId { epoch: 3, number: 7 },
            at: Timestamp(1_795_235_696_000_000),
            chat: ChatId::new("c"),
            groups: vec![GroupId(0), GroupId(5)],
            question: Question::AgentLeft(AgentId::new("smith"), LeaveReason::SignedOut),
            considered: vec![
                considered("brown", 2, Verdict::Chosen),
                considered("smith", 1, Verdict::Offline),
                considered("jones", 6, Verdict::NoSlot),
            ],
            rule: Rule::FewestChats,
            outcome: Decided::Assigned(AgentId::new("brown")),
        };
        let expected = "2026-11-21T04:34:56Z  decision 3.7 in groups 0, 5\n  smith is gone (signed out): who gets the \
                        chat?\n  assigned to brown, by the rule fewest chats\n    brown, 2 chats: chosen\n    smith, 1 \
                        chats: offline\n    jones, 6 chats: no slot\n";
        assert_eq!(told(&record), expected);
    }
}
