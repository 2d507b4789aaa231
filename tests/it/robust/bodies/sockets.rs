//! Some hundreds of such bodies for a real server: each is answered, and then it serves a chat as ever.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use switchboard::protocol::envelope;
use switchboard::protocol::method::{self, HttpMethod, Method};
use switchboard::protocol::version::Surface;

use super::super::vitals::{resident, serves_a_chat};
use super::good::Known;
use super::{config, wild};
use crate::support::{Answer, Plan, Session, TestLicense, TestNode, Web};

/// Bodies of each method by each way, where nobody asks for more.
const OF_EACH: u32 = 4;
/// What the server may hold more after all of them, bytes: it keeps what is said in a few chats, and nothing of what it refused.
const MAX_GROWTH: u64 = 128 << 20;
/// Longer frames end a connection, which is another test's.
const MAX_BODY: usize = 100_000;
/// What may be the end of a connection that sends it.
const ENDS: &[&str] = &["login", "logout", "update_session"];

/// Two people and their chat.
struct Scene {
    license: TestLicense,
    known: Known,
}

impl Scene {
    async fn of(node: &TestNode) -> Self {
        let license = node.license();
        let agent = license.agent(1).logs_in_away().await;
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        agent.joins(&chat).await;
        let event = agent.says(&chat, "hi").await;
        // Whom requests name is somebody else: who is banned says no more.
        let named = license.customer().await;
        let known = Known {
            chat: chat.id,
            thread: chat.thread_id,
            event,
            agent: license.agent(2).id,
            customer: named.id,
            organization: license.organization(),
        };
        Self { license, known }
    }

    async fn session(&self, surface: Surface) -> (Session, Web) {
        match surface {
            Surface::Agent => {
                let agent = self.license.agent(1).logs_in_away().await;
                (agent.session, agent.web)
            }
            Surface::Customer => {
                let customer = self.license.customer().await.logs_in().await;
                (customer.session, customer.web)
            }
        }
    }
}

#[tokio::test]
async fn a_server_answers_any_body_of_any_method_and_goes_on() {
    let settings = [("limits.session_rate", "off"), ("limits.ip_login_rate", "off")];
    let node = TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await;
    let scene = Scene::of(&node).await;
    let mut runner = TestRunner::new(config());
    let each = OF_EACH.max(config().cases / 12);
    let mut answered = 0;
    let before = resident(node.pid());
    for surface in [Surface::Agent, Surface::Customer] {
        let (mut session, mut web) = scene.session(surface).await;
        for method in method::all().filter(|method| method.surface == surface) {
            for _ in 0..each {
                let body =
                    wild::bodies(method, &scene.known).new_tree(&mut runner).expect("a body").current();
                if body.len() > MAX_BODY || body.trim().is_empty() {
                    continue;
                }
                if method.rtm {
                    answered += 1;
                    let answer = by_rtm(&session, method, &body).await;
                    if answer.is_none() {
                        assert!(ENDS.contains(&method.action), "{} ended by {body}", method.action);
                    }
                    answer.into_iter().for_each(|answer| is_fine(method, &body, &answer));
                }
                if method.web && method.http == HttpMethod::Post && method.action != "upload_file" {
                    answered += 1;
                    is_fine(method, &body, &web.ask_text(method.action, body.clone()).await);
                }
                if !session.is_open() {
                    (session, web) = scene.session(surface).await;
                }
            }
        }
    }
    assert!(answered > 300, "only {answered} calls");
    let grown = resident(node.pid()).saturating_sub(before);
    assert!(grown < MAX_GROWTH, "{grown} bytes more");
    serves_a_chat(&node).await;
    let log = node.link().log();
    assert!(!log.contains("ERROR"), "what clients send is no error of the server's:\n{log}");
}

/// None: the server ended the connection.
async fn by_rtm(session: &Session, method: &Method, body: &str) -> Option<Answer> {
    let id = session.next_id();
    let frame = format!(r#"{{"request_id":"{id}","action":"{}","payload":{body}}}"#, method.action);
    // A frame that is no JSON has no id to be answered by.
    let keeps_id = match envelope::parse(&frame) {
        Ok(_) => true,
        Err(bad) => bad.request_id.is_some(),
    };
    if keeps_id {
        session.send_text(frame);
        return session.answer_if_open(&id).await;
    }
    let before = session.until("a look", |inbox| Some(inbox.loose.len())).await;
    session.send_text(frame);
    let answer = |inbox: &mut crate::support::Inbox| inbox.loose.get(before).cloned();
    let answer = session.until("an answer to what is no JSON", answer).await;
    assert_eq!(answer["payload"]["error"]["type"], "validation", "{answer}");
    Some(Ok(serde_json::json!({})))
}

/// Any answer but that the server has lost its way.
fn is_fine(method: &Method, body: &str, answer: &Answer) {
    if let Err(error) = answer {
        let lost = ["internal", "request_timeout", "service_unavailable", "too_many_requests"];
        assert!(!lost.contains(&error.kind.as_str()), "{}: {error:?} to {body}", method.action);
        assert!(error.message.len() <= super::MAX_MESSAGE, "{}: {error:?} to {body}", method.action);
    }
}
