//! The harness. A test reads like this:
//!
//! ```ignore
//! let license = shared().await.license();          // nobody else uses it
//! let agent = license.agent(1).logs_in().await;
//! let customer = license.customer().await.logs_in().await;
//! let chat = customer.starts_chat("hello").await;
//! agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
//! ```
//!
//! Waiting is always for a condition, with a long limit; what fails prints the pushes that came and the end of
//! the server's log.

#![allow(dead_code, unused_imports, reason = "a harness offers more than each test takes")]

mod answer;
mod bucket;
mod chat;
mod license;
mod mail;
mod node;
pub(crate) mod places;
mod prepare;
#[path = "../../support/reserved.rs"]
mod reserved;
mod session;
mod users;
mod web;

pub(crate) use answer::{Answer, ApiError, tables};
pub(crate) use bucket::{NodeWithBucket, S3Server, SECRET_ACCESS_KEY, shared_with_bucket};
pub(crate) use chat::{Chat, customer_message, message};
pub(crate) use license::{AgentLogin, CustomerLogin, TestLicense};
pub(crate) use mail::{Callee, FULL, Mail, MailServer, NOBODY};
pub(crate) use node::{NodeLink, TestNode, install_crypto, shared, variable};
pub(crate) use prepare::{ORIGIN, Plan};
pub(crate) use reserved::Reserved;
pub(crate) use session::{BROWSER, FORWARDED_FOR, Inbox, Push, Session};
pub(crate) use users::{TestAgent, TestCustomer};
pub(crate) use web::Web;

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for; only a failing test, or one on a starved machine, ever waits
/// that long.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Looks again and again until it is so; at the limit fails with what was seen last. Only for states that no push
/// announces.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(started.elapsed() < LIMIT, "never: {what}; last seen: {seen}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
