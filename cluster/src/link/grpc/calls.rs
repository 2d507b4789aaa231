//! Calls between two nodes, as items of one stream: a request of its own for each costs several times as much, and its
//! status does not always say whether the peer began it.
//!
//! An item from the caller is a number, the milliseconds that it waits, and the request; an item back is the number, a
//! [`Verdict`], and the answer. Numbers are big-endian. Items are answered in any order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::Streaming;

use crate::link::CallError;

/// Bytes that an item has beside its request or answer, at most.
pub(super) const HEAD: usize = 12;
/// Calls that may wait to be sent to one peer; more are refused.
const QUEUED: usize = 4096;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    /// Here is the answer.
    Answered = 0,
    /// It was not begun.
    Refused = 1,
    /// It took longer than the caller waits.
    Late = 2,
}

/// An item from the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) within: Duration,
    pub(super) request: Bytes,
}

impl Asked {
    fn encode(&self) -> Bytes {
        let mut item = BytesMut::with_capacity(HEAD + self.request.len());
        item.put_u64(self.number);
        item.put_u32(u32::try_from(self.within.as_millis()).unwrap_or(u32::MAX));
        item.put_slice(&self.request);
        item.freeze()
    }

    /// None where it is none.
    pub(super) fn decode(mut item: Bytes) -> Option<Self> {
        let (number, within) = (item.try_get_u64().ok()?, item.try_get_u32().ok()?);
        Some(Self { number, within: Duration::from_millis(within.into()), request: item })
    }
}

/// An item back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) number: u64,
    pub(super) verdict: Verdict,
    pub(super) answer: Bytes,
}

impl Told {
    pub(super) fn encode(&self) -> Bytes {
        let mut item = BytesMut::with_capacity(HEAD + self.answer.len());
        item.put_u64(self.number);
        item.put_u8(self.verdict as u8);
        item.put_slice(&self.answer);
        item.freeze()
    }

    fn decode(mut item: Bytes) -> Option<Self> {
        let number = item.try_get_u64().ok()?;
        let verdict = match item.try_get_u8().ok()? {
            0 => Verdict::Answered,
            1 => Verdict::Refused,
            2 => Verdict::Late,
            _ => return None,
        };
        Some(Self { number, verdict, answer: item })
    }
}

/// Why it is not known what became of a call.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the connection to the node was lost")]
    Lost,
}

/// The stream to the peer is not open any more.
#[derive(Debug, thiserror::Error)]
#[error("there is no stream of calls to the node")]
struct NoStream;

type Answering = oneshot::Sender<Result<Bytes, CallError>>;

/// A call that is to be sent.
struct Waiting {
    request: Bytes,
    until: Instant,
    /// Set by whoever is first: the stream that takes the call, or the caller who gives it up. So it is certain whether it
    /// has left.
    decided: Arc<AtomicBool>,
    answer: Answering,
}

/// Calls that were sent and not answered yet; none once nobody hears answers any more.
#[derive(Clone)]
pub(super) struct Sent(Arc<Mutex<Option<HashMap<u64, Answering>>>>);

impl Sent {
    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u64, Answering>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out answers until the stream ends. Whoever still waits then is told.
    pub(super) async fn hear(self, mut answers: Streaming<Bytes>) {
        while let Ok(Some(item)) = answers.message().await {
            let Some(Told { number, verdict, answer }) = Told::decode(item) else {
                tracing::error!("a node answers what cannot be read");
                break;
            };
            let Some(asker) = self.lock().as_mut().and_then(|sent| sent.remove(&number)) else { continue };
            let result = match verdict {
                Verdict::Answered => Ok(answer),
                Verdict::Refused => Err(CallError::Refused),
                Verdict::Late => continue,
            };
            // Whoever asked may have stopped waiting.
            let _ = asker.send(result);
        }
        *self.lock() = None;
    }
}

/// The asking end of a stream.
#[derive(Clone)]
pub(super) struct Calls {
    queue: mpsc::Sender<Waiting>,
}

impl Calls {
    /// A stream to be: its asking end, what goes out on it, and who is to hear what comes back.
    pub(super) fn new() -> (Self, impl Stream<Item = Bytes> + Send + 'static, Sent) {
        let (queue, waiting) = mpsc::channel(QUEUED);
        let sent = Sent(Arc::new(Mutex::new(Some(HashMap::new()))));
        let outgoing = futures_util::stream::unfold((waiting, sent.clone(), 0), next);
        (Self { queue }, outgoing, sent)
    }

    /// Asks, and waits for the answer, at most for `deadline`.
    pub(super) async fn ask(&self, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        let until = Instant::now() + deadline;
        let decided = Arc::new(AtomicBool::new(false));
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { request, until, decided: decided.clone(), answer };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CallError::Refused,
            mpsc::error::TrySendError::Closed(_) => CallError::NotSent(Arc::new(NoStream)),
        })?;
        let why = match tokio::time::timeout_at(until, answered).await {
            Ok(Ok(result)) => return result,
            Ok(Err(_)) => Unknown::Lost,
            Err(_) => Unknown::Late(deadline),
        };
        let has_left = decided.swap(true, Ordering::SeqCst);
        Err(if has_left {
            CallError::OutcomeUnknown(Arc::new(why))
        } else {
            CallError::NotSent(Arc::new(why))
        })
    }
}

type Outgoing = (mpsc::Receiver<Waiting>, Sent, u64);

/// The next call that somebody still waits for.
async fn next((mut waiting, sent, last): Outgoing) -> Option<(Bytes, Outgoing)> {
    loop {
        let Waiting { request, until, decided, answer } = waiting.recv().await?;
        let number = last + 1;
        {
            let mut sent = sent.lock();
            let sent = sent.as_mut()?;
            if answer.is_closed() || decided.swap(true, Ordering::SeqCst) {
                continue;
            }
            sent.insert(number, answer);
        }
        let within = until.saturating_duration_since(Instant::now());
        return Some((Asked { number, within, request }.encode(), (waiting, sent, number)));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn items_are_read_as_they_were_written() {
        let within = Duration::from_millis(1_500);
        let asked = Asked { number: 7, within, request: Bytes::from("question") };
        assert_eq!(Asked::decode(asked.encode()), Some(asked));
        for verdict in [Verdict::Answered, Verdict::Refused, Verdict::Late] {
            let told = Told { number: u64::MAX, verdict, answer: Bytes::from("answer") };
            assert_eq!(Told::decode(told.encode()), Some(told));
        }
        assert_eq!(Asked::decode(Bytes::from_static(&[0; 11])), None);
        assert_eq!(Told::decode(Bytes::from_static(&[9; 9])), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_leave_is_known_not_to_have() {
        let (calls, outgoing, _sent) = Calls::new();
        let given_up = calls.ask(Bytes::from("never taken"), Duration::from_secs(1)).await;
        assert!(matches!(given_up, Err(CallError::NotSent(_))), "{given_up:?}");
        // Nor does it leave later.
        let mut outgoing = Box::pin(outgoing);
        let asker = calls.clone();
        let late = tokio::spawn(async move { asker.ask(Bytes::from("taken"), Duration::from_secs(1)).await });
        let item = Asked::decode(outgoing.next().await.expect("an item")).expect("a call");
        assert_eq!((item.number, item.request), (1, Bytes::from("taken")));
        let late = late.await.expect("an outcome");
        assert!(matches!(late, Err(CallError::OutcomeUnknown(_))), "{late:?}");
        drop(outgoing);
        let closed = calls.ask(Bytes::new(), Duration::from_secs(1)).await;
        assert!(matches!(closed, Err(CallError::NotSent(_))), "{closed:?}");
    }

    #[tokio::test]
    async fn more_than_may_wait_is_refused() {
        let (calls, _outgoing, _sent) = Calls::new();
        let mut waiting = Vec::new();
        for _ in 0..QUEUED {
            let mut one = Box::pin(calls.ask(Bytes::new(), Duration::from_secs(60)));
            assert!(futures_util::poll!(&mut one).is_pending());
            waiting.push(one);
        }
        let refused = calls.ask(Bytes::new(), Duration::from_secs(60)).await;
        assert!(matches!(refused, Err(CallError::Refused)), "{refused:?}");
    }
}
