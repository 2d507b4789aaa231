//! What goes wrong in the world: bad input, readers who do not read, crashes, full disks, stops; over real sockets.

mod addresses;
mod bad_frames;
mod bad_http;
mod balancer;
mod bodies;
mod crash;
mod crowd;
pub(crate) mod door;
mod drain;
mod fuzz;
mod leaks;
mod shares;
mod slow_readers;
mod talker;
mod tokens;
mod vitals;
