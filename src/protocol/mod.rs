//! The wire: what clients may ask, how answers, errors and pushes look. Version 3.6 is the canonical form.
//!
//! The life of a request: [`envelope::parse`] opens the frame, [`method::find`] gives the row of the table,
//! [`request::decode`] turns the payload into one typed [`request::Request`]. On the way out [`view::View`]
//! writes what one kind of reader may see, and [`envelope`] puts it into a frame. Every no is a
//! [`error::WireError`].
//!
//! Nothing here performs I/O or knows a socket; it depends on `domain` alone.

pub mod describe;
pub mod envelope;
pub mod error;
pub mod method;
pub mod request;
pub mod time;
pub mod version;
pub mod view;
