//! What a client sends, given to the websocket's codec frame by frame.
//!
//! The codec looks how long a frame may be once it has all of it, and its stream takes in whatever the socket has before it
//! looks at the first frame: a client could fill the memory with one frame, or with many small ones. Given one frame at a
//! time, the rest waits in the socket.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

/// The head of a frame whose length is none: the codec refuses it as too large without waiting for the rest.
const TOO_LARGE: &[u8] = &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The bytes of a socket, at most a frame at a time.
pub(super) struct Incoming<S> {
    bytes: S,
    /// What a frame may hold.
    most: u64,
    /// Came, and is not given yet.
    came: Bytes,
    /// What of the frame that was begun is still to be given.
    left: u64,
    /// A frame was completed: whoever got it decodes it before they ask for more.
    gave_frame: bool,
    is_over: bool,
}

impl<S> Incoming<S> {
    pub(super) fn new(bytes: S, most: usize) -> Self {
        let most = most as u64;
        Self { bytes, most, came: Bytes::new(), left: 0, gave_frame: false, is_over: false }
    }

    /// Of what came, as much as belongs to one frame; none if more has to come first.
    fn piece(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            let (head, holds) = sizes(&self.came)?;
            if holds > self.most {
                self.is_over = true;
                return Some(Bytes::from_static(TOO_LARGE));
            }
            self.left = head + holds;
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.came.len());
        if count == 0 {
            return None;
        }
        self.left -= count as u64;
        self.gave_frame = self.left == 0;
        Some(self.came.split_to(count))
    }

    fn add(&mut self, chunk: Bytes) {
        if self.came.is_empty() {
            self.came = chunk;
            return;
        }
        // A part of a head.
        let mut both = BytesMut::from(mem::take(&mut self.came));
        both.extend_from_slice(&chunk);
        self.came = both.freeze();
    }
}

/// How long the head of a frame is, and what it holds (RFC 6455, 5.2); none if not all of that has come.
fn sizes(bytes: &[u8]) -> Option<(u64, u64)> {
    let second = *bytes.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    Some(match second & 0x7f {
        126 => (4 + mask, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => (10 + mask, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2 + mask, short.into()),
    })
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Incoming<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if mem::take(&mut this.gave_frame) {
            return Poll::Pending;
        }
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            if let Some(piece) = this.piece() {
                return Poll::Ready(Some(Ok(piece)));
            }
            match ready!(Pin::new(&mut this.bytes).poll_next(context)) {
                Some(Ok(chunk)) => this.add(chunk),
                end => return Poll::Ready(end),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    /// A frame of a client, with a mask that changes nothing.
    fn frame(length: usize) -> Vec<u8> {
        let mut frame = match length {
            0..126 => vec![0x81, 0x80 | u8::try_from(length).expect("short")],
            126..65_536 => [&[0x81, 0xfe][..], &u16::try_from(length).expect("short").to_be_bytes()].concat(),
            _ => [&[0x81, 0xff][..], &(length as u64).to_be_bytes()].concat(),
        };
        frame.resize(frame.len() + 4 + length, 0);
        frame
    }

    /// All that is given, asked for until the end as the codec's stream does it, a frame an entry.
    fn given(chunks: impl Iterator<Item = Vec<u8>>, most: usize) -> Vec<Vec<u8>> {
        let chunks = stream::iter(chunks.map(|chunk| Ok(Bytes::from(chunk))));
        let (mut incoming, mut frames) = (Incoming::new(chunks, most), Vec::new());
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let mut frame = Vec::new();
            let is_end = loop {
                match incoming.poll_next_unpin(&mut context) {
                    Poll::Ready(Some(piece)) => frame.extend_from_slice(&piece.expect("bytes")),
                    Poll::Ready(None) => break true,
                    Poll::Pending => break false,
                }
            };
            frames.extend((!frame.is_empty()).then_some(frame));
            if is_end {
                return frames;
            }
        }
    }

    #[test]
    fn frames_are_given_one_at_a_time_however_they_come() {
        let sent: Vec<Vec<u8>> = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000, 0].map(frame).into();
        let bytes = sent.concat();
        for chunk in [1, 2, 3, 13, 1_000, bytes.len()] {
            let came = given(bytes.chunks(chunk).map(<[u8]>::to_vec), 70_000);
            assert!(came == sent, "in chunks of {chunk}");
        }
    }

    #[test]
    fn no_more_is_taken_in_than_the_frame_that_is_asked_for() {
        let taken = std::cell::Cell::new(0);
        let chunks = stream::iter(std::iter::repeat_with(|| {
            taken.set(taken.get() + 1);
            Ok(Bytes::from(frame(0).repeat(1_000)))
        }));
        let mut incoming = Incoming::new(chunks, 100);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            let piece = incoming.poll_next_unpin(&mut context);
            assert!(matches!(piece, Poll::Ready(Some(Ok(piece))) if piece == frame(0)));
            assert!(incoming.poll_next_unpin(&mut context).is_pending());
        }
        assert_eq!(taken.get(), 1);
    }

    #[test]
    fn a_frame_that_is_too_large_ends_it_at_its_head() {
        for length in [101_u64, 65_536, 1 << 40, u64::MAX] {
            let head = [&[0x82, 0xff][..], &length.to_be_bytes()].concat();
            let came = given([frame(100), head].into_iter(), 100);
            assert!(came == [frame(100), TOO_LARGE.to_vec()], "{length}");
        }
    }
}
