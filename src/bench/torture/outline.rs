//! A chat of whose log something is wrong, thread by thread, for whoever has to find out why.

use std::collections::HashMap;
use std::fmt;

use super::shown::Thread;

/// The threads of a chat, as `list_threads` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    chat: String,
    threads: Vec<Thread>,
}

impl Outline {
    pub(super) fn new(chat: &str, threads: &[Thread]) -> Self {
        Self { chat: chat.to_owned(), threads: threads.to_vec() }
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: HashMap<u64, &str> =
            self.threads.iter().map(|thread| (thread.id, thread.name.as_str())).collect();
        let mut shown = HashMap::new();
        for seen in self.threads.iter().flat_map(|thread| &thread.messages) {
            *shown.entry(seen.number).or_insert(0u32) += 1;
        }
        writeln!(f, "chat {}:", self.chat)?;
        for thread in &self.threads {
            let Thread { name, previous, is_active, messages, closed_by, .. } = thread;
            let after =
                previous.map_or("none", |id| names.get(&id).copied().unwrap_or("one that is not shown"));
            let state = if *is_active { "active" } else { "closed" };
            let [customer, agent] = closed_by;
            let number =
                |place: Option<&crate::bench::wire::Seen>| place.and_then(|seen| seen.number).unwrap_or(0);
            write!(
                f,
                "  {name} after {after}, {state}, closed by the customer {customer}, by the agent {agent} times, {} messages, \
                 {} to {}",
                messages.len(),
                number(messages.first()),
                number(messages.last())
            )?;
            for seen in messages.iter().filter(|seen| shown[&seen.number] > 1) {
                write!(f, ", {} more than once", seen.number.unwrap_or(0))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::wire::Seen;

    #[test]
    fn it_names_threads_and_what_is_there_twice() {
        let thread = |id: u64, previous: Option<u64>, numbers: &[u32]| Thread {
            name: format!("T{id}"),
            id,
            previous,
            is_active: id == 2,
            messages: numbers.iter().map(|number| Seen { number: Some(*number), id: 0 }).collect(),
            closed_by: [u64::from(id == 1), 0],
        };
        let outline =
            Outline::new("C", &[thread(1, None, &[2, 3]), thread(2, Some(1), &[3]), thread(3, Some(9), &[])]);
        assert_eq!(
            outline.to_string(),
            "chat C:\n  \
             T1 after none, closed, closed by the customer 1, by the agent 0 times, 2 messages, 2 to 3, 3 more than once\n  \
             T2 after T1, active, closed by the customer 0, by the agent 0 times, 1 messages, 3 to 3, 3 more than once\n  \
             T3 after one that is not shown, closed, closed by the customer 0, by the agent 0 times, 0 messages, 0 to 0\n"
        );
    }
}
