//! The clients without manners of the other tests over sockets.

#[path = "../it/robust/crowd.rs"]
pub(crate) mod crowd;
#[path = "../it/robust/door.rs"]
pub(crate) mod door;
#[path = "../it/robust/talker.rs"]
pub(crate) mod talker;
#[path = "../it/robust/vitals.rs"]
pub(crate) mod vitals;
