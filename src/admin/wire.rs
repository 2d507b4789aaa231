//! Lines of JSON over a local socket, each of bounded length.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::outcome::Outcome;

/// A request is a handful of flags.
pub(super) const MAX_REQUEST: u64 = 256 * 1024;

/// An answer may hold the credentials of the largest license that is made at once.
pub(super) const MAX_RESPONSE: u64 = 64 * 1024 * 1024;

/// What the server answers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Response {
    /// It was done.
    Done(Outcome),
    /// It was not; the whole chain of reasons in one text.
    Refused(String),
}

/// Reads a line; none if the other side has closed.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: u64,
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let length = from.take(limit + 1).read_until(b'\n', &mut line).await?;
    if length == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long, or was cut"));
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::from)
}

/// Writes a line.
pub(super) async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}
