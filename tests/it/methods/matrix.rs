//! The matrix methods × (RTM, Web) × (good, bad).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use switchboard::protocol::method::{self, Method, Scopes};
use switchboard::protocol::version::Surface;

use super::world::{Scene, Transport, World, ask};
use super::{bad, payloads};
use crate::support::{ApiError, Plan, Session, TestNode, Web};

/// What was seen of a method by one way.
#[derive(Clone, Copy, Default)]
struct Seen {
    good: u32,
    bad: u32,
}

#[tokio::test]
async fn every_method_answers_good_and_bad_calls_on_both_transports() {
    let plan = Plan { licenses: 2, ..Plan::default() };
    let node = TestNode::with(&[("limits.session_rate", "off")], plan).await;
    let world = World::of(&node).await;
    let mut matrix: BTreeMap<(&str, &str, Transport), Seen> = BTreeMap::new();
    for method in methods() {
        for transport in [Transport::Rtm, Transport::Web] {
            let seen = play(method, transport, &world).await;
            matrix.insert((method.surface.as_str(), method.action, transport), seen);
        }
    }
    print(&matrix);
    let holes: Vec<_> =
        matrix.iter().filter(|(_, seen)| seen.good == 0 || seen.bad == 0).map(|(at, _)| at).collect();
    assert!(holes.is_empty(), "nothing was seen of {holes:?}");
    assert_eq!(matrix.len(), methods().count() * 2);
}

/// All but those of connections, which are told of in `sessions`.
fn methods() -> impl Iterator<Item = &'static Method> {
    method::all().filter(|method| !["login", "logout", "ping"].contains(&method.action))
}

async fn play(method: &'static Method, transport: Transport, world: &World) -> Seen {
    let called = match transport {
        Transport::Rtm => method.rtm,
        Transport::Web => method.web,
    };
    assert!(called, "{} is on both transports by the tables", method.action);
    let scene = world.scene().await;
    let good = payloads::good(method, world, &scene).await;
    let mut seen = Seen::default();
    for bad in bad::of(method, &good) {
        let error = call(method, transport, world, &scene, bad.payload.clone()).await;
        let told = format!("{} {transport:?}: {} {}: {}", method.action, bad.param, bad.what, bad.payload);
        let error = error.expect_err(&told);
        assert_eq!(error.kind, "validation", "{told}: {error:?}");
        let name = bad.param.rsplit('.').next().unwrap_or(bad.param);
        assert!(error.message.contains(name), "{told}: {error:?}");
        seen.bad += 1;
    }
    seen.bad += stray_chats(method, transport, world, &scene, &good).await;
    seen.bad += strangers(method, transport, world, &scene, &good).await;
    let answer = call(method, transport, world, &scene, good.clone()).await;
    let told = format!("{} {transport:?} {good}", method.action);
    answer.unwrap_or_else(|error| panic!("{told}: {error:?}\n{}", world.agent.status()));
    seen.good += 1;
    seen
}

/// Who calls: an agent who is in the chat, or its customer; followers are not in it.
fn caller<'w>(method: &Method, world: &'w World, scene: &'w Scene) -> (&'w Session, &'w Web) {
    match (method.surface, method.action) {
        (Surface::Agent, "follow_chat" | "unfollow_chat") => {
            (&world.other_agent.session, &world.other_agent.web)
        }
        (Surface::Agent, _) => (&world.agent.session, &world.agent.web),
        (Surface::Customer, _) => (&scene.customer.session, &scene.customer.web),
    }
}

async fn call(
    method: &Method,
    transport: Transport,
    world: &World,
    scene: &Scene,
    payload: serde_json::Value,
) -> crate::support::Answer {
    let (session, web) = caller(method, world, scene);
    ask(transport, session, web, method.action, payload).await
}

/// A chat that does not exist, and one of another license: the same answer.
async fn stray_chats(
    method: &Method,
    transport: Transport,
    world: &World,
    scene: &Scene,
    good: &serde_json::Value,
) -> u32 {
    let Some(path) = bad::chat_path(method) else { return 0 };
    let mut answers: Vec<ApiError> = Vec::new();
    for chat in ["0000000000000000", "PJ0MRSHTDG", "no such chat", &world.foreign.chat.id] {
        let payload = bad::with_chat(good, path, chat);
        let answer = call(method, transport, world, scene, payload).await;
        answers.push(answer.expect_err(&format!("{} of a stray chat", method.action)));
    }
    let told = format!("{} {transport:?}: {answers:?}", method.action);
    assert!(answers.iter().all(|error| error.kind == "not_found"), "{told}");
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{told}");
    u32::try_from(answers.len()).unwrap_or(u32::MAX)
}

/// Callers without a right: a token without scopes, no token, and a customer who is not in the chat.
async fn strangers(
    method: &Method,
    transport: Transport,
    world: &World,
    scene: &Scene,
    good: &serde_json::Value,
) -> u32 {
    let mut count = 0;
    if method.surface == Surface::Agent && method.scopes != Scopes::None {
        let blind = &world.scopeless;
        let answer = ask(transport, &blind.session, &blind.web, method.action, good.clone()).await;
        let error = answer.expect_err(&format!("{} without a scope", method.action));
        assert_eq!(error.kind, "authorization", "{}: {error:?}", method.action);
        count += 1;
    }
    if method.surface == Surface::Customer && bad::chat_path(method).is_some() {
        let other = &scene.second_customer;
        let answer = ask(transport, &other.session, &other.web, method.action, good.clone()).await;
        let error = answer.expect_err(&format!("{} in somebody else's chat", method.action));
        assert_eq!(error.kind, "not_found", "{}: {error:?}", method.action);
        count += 1;
    }
    if transport == Transport::Web {
        let (_, web) = caller(method, world, scene);
        let error = web.with_token("Bearer nonsense").refused(method.action, json!({})).await;
        assert_eq!((error.kind.as_str(), error.status), ("authentication", Some(401)), "{}", method.action);
        count += 1;
    }
    if transport == Transport::Rtm {
        let session = match method.surface {
            Surface::Agent => world.license.agent(1).connects().await,
            Surface::Customer => scene.customer.who.connects().await,
        };
        let error = session.refused(method.action, good.clone()).await;
        assert_eq!(error.kind, "authentication", "{}", method.action);
        count += 1;
    }
    count
}

fn print(matrix: &BTreeMap<(&str, &str, Transport), Seen>) {
    let mut text = format!("{:<36}{:>16}{:>16}\n", "method", "RTM good/bad", "Web good/bad");
    for ((surface, action, transport), seen) in matrix {
        if *transport == Transport::Rtm {
            let _ = write!(text, "{:<36}", format!("{surface} {action}"));
        }
        let _ = write!(text, "{:>16}", format!("{}/{}", seen.good, seen.bad));
        if *transport == Transport::Web {
            text.push('\n');
        }
    }
    println!("{text}");
}
