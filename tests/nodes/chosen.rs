//! Statuses that agents and bots chose: they outlive their router, and what a superseded one writes late comes to nothing.

use switchboard::actors::router::Status;
use switchboard::actors::{AskError, SessionId};
use switchboard::domain::id::AgentId;
use switchboard::domain::license::{AgentKind, License};
use switchboard::store::{CellTable, StoreError};

use crate::node::Node;
use crate::world::World;

const AGENT: &str = "agent1@example.com";
const BOT: &str = "bot1@example.com";

/// A session of the agent begins, to reconnect or not. Says which status they have.
async fn comes(node: &Node, number: u64, away: bool, reconnect: bool) -> &'static str {
    let session = SessionId { node: node.incarnation, number };
    let router = node.actors.router(node.license);
    router.agent_came(&AgentId::new(AGENT), session, away, reconnect).await.expect("the router answers")
}

async fn try_set(node: &Node, agent: &str, status: Status) -> Result<bool, AskError> {
    node.actors.router(node.license).set_status(&AgentId::new(agent), status, None).await
}

async fn set(node: &Node, agent: &str, status: Status) {
    assert_eq!(try_set(node, agent, status).await.ok(), Some(true));
}

/// The status of somebody, as the router has it that knows all that was before it.
async fn status(node: &Node, agent: &str) -> Option<&'static str> {
    node.wait_until_begun().await;
    let statuses = node.actors.router(node.license).statuses().await.expect("the router answers");
    statuses.get(&AgentId::new(agent)).copied()
}

/// The license gets a bot, and its router knows it.
async fn with_bot() -> World {
    let world = World::new().await;
    let license = world.here.license;
    let changed = world.here.tenants.licenses.update(license, |license: &mut License| {
        let mut bot = license.agents.values().next().expect("an agent").clone();
        (bot.id, bot.kind) = (AgentId::new(BOT), AgentKind::Bot);
        license.agents.insert(bot.id.clone(), bot);
        Ok::<(), std::convert::Infallible>(())
    });
    changed.await.expect("the license changes");
    world.here.wait_until_begun().await;
    world
}

#[actix_rt::test]
async fn who_reconnects_while_the_next_router_asks_who_is_there_has_the_status_that_they_chose() {
    let world = World::new().await;
    comes(&world.here, 1, false, false).await;
    set(&world.here, AGENT, Status::NotAccepting).await;
    let next = world.next_run().await;
    assert_eq!(comes(&next, 1, false, true).await, "not_accepting_chats");
    next.recover().await;
    assert_eq!(status(&next, AGENT).await, Some("not_accepting_chats"));
}

#[actix_rt::test]
async fn who_comes_while_the_next_router_asks_who_is_there_begins_a_day_if_they_were_nowhere() {
    let world = with_bot().await;
    comes(&world.here, 1, false, false).await;
    set(&world.here, AGENT, Status::NotAccepting).await;
    let next = world.next_run().await;
    comes(&next, 1, false, false).await;
    next.recover().await;
    assert_eq!(status(&next, AGENT).await, Some("accepting_chats"));
    // No login waits for that to be stored, but what is set later is stored after it, or with it.
    set(&next, BOT, Status::Accepting).await;
    let last = world.next_run().await;
    assert_eq!(comes(&last, 1, false, true).await, "accepting_chats");
}

#[actix_rt::test]
async fn another_connection_begins_no_day_though_the_first_is_to_a_node_without_shards() {
    let world = World::of_members().await;
    comes(&world.here, 1, false, false).await;
    set(&world.here, AGENT, Status::NotAccepting).await;
    world.here.give_away().await;
    comes(&world.there, 2, false, false).await;
    assert_eq!(status(&world.there, AGENT).await, Some("not_accepting_chats"));
}

#[actix_rt::test]
async fn what_an_agent_sets_of_whom_the_next_router_has_not_heard_yet_is_not_refused() {
    let world = World::of_members().await;
    world.share().await;
    let (router, other) = match world.here.has_router() {
        true => (&world.here, &world.there),
        false => (&world.there, &world.here),
    };
    other.link.silence(true);
    let (agent, session) = (AgentId::new(AGENT), SessionId { node: other.incarnation, number: 1 });
    let came = other.actors.router(other.license).agent_came(&agent, session, false, false).await;
    assert!(came.is_err(), "nobody hears of them");
    router.link.silence(true);
    let (is_set, ()) = tokio::join!(try_set(router, AGENT, Status::NotAccepting), async {
        router.wait_until_lost("rebuild", 1).await;
        router.link.silence(false);
    });
    assert_eq!(is_set.ok(), Some(true), "they are connected to the other node");
    assert_eq!(status(router, AGENT).await, Some("not_accepting_chats"));
}

#[actix_rt::test]
async fn who_was_away_on_all_connections_is_given_no_chats_when_they_reconnect_to_the_next_router() {
    let world = with_bot().await;
    assert_eq!(comes(&world.here, 1, true, false).await, "not_accepting_chats");
    // As above.
    set(&world.here, BOT, Status::Accepting).await;
    let next = world.next_run().await;
    next.recover().await;
    assert_eq!(comes(&next, 1, false, true).await, "not_accepting_chats");
}

#[actix_rt::test]
async fn a_bot_has_its_status_under_the_next_router_though_no_node_was_left_that_heard_of_it() {
    let world = with_bot().await;
    set(&world.here, BOT, Status::NotAccepting).await;
    set(&world.here, BOT, Status::Accepting).await;
    let next = world.next_run().await;
    next.recover().await;
    assert_eq!(status(&next, BOT).await, Some("accepting_chats"));
    set(&next, BOT, Status::Offline).await;
    let last = world.next_run().await;
    last.recover().await;
    assert_eq!(status(&last, BOT).await, None);
}

#[actix_rt::test]
async fn a_status_that_a_superseded_router_stores_too_late_comes_to_nothing() {
    let world = with_bot().await;
    set(&world.here, BOT, Status::Accepting).await;
    world.store.hold_change(CellTable::RoutingStatuses);
    let (refused, next) = tokio::join!(try_set(&world.here, BOT, Status::Offline), async {
        world.store.holds_something().await;
        let next = world.next_run().await;
        next.recover().await;
        assert_eq!(status(&next, BOT).await, Some("accepting_chats"));
        world.store.let_go();
        next
    });
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(status(&next, BOT).await, Some("accepting_chats"));
    let last = world.next_run().await;
    last.recover().await;
    assert_eq!(status(&last, BOT).await, Some("accepting_chats"));
}

#[actix_rt::test]
async fn a_status_that_may_not_be_stored_is_not_acknowledged_and_nobody_is_kept_from_logging_in() {
    let world = with_bot().await;
    set(&world.here, BOT, Status::NotAccepting).await;
    world.store.lose_change(CellTable::RoutingStatuses, "");
    let unknown = try_set(&world.here, BOT, Status::Accepting).await;
    assert!(matches!(unknown, Err(AskError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    assert_eq!(comes(&world.here, 1, false, false).await, "accepting_chats");
    set(&world.here, BOT, Status::Accepting).await;
    let next = world.next_run().await;
    next.recover().await;
    assert_eq!(status(&next, BOT).await, Some("accepting_chats"));
}
