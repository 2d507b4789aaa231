//! Whether the lists of a license show each of its chats and threads, and each once.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::bench::client::Client;
use crate::bench::error::BenchError;

/// What the lists show, page by page: the chats of `list_chats`, and the threads of `list_archives` with their chats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) chats: Vec<String>,
    pub(super) threads: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Thread {
    id: String,
}

#[derive(Deserialize)]
struct Chat {
    id: String,
    thread: Option<Thread>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(alias = "chats_summary")]
    chats: Vec<Chat>,
    next_page_id: Option<String>,
}

/// Reads both lists to their ends.
pub(super) async fn read(reader: &Client) -> Result<Lists, BenchError> {
    let chats = all(reader, "list_chats").await?.into_iter().map(|chat| chat.id).collect();
    let archived = all(reader, "list_archives").await?;
    let threads = archived.into_iter().filter_map(|chat| Some((chat.id, chat.thread?.id))).collect();
    Ok(Lists { chats, threads })
}

async fn all(reader: &Client, action: &'static str) -> Result<Vec<Chat>, BenchError> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let payload = match &next {
            Some(page) => serde_json::json!({ "page_id": page }),
            None => serde_json::json!({ "limit": 100 }),
        };
        let answer = reader.ask(action, payload.to_string()).await?;
        let page: Page = serde_json::from_str(&answer)
            .map_err(|error| BenchError::Refused { doing: action, error: error.to_string() })?;
        found.extend(page.chats);
        match page.next_page_id {
            Some(page) => next = Some(page),
            None => return Ok(found),
        }
    }
}

impl Lists {
    /// What is wrong with them, by the threads that each chat shows of itself: chats and threads that are missing, that come more than
    /// once, or that nobody else knows of.
    pub(super) fn faults(&self, known: &HashMap<String, Vec<String>>) -> Vec<String> {
        let chats: HashSet<&str> = known.keys().map(String::as_str).collect();
        let threads: HashSet<&str> = known.values().flatten().map(String::as_str).collect();
        let listed = self.chats.iter().map(String::as_str);
        let archived = self.threads.iter().map(|(_, thread)| thread.as_str());
        let mut faults = compare("chat", "list_chats", &chats, listed);
        faults.extend(compare("thread", "list_archives", &threads, archived));
        let is_strange = |(chat, thread): &&(String, String)| {
            threads.contains(thread.as_str())
                && known.get(chat).is_none_or(|threads| !threads.contains(thread))
        };
        let strange = self.threads.iter().filter(is_strange);
        faults.extend(
            strange.map(|(chat, thread)| format!("thread {thread}: in chat {chat} in list_archives")),
        );
        faults
    }
}

fn compare<'a>(
    what: &str,
    list: &str,
    known: &HashSet<&str>,
    listed: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let mut times: HashMap<&str, usize> = known.iter().map(|id| (*id, 0)).collect();
    listed.for_each(|id| *times.entry(id).or_insert(0) += 1);
    let mut wrong: Vec<(&str, usize)> =
        times.into_iter().filter(|(id, times)| *times != usize::from(known.contains(id))).collect();
    wrong.sort_unstable();
    wrong.into_iter().map(|(id, times)| format!("{what} {id}: {times} times in {list}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(chats: &[&str], threads: &[(&str, &str)]) -> Lists {
        Lists {
            chats: chats.iter().map(|chat| (*chat).to_owned()).collect(),
            threads: threads
                .iter()
                .map(|(chat, thread)| ((*chat).to_owned(), (*thread).to_owned()))
                .collect(),
        }
    }

    fn faults(chats: &[&str], threads: &[(&str, &str)]) -> Vec<String> {
        let of = |threads: &[&str]| threads.iter().map(|thread| (*thread).to_owned()).collect();
        let known = HashMap::from([("C".to_owned(), of(&["T1", "T2"])), ("D".to_owned(), of(&["T3"]))]);
        lists(chats, threads).faults(&known)
    }

    #[test]
    fn each_chat_and_thread_has_to_be_there_once() {
        let all = [("C", "T1"), ("C", "T2"), ("D", "T3")];
        assert_eq!(faults(&["D", "C"], &all), Vec::<String>::new());
        assert_eq!(faults(&["D"], &all), ["chat C: 0 times in list_chats"]);
        assert_eq!(faults(&["C", "D", "D"], &all), ["chat D: 2 times in list_chats"]);
        assert_eq!(faults(&["C", "D"], &all[1..]), ["thread T1: 0 times in list_archives"]);
        let orphan = [all[0], all[1], all[2], ("C", "T4")];
        assert_eq!(faults(&["C", "D"], &orphan), ["thread T4: 1 times in list_archives"]);
        let strange = [("D", "T1"), all[1], all[2]];
        assert_eq!(faults(&["C", "D"], &strange), ["thread T1: in chat D in list_archives"]);
    }
}
