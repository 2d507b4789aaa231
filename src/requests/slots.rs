//! What a node has only so much of at once, and one client only a share.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::client::Client;

/// Slots, of which one client may hold some.
pub struct Slots {
    most: usize,
    /// None: as many as there are.
    most_of_client: Option<usize>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by_client: HashMap<Client, usize>,
}

/// One of them, free again once it is dropped.
pub struct Slot {
    slots: Arc<Slots>,
    client: Option<Client>,
}

impl Slots {
    /// So many, all of them free. `most_of_client` is how many one client may hold; 0: any number.
    pub fn new(most: usize, most_of_client: usize) -> Arc<Self> {
        let most_of_client = Some(most_of_client).filter(|most| *most > 0);
        Arc::new(Self { most, most_of_client, held: Mutex::default() })
    }

    /// A slot, unless the client has their share or there is none. Who is not known as a client has no share to keep to.
    pub fn take(self: &Arc<Self>, client: Option<Client>) -> Option<Slot> {
        let client = self.counted(client);
        let mut held = self.held.lock();
        let of_client = client.and_then(|client| held.by_client.get(&client)).copied().unwrap_or_default();
        let is_full = held.all >= self.most || self.most_of_client.is_some_and(|most| of_client >= most);
        (!is_full).then(|| self.hold(&mut held, client))
    }

    /// A slot for who had one before, be it one too many.
    pub fn take_again(self: &Arc<Self>, client: Option<Client>) -> Slot {
        self.hold(&mut self.held.lock(), self.counted(client))
    }

    /// Nobody is counted for whom there is no bound.
    fn counted(&self, client: Option<Client>) -> Option<Client> {
        client.filter(|_| self.most_of_client.is_some())
    }

    fn hold(self: &Arc<Self>, held: &mut Held, client: Option<Client>) -> Slot {
        held.all += 1;
        if let Some(client) = client {
            *held.by_client.entry(client).or_default() += 1;
        }
        Slot { slots: self.clone(), client }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.held.lock();
        held.all -= 1;
        let Some(client) = self.client else { return };
        if let Some(of_client) = held.by_client.get_mut(&client) {
            *of_client -= 1;
            if *of_client == 0 {
                held.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Option<Client> {
        Some(Client::of([192, 0, 2, last].into()))
    }

    #[test]
    fn one_client_holds_no_more_than_a_share_and_all_no_more_than_there_are() {
        let slots = Slots::new(5, 2);
        let mut held: Vec<Slot> = [1, 1, 2].map(|last| slots.take(client(last)).expect("a slot")).into();
        assert!(slots.take(client(1)).is_none(), "their share");
        held.extend([slots.take(None).expect("a slot"), slots.take(None).expect("a slot")]);
        assert!(slots.take(client(3)).is_none() && slots.take(None).is_none(), "there is none");
        held.remove(0);
        assert!(slots.take(client(1)).is_some(), "dropped at once");
        let again = slots.take_again(client(2));
        assert!(slots.take(client(1)).is_none());
        held.push(slots.take_again(client(2)));
        drop(again);
        assert!(slots.take(client(2)).is_none(), "their share");
        held.clear();
        assert!(slots.held.lock().by_client.is_empty(), "nothing is kept of who holds none");
        assert_eq!(slots.held.lock().all, 0);
    }

    #[test]
    fn without_a_share_one_client_may_hold_all() {
        let slots = Slots::new(3, 0);
        let held: Vec<_> = (0..4).map(|_| slots.take(client(1))).collect();
        assert_eq!(held.iter().flatten().count(), 3);
        assert!(slots.held.lock().by_client.is_empty());
    }
}
