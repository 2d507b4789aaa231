//! Uploaded files: what they are, where they lie, how long.
//!
//! `kind` tells from the bytes what a file is, `name` what it may be called, and [`Files`] keeps it in an object store, a
//! folder or a [bucket](crate::config::S3): `<license>/<id>/data` with `<license>/<id>/record`, small copies of pictures (`thumbnail`)
//! beside them, and `<license>/<id>/kept` once an event shows it. The record is written last, so that half an upload is no
//! file. `fresh/<license>/<id>` is written first, so that [`Files::sweep`] finds what nobody kept for a day without
//! a look at all that is kept. Who may upload, and how large, is decided above.

mod bucket;
mod fault;
mod kind;
mod name;
mod store;
#[cfg(test)]
mod tests;
mod thumbnail;

pub use fault::{FileError, StoreFault};
pub use kind::is_shown_inline;
pub use name::in_address;
pub use store::{FileRecord, Files, LIFETIME, OpenFile, Scale};
pub use thumbnail::Thumbnail;
