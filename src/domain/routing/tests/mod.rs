//! The rules by example, then by comparison with a slow, obvious model.

mod against_model;
mod assignment;
mod leaving;
mod limits;
mod model;
mod office;
mod queueing;
mod settling;
mod transfers;
