//! Uploaded files: what they are, where they lie, how long.
//!
//! `kind` tells from the bytes what a file is, `name` what it may be called, and [`Files`] keeps it in an object store:
//! `<license>/<id>/data` with `<license>/<id>/record`, small copies of pictures (`thumbnail`) beside them, and `<license>/<id>/kept` once an event shows it. The record is
//! written last, so that half an upload is no file, and [`Files::sweep`] removes what nobody kept for a day. Who may
//! upload, and how large, is decided above.

mod kind;
mod name;
mod store;
#[cfg(test)]
mod tests;
mod thumbnail;

pub use kind::is_shown_inline;
pub use name::in_address;
pub use store::{FileError, FileRecord, Files, LIFETIME, OpenFile, Scale};
pub use thumbnail::Thumbnail;
