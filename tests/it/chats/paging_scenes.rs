//! Chats that change while somebody pages through `list_chats`, played in one license. The tests of the CQL store include
//! this file too: both stores must show the same.

use serde_json::{Value, json};

use crate::support::{Chat, Session, TestCustomer, TestLicense};

/// A customer with a chat of theirs.
struct Talk {
    customer: TestCustomer,
    chat: Chat,
}

impl Talk {
    async fn start(license: &TestLicense, text: &str) -> Self {
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat(text).await;
        Self { customer, chat }
    }

    async fn several(license: &TestLicense, count: usize) -> Vec<Self> {
        let mut talks = Vec::new();
        for number in 0..count {
            talks.push(Self::start(license, &number.to_string()).await);
        }
        talks
    }

    /// The chat gets another thread.
    async fn goes_on(&self) {
        self.customer.deactivates(&self.chat).await;
        self.customer.resumes(&self.chat).await;
    }
}

fn ids(page: &Value) -> Vec<String> {
    let chats = page["chats_summary"].as_array().unwrap_or_else(|| panic!("no chats in {page}"));
    chats.iter().map(|chat| chat["id"].as_str().expect("an id").to_owned()).collect()
}

/// Follows pages of one kind, and does something after each. Gives their chats and the last page.
async fn follow(
    session: &Session,
    mut page: Value,
    next: &str,
    mut meanwhile: impl AsyncFnMut(usize),
) -> (Vec<Vec<String>>, Value) {
    let mut pages = Vec::new();
    loop {
        pages.push(ids(&page));
        assert!(pages.len() < 100, "the pages do not end");
        meanwhile(pages.len()).await;
        let Some(id) = page.get(next) else { return (pages, page) };
        page = session.call("list_chats", json!({ "page_id": id })).await;
    }
}

fn of(talks: &[Talk], order: &[usize]) -> Vec<String> {
    order.iter().map(|number| talks[*number].chat.id.clone()).collect()
}

/// Chats get further threads, one after the other before, at and behind where the reader is; new ones come, some of which get
/// a further thread, too; others are closed.
async fn disturb(license: &TestLicense, talks: &[Talk], new: &mut Vec<Talk>, step: usize) {
    match step {
        1 => {
            // Seen already, next, not yet seen; by whichever end the reader came.
            for number in [8, 7, 5, 2, 1, 0] {
                talks[number].goes_on().await;
            }
            new.push(Talk::start(license, "new").await);
        }
        2 => {
            talks[4].customer.deactivates(&talks[4].chat).await;
            talks[5].goes_on().await;
            new.push(Talk::start(license, "new, too").await);
            new[0].goes_on().await;
        }
        3 => {
            talks[7].goes_on().await;
            talks[1].goes_on().await;
        }
        _ => {}
    }
}

/// Newest first, and back again.
pub(crate) async fn newest_first(license: &TestLicense) {
    let agent = license.agent(1).logs_in_away().await;
    let talks = Talk::several(license, 9).await;
    // Moved just before: it is the newest now.
    talks[3].goes_on().await;
    let first = agent.call("list_chats", json!({ "limit": 2 })).await;
    assert_eq!(first["found_chats"], 9);
    let mut new = Vec::new();
    let (pages, last) = follow(&agent, first, "next_page_id", async |step| {
        disturb(license, &talks, &mut new, step).await;
    })
    .await;
    assert_eq!(pages.concat(), of(&talks, &[3, 8, 7, 6, 5, 4, 2, 1, 0]));
    assert_eq!(last["found_chats"], 11);
    let (pages, first) = follow(&agent, last, "previous_page_id", async |step| {
        if step == 2 {
            talks[6].goes_on().await;
            talks[3].goes_on().await;
        }
    })
    .await;
    let mut back: Vec<String> = pages.into_iter().rev().flatten().collect();
    let old = back.split_off(2);
    assert_eq!(old, of(&talks, &[3, 8, 7, 6, 5, 4, 2, 1, 0]), "on the way back as on the way there");
    assert_eq!(back, of(&new, &[1, 0]), "and then those that came meanwhile");
    let (pages, _) = follow(&agent, first, "next_page_id", async |_| ()).await;
    assert_eq!(pages.concat()[2..], old, "and there once more");
    // Who begins now sees them where they are now.
    let now = agent.call("list_chats", json!({ "limit": 100 })).await;
    assert_eq!(ids(&now)[..4], of(&talks, &[3, 6, 1, 7]));
}

/// Oldest first, and back again.
pub(crate) async fn oldest_first(license: &TestLicense) {
    let agent = license.agent(1).logs_in_away().await;
    let talks = Talk::several(license, 9).await;
    let first = agent.call("list_chats", json!({ "limit": 2, "sort_order": "asc" })).await;
    let mut new = Vec::new();
    let (pages, last) = follow(&agent, first, "next_page_id", async |step| {
        disturb(license, &talks, &mut new, step).await;
    })
    .await;
    let mut wanted = of(&talks, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    wanted.extend(of(&new, &[0, 1]));
    assert_eq!(pages.concat(), wanted, "those that came meanwhile at the end");
    let (pages, _) = follow(&agent, last, "previous_page_id", async |step| {
        // Behind the reader, here and before them.
        if let Some(number) = [7, 6, 3, 0].get(step) {
            talks[*number].goes_on().await;
        }
    })
    .await;
    assert_eq!(pages.into_iter().rev().flatten().collect::<Vec<_>>(), wanted, "on the way back as well");
}

/// Filters look at what a chat is now, wherever it stands.
pub(crate) async fn filtered(license: &TestLicense) {
    let agent = license.agent(1).logs_in_away().await;
    let talks = Talk::several(license, 7).await;
    // A page id has room for filters at their limits.
    let values: Vec<String> = (0..100).map(|number| format!("{number:0>100}")).collect();
    let filters = json!({ "active": true, "properties": { "test": { "string_property": { "exclude_values": values } } } });
    let first = agent.call("list_chats", json!({ "limit": 1, "filters": filters })).await;
    let (pages, _) = follow(&agent, first, "next_page_id", async |step| match step {
        1 => {
            talks[4].goes_on().await;
            for number in [6, 3] {
                talks[number].customer.deactivates(&talks[number].chat).await;
            }
        }
        2 => {
            talks[0].goes_on().await;
            talks[4].customer.deactivates(&talks[4].chat).await;
        }
        _ => {}
    })
    .await;
    assert_eq!(pages.concat(), of(&talks, &[6, 5, 2, 1, 0]));
}

/// A customer's own chats, of which they may have many here.
pub(crate) async fn of_a_customer(license: &TestLicense) {
    let customer = license.customer().await.logs_in().await;
    let mut chats = Vec::new();
    for number in 0..6 {
        chats.push(customer.starts_chat(&number.to_string()).await);
    }
    let goes_on = async |number: usize| {
        let chat: &Chat = &chats[number];
        customer.deactivates(chat).await;
        customer.resumes(chat).await;
    };
    let wanted = |order: &[usize]| order.iter().map(|number| chats[*number].id.clone()).collect::<Vec<_>>();
    goes_on(2).await;
    let first = customer.call("list_chats", json!({ "limit": 2 })).await;
    assert_eq!(first["total_chats"], 6);
    let (pages, last) = follow(&customer, first, "next_page_id", async |step| {
        if step == 1 {
            for number in [0, 4, 5] {
                goes_on(number).await;
            }
        }
    })
    .await;
    assert_eq!(pages.concat(), wanted(&[2, 5, 4, 3, 1, 0]));
    let (pages, _) = follow(&customer, last, "previous_page_id", async |step| {
        if step == 1 {
            goes_on(3).await;
        }
    })
    .await;
    assert_eq!(pages.into_iter().rev().flatten().collect::<Vec<_>>(), wanted(&[2, 5, 4, 3, 1, 0]));
    let oldest = customer.call("list_chats", json!({ "limit": 2, "sort_order": "asc" })).await;
    assert_eq!(ids(&oldest), wanted(&[1, 2]), "who begins now sees them where they are now");
    let (pages, _) = follow(&customer, oldest, "next_page_id", async |step| {
        if step == 1 {
            goes_on(1).await;
            goes_on(0).await;
        }
    })
    .await;
    assert_eq!(pages.concat(), wanted(&[1, 2, 0, 4, 5, 3]));
}
