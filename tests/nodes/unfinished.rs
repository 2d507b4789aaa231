//! Changes of cells that the store left unfinished: they may still be made, and nobody may be told that they were.

use switchboard::store::{CellTable, StoreError};
use switchboard::tenants::UpdateError;

use crate::world::World;

#[actix_rt::test]
async fn a_license_whose_change_was_left_unfinished_keeps_its_agents() {
    let world = World::new().await;
    world.store.lose_change(CellTable::Licenses, "head");
    let unknown = world.try_rename("Neo").await;
    assert!(matches!(unknown, Err(UpdateError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    world.rename_agent("Trinity").await;
    assert_eq!(world.stored_names_and_bans().await.0, ["Trinity"]);
}

#[actix_rt::test]
async fn a_ban_that_may_not_be_stored_is_not_acknowledged() {
    let world = World::new().await;
    world.store.lose_change(CellTable::Revocations, "");
    let unknown = world.try_ban().await;
    assert!(matches!(unknown, Err(StoreError::OutcomeUnknown(_))), "{unknown:?}");
    world.try_ban().await.expect("it is acknowledged");
    assert_eq!(world.stored_names_and_bans().await.1, 1);
}

#[actix_rt::test]
async fn a_ban_holds_though_a_later_one_that_was_to_take_its_place_cannot_be_stored() {
    let world = World::new().await;
    world.try_ban().await.expect("it is acknowledged");
    world.store.lose_change(CellTable::Revocations, "");
    world.try_ban().await.expect_err("it may not be stored");
    assert!(world.is_banned().await);
}

#[actix_rt::test]
async fn what_counts_is_not_counted_again_while_it_may_still_be_stored() {
    let world = World::new().await;
    world.store.lose_change(CellTable::CustomerProfiles, "");
    let unknown = world.try_count_thread().await;
    assert!(matches!(unknown, Err(StoreError::OutcomeUnknown(_))), "{unknown:?}");
    world.try_count_thread().await.expect("it is stored");
    assert_eq!(world.counted_threads().await, 2);
}
