//! The rules by example.

mod assignment;
mod leaving;
mod limits;
mod office;
mod queueing;
mod settling;
mod transfers;
