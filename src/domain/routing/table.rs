//! The router's private books: short keys for agents, groups and chats, and the rows behind them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::agent::Agent;
use super::chat::Chat;
use super::group::{Group, GroupRules};
use crate::domain::id::{AgentId, ChatId, GroupId};

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) struct $name(pub(super) u32);
    };
}

key!(
    /// An agent's row. Rows live as long as the router: an id keeps its key.
    AgentKey
);
key!(
    /// A group's row; row 0 is group 0. They live as long as the router.
    GroupKey
);
key!(
    /// A chat's row. Reused once the chat is forgotten.
    ChatKey
);

type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// A quick hash for ids, which the server makes or an administrator enters: nobody else can choose them so that
/// they collide. A router looks up several of them for each decision.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            self.write_u64(u64::from_le_bytes(padded));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
    }

    fn finish(&self) -> u64 {
        // The product's high bits are the well mixed ones; the table wants them low as well.
        self.0.rotate_left(26)
    }
}

/// All rows of the router.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) agents: Vec<Agent>,
    pub(super) agent_keys: IdMap<AgentId, AgentKey>,
    pub(super) groups: Vec<Group>,
    pub(super) group_keys: IdMap<GroupId, GroupKey>,
    /// What groups without settings of their own follow.
    pub(super) license_wide: GroupRules,
    chats: Vec<Option<Chat>>,
    chat_keys: IdMap<ChatId, ChatKey>,
    spare_chats: Vec<ChatKey>,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            agents: Vec::new(),
            agent_keys: IdMap::default(),
            groups: vec![Group::new(GroupId::ALL, GroupRules::default())],
            group_keys: IdMap::from_iter([(GroupId::ALL, GroupKey(0))]),
            license_wide: GroupRules::default(),
            chats: Vec::new(),
            chat_keys: IdMap::default(),
            spare_chats: Vec::new(),
        }
    }

    pub(super) fn agent(&self, key: AgentKey) -> &Agent {
        &self.agents[key.0 as usize]
    }

    pub(super) fn agent_mut(&mut self, key: AgentKey) -> &mut Agent {
        &mut self.agents[key.0 as usize]
    }

    pub(super) fn group(&self, key: GroupKey) -> &Group {
        &self.groups[key.0 as usize]
    }

    pub(super) fn group_mut(&mut self, key: GroupKey) -> &mut Group {
        &mut self.groups[key.0 as usize]
    }

    /// The chat's row; the key must come from a live row.
    pub(super) fn chat(&self, key: ChatKey) -> &Chat {
        self.chats[key.0 as usize].as_ref().expect("a key of a live chat")
    }

    /// As [`Self::chat`], to change it.
    pub(super) fn chat_mut(&mut self, key: ChatKey) -> &mut Chat {
        self.chats[key.0 as usize].as_mut().expect("a key of a live chat")
    }

    /// The chat's row, if the key still names one.
    pub(super) fn live_chat(&self, key: ChatKey) -> Option<&Chat> {
        self.chats.get(key.0 as usize)?.as_ref()
    }

    pub(super) fn chat_key(&self, id: &ChatId) -> Option<ChatKey> {
        self.chat_keys.get(id).copied()
    }

    /// Every chat that is known, closed ones of the last minute included.
    pub(super) fn chats(&self) -> impl Iterator<Item = (ChatKey, &Chat)> {
        self.chats.iter().enumerate().filter_map(|(at, row)| Some((ChatKey(at as u32), row.as_ref()?)))
    }

    pub(super) fn add_chat(&mut self, chat: Chat) -> ChatKey {
        let id = chat.id.clone();
        let key = match self.spare_chats.pop() {
            Some(key) => {
                self.chats[key.0 as usize] = Some(chat);
                key
            }
            None => {
                self.chats.push(Some(chat));
                ChatKey((self.chats.len() - 1) as u32)
            }
        };
        self.chat_keys.insert(id, key);
        key
    }

    pub(super) fn drop_chat(&mut self, key: ChatKey) {
        if let Some(chat) = self.chats[key.0 as usize].take() {
            self.chat_keys.remove(&chat.id);
            self.spare_chats.push(key);
        }
    }

    /// The row of a group, made on first mention: a group without settings follows its license.
    pub(super) fn group_key(&mut self, id: GroupId) -> GroupKey {
        *self.group_keys.entry(id).or_insert_with(|| {
            self.groups.push(Group::new(id, self.license_wide));
            GroupKey((self.groups.len() - 1) as u32)
        })
    }

    /// The row of an agent, made on first mention: a chat may tell of agents before the configuration does.
    pub(super) fn agent_key(&mut self, id: &AgentId) -> AgentKey {
        if let Some(key) = self.agent_keys.get(id) {
            return *key;
        }
        let key = AgentKey(self.agents.len() as u32);
        self.agents.push(Agent::new(id.clone()));
        self.agent_keys.insert(id.clone(), key);
        key
    }

    /// The groups of a chat: at least one, sorted, no repeats.
    pub(super) fn chat_groups(&mut self, ids: &[GroupId]) -> Vec<GroupKey> {
        if ids.is_empty() {
            return vec![GroupKey(0)];
        }
        let mut keys: Vec<GroupKey> = ids.iter().map(|id| self.group_key(*id)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Several agents: sorted, no repeats.
    pub(super) fn agent_set(&mut self, ids: &[AgentId]) -> Vec<AgentKey> {
        let mut keys: Vec<AgentKey> = ids.iter().map(|id| self.agent_key(id)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
