//! Threads that are read whole for those who ask for them: only so much of them is in this node's memory at once. Who comes when
//! there is no room waits, and is refused when that takes too long.
//!
//! Nobody who has room waits for room, so that all who wait get theirs. What a chat reads for its own turn has room of its own,
//! since readers who have theirs ask chats, too.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::chat::history::{Found, History};
use super::{Actors, AskError};
use crate::domain::chat::Chat;
use crate::domain::id::{LicenseId, ThreadId};
use crate::domain::thread_limits::Extent;
use crate::store::StoreError;

/// Bytes of one permit: a semaphore has not enough of them for every byte.
const UNIT: u64 = 1024;
/// Bytes that nearly no thread exceeds. One of which nothing is known is given so much room first, and if it turns out to be
/// larger, is read again with room for the largest.
const USUAL: u64 = 256 * 1024;

/// Room for threads that are read whole.
pub(super) struct Readers {
    room: Arc<Semaphore>,
    units: u32,
}

/// What one reader has of the room, until it is dropped.
pub struct Room {
    permit: Option<OwnedSemaphorePermit>,
}

/// A thread that was read whole. Its room is given back with it: the answer should be made by then.
pub struct Whole {
    /// The thread.
    pub history: History,
    /// Of a few small ones that were read together none is kept: whoever goes through them may need room for another.
    _room: Option<Room>,
}

impl Readers {
    /// With room for so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let units = units(bytes);
        Self { room: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Waits for room, and not for longer than this.
    ///
    /// # Errors
    /// [`AskError::Busy`] if others have it for too long.
    async fn room_within(&self, wait: Duration, bytes: u64) -> Result<Room, AskError> {
        tokio::time::timeout(wait, self.room(bytes)).await.map_err(|_| AskError::Busy)
    }

    /// Waits for room. What is larger than all of it is read alone.
    pub(super) async fn room(&self, bytes: u64) -> Room {
        let wanted = units(bytes).min(self.units);
        // Nobody ever closes it.
        Room { permit: self.room.clone().acquire_many_owned(wanted).await.ok() }
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX >> 3).clamp(1, u32::MAX >> 3)
}

/// How long somebody may wait of the time that a request has: what is left is for the reading.
fn longest_wait(request_timeout: Duration) -> Duration {
    request_timeout / 3
}

impl Room {
    /// What was read is no larger than this: others get the rest.
    fn keep(&mut self, bytes: u64) {
        let Some(permit) = &mut self.permit else { return };
        let surplus = permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(permit.split(surplus));
    }
}

impl Whole {
    fn new(history: History, mut room: Room) -> Self {
        if let Some(thread) = &history.chat.thread {
            room.keep(Extent::of(thread).bytes);
        }
        Self { history, _room: Some(room) }
    }
}

impl Actors {
    /// Waits for room to read so many bytes of threads.
    ///
    /// # Errors
    /// [`AskError::Busy`] if others have it for too long.
    pub(super) async fn reading(&self, bytes: u64) -> Result<Room, AskError> {
        self.readers.room_within(longest_wait(self.parts.settings.request_timeout), bytes).await
    }

    /// Reads the last thread of a chat as of a row.
    ///
    /// # Errors
    /// The store's, or [`AskError::Busy`] if there is no room for too long.
    pub async fn read_last_thread(&self, chat: &Chat, to: u64) -> Result<Option<Whole>, AskError> {
        let Some(thread) = &chat.thread else { return Ok(None) };
        let room = self.reading(Extent::of(thread).bytes).await?;
        let history = History::read(self, chat.license, &thread.id, Some(to)).await?;
        Ok(history.map(|history| Whole::new(history, room)))
    }

    /// Reads a thread of which nothing is known, to its end; none if there is none.
    ///
    /// # Errors
    /// As for the last thread of a chat.
    pub async fn read_thread(
        &self,
        license: LicenseId,
        thread: &ThreadId,
    ) -> Result<Option<Whole>, AskError> {
        let room = self.reading(USUAL).await?;
        match History::read_within(self, license, thread, USUAL).await? {
            Found::Whole(history) => return Ok(Some(Whole::new(*history, room))),
            Found::Nothing => return Ok(None),
            Found::Larger => drop(room),
        }
        let room = self.reading(self.most_of_a_thread()).await?;
        let history = History::read(self, license, thread, None).await?;
        Ok(history.map(|history| Whole::new(history, room)))
    }

    /// Reads a few threads at the same time, as [`Self::read_thread`] does one; those that are larger than most are left for that.
    ///
    /// # Errors
    /// As for one thread.
    pub async fn read_small_threads<'t>(
        &self,
        license: LicenseId,
        threads: impl ExactSizeIterator<Item = &'t ThreadId>,
    ) -> Result<Vec<Found>, AskError> {
        let _room = self.reading(USUAL * threads.len() as u64).await?;
        let found = threads.map(|thread| History::read_within(self, license, thread, USUAL));
        Ok(try_join_all(found).await?)
    }

    /// A thread without its events; none if there is no such thread.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_head(&self, license: LicenseId, thread: &ThreadId) -> Result<Option<Chat>, StoreError> {
        let history = History::read_keeping(self, license, thread, None, Vec::clear).await?;
        Ok(history.map(|history| history.chat))
    }

    /// Room for what a chat reads of one of its own threads. Its turn waits as long as it takes: whoever has such room waits for the
    /// store alone, and who asked for the turn has a deadline of their own.
    pub(super) async fn room_for_turn(&self, chat: &Chat, thread: &ThreadId) -> Room {
        let last = chat.thread.as_ref().filter(|last| last.id == *thread);
        let bytes = last.map_or_else(|| self.most_of_a_thread(), |last| Extent::of(last).bytes);
        self.own_readers.room(bytes).await
    }

    /// Bytes that a thread holds at most.
    pub(super) fn most_of_a_thread(&self) -> u64 {
        self.parts.settings.thread_bytes
    }
}

impl From<History> for Whole {
    /// A small one, without room.
    fn from(history: History) -> Self {
        Self { history, _room: None }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_comes_when_there_is_no_room_waits_until_there_is() {
        let readers = Readers::new(10 * UNIT);
        let Poll::Ready(first) = poll(pin!(readers.room(6 * UNIT))) else { panic!("there is room") };
        let mut second = pin!(readers.room(5 * UNIT));
        assert!(poll(second.as_mut()).is_pending());
        // Who comes later does not overtake.
        let mut third = pin!(readers.room(1));
        assert!(poll(third.as_mut()).is_pending());
        drop(first);
        assert!(poll(second).is_ready() && poll(third).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_too_long_is_refused_and_in_nobody_s_way_any_more() {
        let readers = Readers::new(10 * UNIT);
        let wait = Duration::from_secs(5);
        let first = readers.room_within(wait, 6 * UNIT).await.expect("there is room");
        let refused = readers.room_within(wait, 10 * UNIT).await;
        assert!(matches!(refused, Err(AskError::Busy)));
        let small = readers.room_within(wait, 4 * UNIT).await;
        drop((first, small.expect("there is room")));
        assert_eq!(readers.room.available_permits(), 10);
    }

    #[test]
    fn room_that_is_not_needed_is_given_back_before_the_reader_ends() {
        let readers = Readers::new(10 * UNIT);
        let Poll::Ready(mut first) = poll(pin!(readers.room(10 * UNIT))) else { panic!("there is room") };
        let mut second = pin!(readers.room(9 * UNIT));
        assert!(poll(second.as_mut()).is_pending());
        first.keep(UNIT);
        assert!(poll(second).is_ready());
        first.keep(100 * UNIT);
        drop(first);
        assert_eq!(readers.room.available_permits(), 10);
    }

    #[test]
    fn what_is_larger_than_all_the_room_is_read_alone() {
        let readers = Readers::new(10 * UNIT);
        let Poll::Ready(alone) = poll(pin!(readers.room(u64::MAX))) else { panic!("there is room") };
        assert_eq!(readers.room.available_permits(), 0);
        drop(alone);
        assert_eq!(readers.room.available_permits(), 10);
    }
}
