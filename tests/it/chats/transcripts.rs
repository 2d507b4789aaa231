//! Transcripts are mailed to who wants them, by a real SMTP conversation, and be it after the end of the node that promised it.

use serde_json::{Value, json};

use crate::durability::resident;
use crate::support::{
    Chat, FULL, Mail, MailServer, NOBODY, Plan, Reserved, TestAgent, TestCustomer, TestNode, eventually,
    message,
};

const ADDRESS: &str = "ann@mail.example";

async fn node_with(relay: &str) -> TestNode {
    let settings = [
        ("mail.relay", relay),
        ("mail.tls", "off"),
        ("mail.from", "Shop <shop@shop.example>"),
        // No chat leaves memory while something of its mail is to be done, or to be stored.
        ("chat.passivate_after", "200ms"),
    ];
    TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await
}

async fn wants(customer: &TestCustomer, chat: &Chat, address: &str) {
    let properties = json!({ "routing": { "transcript_email": address } });
    let of = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "properties": properties });
    customer.call("update_thread_properties", of).await;
}

fn is_said(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |push| push["event"]["system_message_type"] == kind
}

/// A chat in which both sides have spoken and the customer wants a transcript.
async fn talk(node: &TestNode, address: &str) -> (TestAgent, TestCustomer, Chat) {
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello <b>there</b>").await;
    agent.sends(&chat, json!({ "type": "message", "text": "a difficult one", "visibility": "agents" })).await;
    agent.sends(&chat, message("good day")).await;
    wants(&customer, &chat, address).await;
    (agent, customer, chat)
}

async fn mailed(mail: &MailServer) -> Mail {
    eventually("a mail", async || mail.mails().pop().ok_or_else(|| "none".to_owned())).await;
    mail.take()
}

#[tokio::test]
async fn a_customer_is_mailed_what_they_may_see_of_a_thread_that_has_ended() {
    let mail = MailServer::start(None);
    let node = node_with(&mail.address()).await;
    let (agent, customer, chat) = talk(&node, ADDRESS).await;
    let requested = "requested the chat transcript to be sent to ann@mail.example";
    for session in [&agent.session, &customer.session] {
        let push = session.expect_push("incoming_event", is_said("transcript_requested")).await;
        let text = push["event"]["text"].as_str().expect("a text");
        assert!(text.ends_with(requested), "{text}");
        assert_eq!(push["event"]["text_vars"]["email"], ADDRESS);
    }
    assert!(mail.mails().is_empty(), "not before the end");
    agent.deactivates(&chat).await;
    for session in [&agent.session, &customer.session] {
        session.expect_push("incoming_event", is_said("transcript_sent")).await;
        session.expect_push("chat_deactivated", |push| push["chat_id"] == chat.id).await;
    }
    let transcript = mailed(&mail).await;
    assert_eq!(
        (transcript.from.as_str(), transcript.to.as_slice()),
        ("shop@shop.example", &[ADDRESS.to_owned()][..])
    );
    assert!(transcript.header("Subject").starts_with("Your chat"), "{}", transcript.text);
    assert_eq!(transcript.header("Content-Type"), "text/plain; charset=utf-8");
    for said in [": hello <b>there</b>\n", &format!("{}: good day\n", agent.who.name), requested] {
        assert!(transcript.text.contains(said), "{said} in {}", transcript.text);
    }
    for hidden in ["a difficult one", agent.id()] {
        assert!(!transcript.text.contains(hidden), "{hidden} in {}", transcript.text);
    }
    // That it was owed is nobody's business, and it is mailed once: a restart finds nothing to do.
    for read in [agent.reads(&chat).await, customer.reads(&chat).await] {
        assert!(!read.to_string().contains("switchboard"), "{read}");
    }
    // The relay has the mail before the server has stored that.
    eventually("the chat is out of memory", async || match resident(&node).await {
        Some(0) => Ok(()),
        count => Err(format!("{count:?} in memory")),
    })
    .await;
    node.kill().await;
    node.launch().await;
    let next = customer.who.logs_in().await;
    let chat = next.resumes(&chat).await;
    wants(&next, &chat, "second@mail.example").await;
    next.deactivates(&chat).await;
    assert_eq!(mailed(&mail).await.to, ["second@mail.example"]);
    assert!(mail.mails().is_empty());
}

#[tokio::test]
async fn a_promised_transcript_is_mailed_after_the_end_of_its_node() {
    let relay = Reserved::new();
    let node = node_with(&relay.address()).await;
    let (agent, customer, chat) = talk(&node, ADDRESS).await;
    customer.deactivates(&chat).await;
    agent.expect_push("incoming_event", is_said("transcript_sent")).await;
    // Another chat goes on before its mail is out.
    let (_, customer, chat) = talk(&node, "bea@mail.example").await;
    customer.deactivates(&chat).await;
    let next = customer.resumes(&chat).await;
    customer.says(&next, "one more thing").await;
    node.kill().await;
    let mail = MailServer::start_at(relay);
    node.launch().await;
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let transcript = mailed(&mail).await;
        assert!(transcript.text.contains(": good day\n") && !transcript.text.contains("one more thing"));
        addresses.extend(transcript.to);
    }
    addresses.sort();
    assert_eq!(addresses, [ADDRESS, "bea@mail.example"]);
}

#[tokio::test]
async fn a_relay_that_is_away_is_tried_again() {
    let relay = Reserved::new();
    let node = node_with(&relay.address()).await;
    let (agent, customer, chat) = talk(&node, ADDRESS).await;
    agent.deactivates(&chat).await;
    customer.expect_push("chat_deactivated", |_| true).await;
    let mail = MailServer::start_at(relay);
    assert_eq!(mailed(&mail).await.to, [ADDRESS]);
}

#[tokio::test]
async fn an_address_that_the_relay_refuses_is_given_up_and_others_are_served() {
    let mail = MailServer::start(None);
    let node = node_with(&mail.address()).await;
    let (_agent, customer, chat) = talk(&node, ADDRESS).await;
    let mut thread = chat.clone();
    for (nobody, address) in [(NOBODY, "next@mail.example"), (FULL, "after@mail.example")] {
        for address in [nobody, address] {
            wants(&customer, &thread, address).await;
            customer.deactivates(&thread).await;
            thread = customer.resumes(&chat).await;
        }
        let transcript = mailed(&mail).await;
        // Whoever waits for a full mailbox waits alone.
        assert_eq!(transcript.to, [address]);
    }
}

#[tokio::test]
async fn without_a_relay_nothing_is_promised() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let (agent, customer, chat) = talk(&node, ADDRESS).await;
    let bad = json!({ "routing": { "transcript_email": "nobody" } });
    let of = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "properties": bad });
    assert_eq!(customer.refused("update_thread_properties", of).await.kind, "validation");
    customer.deactivates(&chat).await;
    let told = agent.expect_push("incoming_event", is_said("manual_archived_customer")).await;
    let read = agent.reads(&chat).await;
    assert_eq!(read["thread"]["properties"]["routing"]["transcript_email"], ADDRESS);
    assert!(!read.to_string().contains("transcript_requested"), "{read}");
    let last = read["thread"]["events"].as_array().expect("events").last().cloned();
    assert_eq!(last.expect("an event")["id"], told["event"]["id"], "nothing is said of a transcript");
}
