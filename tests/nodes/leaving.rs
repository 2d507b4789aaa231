//! Agents who leave while their router does not hear of it: it learns of it all the same.

use crate::world::World;

#[actix_rt::test]
async fn an_agent_whose_leaving_was_lost_on_its_way_is_not_online_for_ever() {
    let world = World::new().await;
    world.agent_comes(&world.there, 1).await;
    assert_eq!(world.here.statuses().await.ok(), Some(1));
    world.there.link.silence(true);
    world.agent_leaves(&world.there, 1);
    world.there.wait_until_lost("left", 1).await;
    world.there.link.silence(false);
    assert_eq!(world.here.statuses().await.ok(), Some(1), "nobody told it");
    // Nobody else is there of the license.
    let _telling = world.there.tells_who_is_there();
    world.here.wait_for_statuses(0).await;
}

#[actix_rt::test]
async fn an_agent_who_leaves_while_their_router_learns_who_is_there_is_not_online_for_ever() {
    let world = World::of_members().await;
    world.share().await;
    let router = if world.here.has_router() { &world.here } else { &world.there };
    // It knows of its own sessions, and waits for the other node.
    router.link.silence(true);
    world.agent_comes(router, 1).await;
    router.wait_until_lost("rebuild", 2).await;
    world.agent_leaves(router, 1);
    router.wait_for_statuses(0).await;
    router.link.silence(false);
    router.wait_until_begun().await;
    let _telling = router.tells_who_is_there();
    router.wait_for_statuses(0).await;
}

#[actix_rt::test]
async fn an_agent_who_is_connected_to_a_node_without_shards_is_known_to_a_new_router() {
    let world = World::of_members().await;
    world.agent_comes(&world.here, 1).await;
    world.here.give_away().await;
    world.there.wait_until_begun().await;
    assert_eq!(world.there.statuses().await.ok(), Some(1));
}
