//! A server that ends between the storing of a customer's profile and the telling of their chats.

use serde_json::{Value, json};
use switchboard::domain::customer::CustomerUpdate;
use switchboard::domain::id::{CustomerId, LicenseId};
use switchboard::domain::time::Timestamp;
use switchboard::requests::Customers;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};

use crate::support::{Chat, CustomerLogin, Plan, TestAgent, TestLicense, TestNode};

struct Scene {
    node: TestNode,
    license: TestLicense,
    chat: Chat,
    customer: CustomerLogin,
}

impl Scene {
    /// A chat that shows Ann, whose profile says Anna: the server ended after it had stored that.
    async fn set() -> Self {
        let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
        let license = node.license();
        let customer = license.customer().await;
        let session = customer.logs_in_with(json!({ "customer": { "name": "Ann" } })).await;
        let chat = session.starts_chat("hello").await;
        drop(session);
        assert!(node.terminate().await.success());
        store_alone(&node, &license, &customer.id, "Anna").await;
        node.launch().await;
        Self { node, license, chat, customer }
    }

    async fn agent(&self) -> TestAgent {
        let agent = self.license.agent(1).logs_in_away().await;
        agent.joins(&self.chat).await;
        assert_eq!(shown(&agent, &self.chat).await, "Ann", "the chat was not told");
        agent.forget_pushes().await;
        agent
    }
}

/// What the first half of `update_customer` does.
async fn store_alone(node: &TestNode, license: &TestLicense, customer: &str, name: &str) {
    let options = EmbeddedOptions::new(node.data_dir().join("store"));
    let store = std::sync::Arc::new(EmbeddedStore::open(&options).expect("the store opens"));
    let update = CustomerUpdate { name: Some(name.to_owned()), ..CustomerUpdate::default() };
    let (license, customer) = (LicenseId(license.number()), CustomerId::new(customer));
    let stored = Customers::new(store).update(license, &customer, &update, None, Timestamp(0)).await;
    let changed = stored.expect("stored").expect("not too many fields");
    assert!(changed.differs());
}

/// The customer's name, as the chat shows it.
async fn shown(agent: &TestAgent, chat: &Chat) -> Value {
    let read = agent.reads(chat).await;
    let users = read["users"].as_array().expect("users");
    let customer = users.iter().find(|user| user["type"] == "customer").expect("the customer");
    customer["name"].clone()
}

#[tokio::test]
async fn a_profile_that_was_stored_and_not_told_is_told_at_the_next_login() {
    let scene = Scene::set().await;
    let agent = scene.agent().await;
    let _customer = scene.customer.logs_in().await;
    let told = agent.expect_push("customer_updated", |push| push["id"] == *scene.customer.id).await;
    assert_eq!((&told["name"], shown(&agent, &scene.chat).await), (&json!("Anna"), json!("Anna")));
    let _again = scene.customer.logs_in().await;
    agent.reads(&scene.chat).await;
    agent.expect_no_push("customer_updated").await;
    drop(scene.node);
}

#[tokio::test]
async fn a_profile_that_was_stored_and_not_told_is_told_if_it_is_given_again() {
    let scene = Scene::set().await;
    let agent = scene.agent().await;
    let web = scene.customer.web();
    let update = json!({ "name": "Anna" });
    web.call("update_customer", update.clone()).await;
    let told = agent.expect_push("customer_updated", |push| push["id"] == *scene.customer.id).await;
    assert_eq!((&told["name"], shown(&agent, &scene.chat).await), (&json!("Anna"), json!("Anna")));
    // What is known to all is told to nobody.
    web.call("update_customer", update).await;
    agent.expect_no_push("customer_updated").await;
    drop(scene.node);
}
