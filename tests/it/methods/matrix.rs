//! The matrix methods × (RTM, Web) × (good, bad).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use switchboard::protocol::method::{self, Method, Scopes};
use switchboard::protocol::version::Surface;

use super::world::{Scene, Transport, World, ask, caller};
use super::{bad, past, payloads};
use crate::support::Answer;

/// What was seen of a method by one way.
#[derive(Clone, Copy, Default)]
struct Seen {
    good: u32,
    bad: u32,
}

#[tokio::test]
async fn every_method_answers_good_and_bad_calls_on_both_transports() {
    let node = payloads::node().await;
    let world = World::of(&node).await;
    let mut matrix: BTreeMap<(&str, &str, Transport), Seen> = BTreeMap::new();
    let mut problems = Vec::new();
    for method in methods() {
        for transport in transports(method) {
            let scene = world.scene().await;
            let play = Play { method, transport, world: &world, scene };
            let seen = play.play(&mut problems).await;
            matrix.insert((method.surface.as_str(), method.action, transport), seen);
        }
    }
    print(&matrix);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let holes: Vec<_> =
        matrix.iter().filter(|(_, seen)| seen.good == 0 || seen.bad == 0).map(|(at, _)| at).collect();
    assert!(holes.is_empty(), "nothing was seen of {holes:?}");
    assert_eq!(matrix.len(), methods().flat_map(transports).count());
}

/// Does the refusal name what is bad? Events name their own parts, and a limit may be refused as what it is.
fn is_named(bad: &bad::Bad, name: &str, kind: &str, message: &str) -> bool {
    let parts = ["event.text", "event.elements", "event.elements.buttons"];
    match (kind, bad.what) {
        ("validation", past::WHAT) => parts.iter().chain([&name]).any(|part| message.contains(part)),
        ("validation", _) => message.contains(name),
        ("limit_reached", past::WHAT) => message.contains("session fields"),
        _ => false,
    }
}

/// All but those of connections, which are told of in `sessions`, and of uploads, which `files` tells of.
fn methods() -> impl Iterator<Item = &'static Method> {
    method::all().filter(|method| !["login", "logout", "ping", "upload_file"].contains(&method.action))
}

/// By which ways a method can be called.
fn transports(method: &'static Method) -> impl Iterator<Item = Transport> {
    let ways = [(method.rtm, Transport::Rtm), (method.web, Transport::Web)];
    ways.into_iter().filter(|(is_open, _)| *is_open).map(|(_, way)| way)
}

/// One method by one way.
struct Play<'w> {
    method: &'static Method,
    transport: Transport,
    world: &'w World,
    scene: Scene,
}

impl Play<'_> {
    async fn play(&self, problems: &mut Vec<String>) -> Seen {
        let mut seen = Seen::default();
        let good = payloads::good(self.method, self.world, &self.scene).await;
        let mut played = BTreeSet::new();
        for bad in bad::of(self.method, &good).into_iter().chain(past::of(self.method, &good)) {
            let what = format!("{} {}", bad.param, bad.what);
            let name = bad.param.rsplit('.').next().unwrap_or(bad.param);
            match self.call(&bad.payload).await {
                Err(error) if is_named(&bad, name, &error.kind, &error.message) => {
                    seen.bad += 1;
                    played.insert((bad.param, bad.what));
                }
                answer => problems.push(self.told(&what, &bad.payload, &answer)),
            }
        }
        let holes = self.unplayed(&played);
        problems.extend(
            holes.map(|hole| format!("{} {:?}: {hole} was not played", self.method.action, self.transport)),
        );
        self.stray_chats(&good, &mut seen, problems).await;
        self.strangers(&good, &mut seen, problems).await;
        match self.call(&good).await {
            Ok(_) => seen.good += 1,
            answer => problems.push(self.told("good", &good, &answer)),
        }
        seen
    }

    /// Faults of single parameters that were to be played and were not.
    fn unplayed(&self, played: &BTreeSet<(&str, &str)>) -> impl Iterator<Item = String> {
        let wanted = self.method.params.iter().flat_map(move |param| {
            let missing = bad::must_be_missed(param).then_some((param.name, bad::MISSING));
            let wrong = bad::wrong_of(self.method, param).map(|_| (param.name, bad::WRONG));
            missing.into_iter().chain(wrong)
        });
        wanted.filter(move |fault| !played.contains(fault)).map(|(name, what)| format!("{name} {what}"))
    }

    fn told(&self, what: &str, payload: &Value, answer: &Answer) -> String {
        let (surface, action) = (self.method.surface.as_str(), self.method.action);
        format!("{surface} {action} {:?}, {what}: {payload}\n    -> {answer:?}", self.transport)
    }

    async fn call(&self, payload: &Value) -> Answer {
        let (session, web) = caller(self.method, self.world, &self.scene);
        ask(self.transport, session, web, self.method.action, payload.clone()).await
    }

    /// A chat that does not exist, and one of another license: the same answer.
    async fn stray_chats(&self, good: &Value, seen: &mut Seen, problems: &mut Vec<String>) {
        let Some(path) = bad::chat_path(self.method) else { return };
        let unknown = self.call(&bad::with_chat(good, path, "0000000000000000")).await;
        for chat in ["0000000000000000", "PJ0MRSHTDG", &self.world.foreign.id] {
            let payload = bad::with_chat(good, path, chat);
            let answer = self.call(&payload).await;
            if answer == unknown && answer.as_ref().is_err_and(|error| error.kind == "not_found") {
                seen.bad += 1;
            } else {
                problems.push(self.told("a stray chat", &payload, &answer));
            }
        }
    }

    /// Callers without a right: a token without scopes, no token, and a customer who is not in the chat.
    async fn strangers(&self, good: &Value, seen: &mut Seen, problems: &mut Vec<String>) {
        let mut expect = |kind: &str, what: &str, answer: Answer| match &answer {
            Err(error) if error.kind == kind => seen.bad += 1,
            _ => problems.push(self.told(what, good, &answer)),
        };
        let (method, world, action) = (self.method, self.world, self.method.action);
        if method.surface == Surface::Agent && method.scopes != Scopes::None {
            let blind = &world.scopeless;
            let answer = ask(self.transport, &blind.session, &blind.web, action, good.clone()).await;
            expect("authorization", "without a scope", answer);
        }
        if method.surface == Surface::Customer && bad::chat_path(method).is_some() {
            let other = &self.scene.second_customer;
            let answer = ask(self.transport, &other.session, &other.web, action, good.clone()).await;
            expect("not_found", "in somebody else's chat", answer);
        }
        let (_, web) = caller(method, world, &self.scene);
        if !method.needs_token() {
            let answer = web.with_token("Bearer nonsense").ask(action, good.clone()).await;
            let stranger = serde_json::json!({ "organization_id": uuid::Uuid::nil().to_string() });
            let strange = web.ask(action, bad::with(good, &stranger)).await;
            if answer.is_err() {
                problems.push(self.told("without a token", good, &answer));
            }
            match &strange {
                Err(error) if error.kind == "license_not_found" => seen.bad += 1,
                _ => problems.push(self.told("of nobody's organization", good, &strange)),
            }
            return;
        }
        let answer = match (self.transport, method.surface) {
            (Transport::Web, _) => web.with_token("Bearer nonsense").ask(action, good.clone()).await,
            (Transport::Rtm, Surface::Agent) => {
                world.license.agent(1).connects().await.ask(action, good.clone()).await
            }
            (Transport::Rtm, Surface::Customer) => {
                self.scene.customer.who.connects().await.ask(action, good.clone()).await
            }
        };
        expect("authentication", "without a token", answer);
    }
}

fn print(matrix: &BTreeMap<(&str, &str, Transport), Seen>) {
    let mut text = format!("{:<44}{:>16}{:>16}\n", "method", "RTM good/bad", "Web good/bad");
    let mut lines: BTreeMap<(&str, &str), [String; 2]> = BTreeMap::new();
    for ((surface, action, transport), seen) in matrix {
        let cell = format!("{}/{}", seen.good, seen.bad);
        lines.entry((surface, action)).or_default()[usize::from(*transport == Transport::Web)] = cell;
    }
    for ((surface, action), [rtm, web]) in lines {
        let _ = writeln!(text, "{:<44}{rtm:>16}{web:>16}", format!("{surface} {action}"));
    }
    println!("{text}");
}
