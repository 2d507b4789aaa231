//! What goes wrong in the world: bad input, readers who do not read, crashes, full disks, stops; over real sockets.

mod bad_frames;
mod bad_http;
mod door;
mod drain;
mod tokens;
mod vitals;
