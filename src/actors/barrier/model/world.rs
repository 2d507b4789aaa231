//! Nodes, routers, chats, and the scheduler.

use std::collections::{BTreeMap, BTreeSet};

use switchboard_cluster::{Epoch, Incarnation, Shard, ShardRow};
use uuid::Uuid;

use super::super::rule::{self, Answered};

/// The first shard is that of the router.
const SHARDS: usize = 3;
const CHATS: usize = 6;
const AGENTS: usize = 2;
/// Chats of an agent.
const LIMIT: usize = 1;
const NODES: usize = 5;
const ROUTER: usize = 0;
const STEPS: usize = 600;

/// Which parts of the rule hold.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// A new router assigns nothing before all have answered.
    pub(super) barrier: bool,
    /// Only answers to its own question count.
    pub(super) answers_of_this_term: bool,
    /// Who gains a shard that has not answered is asked as well.
    pub(super) ask_new_owners: bool,
    /// Who answered a router refuses earlier ones.
    pub(super) refuse_after_answer: bool,
    /// The routers' terms are read before a router is obeyed in a gained shard.
    pub(super) enter_by_table: bool,
    /// An answer waits for turns that carry out a decision.
    pub(super) wait_for_turns: bool,
    /// Who answers is not fenced.
    pub(super) confirm: bool,
    /// Answers are for shards all of whose chats are known.
    pub(super) recovered_only: bool,
}

impl Rules {
    pub(super) const ALL: Self = Self {
        barrier: true,
        answers_of_this_term: true,
        ask_new_owners: true,
        refuse_after_answer: true,
        enter_by_table: true,
        wait_for_turns: true,
        confirm: true,
        recovered_only: true,
    };
}

/// What happened, so that a test can see that enough did.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) assigned: u64,
    pub(super) refused: u64,
    pub(super) moved: u64,
    pub(super) fenced: u64,
    pub(super) routers: u64,
    pub(super) rebuilt: u64,
}

/// A chat as its log has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Chat {
    version: u64,
    agent: Option<usize>,
    /// The last decision that it carried out.
    settled: u64,
}

type Reports = Vec<(usize, Chat)>;

#[derive(Clone, Debug)]
enum Message {
    /// A chat asks a router whom it shall be given to.
    Route {
        node: usize,
        chat: usize,
        epoch: Epoch,
        known: Chat,
        to: usize,
    },
    Routed {
        node: usize,
        chat: usize,
        epoch: Epoch,
        term: u64,
        decision: u64,
        agent: usize,
    },
    Report {
        to: usize,
        chat: usize,
        known: Chat,
    },
    /// A new router asks a node what it has.
    Question {
        from: usize,
        to: usize,
        term: Epoch,
    },
    /// Collected, and not yet confirmed.
    Collected {
        node: usize,
        asker: usize,
        term: Epoch,
        shards: Vec<(Shard, Epoch)>,
        reports: Reports,
    },
    Answer {
        from: usize,
        to: usize,
        term: Epoch,
        shards: Vec<(Shard, Epoch)>,
        reports: Reports,
    },
}

#[derive(Default)]
struct Node {
    is_fenced: bool,
    /// Its process took note of that.
    is_gone: bool,
    /// By shard, the term under which it is held.
    held: [Option<Epoch>; SHARDS],
    /// By shard, the last term that was let go: it is never taken up again.
    let_go: [Option<Epoch>; SHARDS],
    entered: [Option<Epoch>; SHARDS],
    recovered: [Option<Epoch>; SHARDS],
    /// The table of shards as far as is known here.
    table: [Option<ShardRow>; SHARDS],
    asked: u64,
    floor: Epoch,
    book: BTreeMap<usize, Chat>,
    /// Chats that wait for a router.
    asking: BTreeSet<usize>,
    /// Decisions that are being carried out, by chat.
    turns: BTreeMap<usize, (Epoch, u64, usize)>,
    router: Option<Router>,
}

struct Router {
    term: Epoch,
    is_rebuilding: bool,
    answered: Answered,
    asked: BTreeSet<usize>,
    heard: BTreeSet<usize>,
    chats: BTreeMap<usize, Chat>,
    /// By chat, the agent who is kept free for it, and the decision.
    reserved: BTreeMap<usize, (usize, u64)>,
}

pub(super) struct World {
    rules: Rules,
    random: Random,
    rows: [Option<ShardRow>; SHARDS],
    nodes: Vec<Node>,
    chats: [Chat; CHATS],
    messages: Vec<Message>,
    decisions: u64,
    seen: Seen,
}

fn shard_of(chat: usize) -> usize {
    chat % SHARDS
}

fn run_of(node: usize) -> Incarnation {
    Incarnation(Uuid::from_u128(node as u128 + 1))
}

fn node_of(run: Incarnation) -> usize {
    run.0.as_u128() as usize - 1
}

impl Router {
    fn new(term: Epoch, is_rebuilding: bool) -> Self {
        Self {
            term,
            is_rebuilding,
            answered: Answered::default(),
            asked: BTreeSet::new(),
            heard: BTreeSet::new(),
            chats: BTreeMap::new(),
            reserved: BTreeMap::new(),
        }
    }

    fn hear(&mut self, chat: usize, known: Chat) {
        let entry = self.chats.entry(chat).or_default();
        if known.version >= entry.version {
            *entry = known;
        }
        if self.reserved.get(&chat).is_some_and(|(_, decision)| *decision <= known.settled) {
            self.reserved.remove(&chat);
        }
    }

    fn load(&self, agent: usize) -> usize {
        let has = |chat: &usize| {
            let assigned = self.chats.get(chat).is_some_and(|known| known.agent == Some(agent));
            assigned || self.reserved.get(chat).is_some_and(|(reserved, _)| *reserved == agent)
        };
        (0..CHATS).filter(has).count()
    }
}

impl World {
    pub(super) fn new(seed: u64, rules: Rules) -> Self {
        let mut world = Self {
            rules,
            random: Random(seed),
            rows: [None; SHARDS],
            nodes: (0..NODES).map(|_| Node::default()).collect(),
            chats: [Chat::default(); CHATS],
            messages: Vec::new(),
            decisions: 0,
            seen: Seen::default(),
        };
        for shard in 0..SHARDS {
            let node = world.random.below(NODES);
            world.give(shard, node);
        }
        for node in 0..NODES {
            (0..SHARDS).for_each(|shard| world.learn(node, shard));
            world.enter(node);
            world.recover(node);
        }
        world
    }

    pub(super) fn run(mut self) -> Result<Seen, String> {
        for _ in 0..STEPS {
            self.step();
            judge(&self.chats)?;
        }
        Ok(self.seen)
    }

    fn step(&mut self) {
        let (chat, shard) = (self.random.below(CHATS), self.random.below(SHARDS));
        let works = |node: &Node| node.held[shard_of(chat)].is_some();
        match self.random.below(128) {
            0..=39 => self.deliver(),
            40..=55 => self.at_some(works, |world, node| world.ask_route(node, chat)),
            56..=65 => self.at_some(|node| !node.turns.is_empty(), Self::finish_turn),
            66..=75 => self.close(chat),
            76 => self.at_some(works, |world, node| world.report(node, chat)),
            77..=88 => self.at_some(|node| node.held[ROUTER].is_some(), Self::run_router),
            89..=95 => self.at_some(|_| true, |world, node| world.learn(node, shard)),
            96..=108 => self.at_some(|node| node.held != node.entered, Self::enter),
            109..=116 => self.at_some(|node| node.held != node.recovered, Self::recover),
            117 => {
                let shard = if self.random.below(2) == 0 { ROUTER } else { shard };
                self.at_some(|node| node.held[shard].is_some(), |world, node| world.hand_over(node, shard));
            }
            118 if self.random.below(2) == 0 => self.fence(),
            119..=126 => self.at_some(|node| !node.is_fenced, |world, node| world.claim(node, shard)),
            127 if self.random.below(2) == 0 => self.at_some(|node| node.is_fenced, Self::find_out),
            _ => {}
        }
    }

    /// Something happens at one of the nodes where it can.
    fn at_some(&mut self, can: impl Fn(&Node) -> bool, happens: impl FnOnce(&mut Self, usize)) {
        let able = |node: &usize| !self.nodes[*node].is_gone && can(&self.nodes[*node]);
        let able: Vec<usize> = (0..self.nodes.len()).filter(able).collect();
        if !able.is_empty() {
            let node = able[self.random.below(able.len())];
            happens(self, node);
        }
    }

    /// The table names a new owner.
    fn give(&mut self, shard: usize, node: usize) {
        let before = self.rows[shard].map(|row| row.epoch).unwrap_or_default();
        self.rows[shard] = Some(ShardRow { owner: run_of(node), epoch: before.next(0) });
        self.seen.moved += 1;
    }

    /// A node reads the row of a shard, and takes up what is its own.
    fn learn(&mut self, node: usize, shard: usize) {
        let Some(row) = self.rows[shard] else { return };
        let own = &mut self.nodes[node];
        if own.is_fenced && row.owner != run_of(node) {
            // What a node that was fenced reads would end it.
            return;
        }
        own.table[shard] = Some(row);
        if row.owner == run_of(node) && own.let_go[shard] != Some(row.epoch) {
            own.held[shard] = Some(row.epoch);
        }
    }

    /// Reads the routers' terms, then obeys them in what was gained.
    fn enter(&mut self, node: usize) {
        let table = self.rows[ROUTER].map(|row| row.epoch).unwrap_or_default();
        let own = &mut self.nodes[node];
        if self.rules.enter_by_table {
            own.floor = own.floor.max(table);
        }
        own.entered = own.held;
    }

    fn recover(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        for (chat, known) in self.chats.iter().enumerate() {
            let shard = shard_of(chat);
            if own.held[shard].is_some() && own.recovered[shard] != own.held[shard] {
                let book = own.book.entry(chat).or_default();
                *book = if book.version > known.version { *book } else { *known };
            }
        }
        own.recovered = own.held;
    }

    fn let_go(&mut self, node: usize, shard: usize) {
        let own = &mut self.nodes[node];
        own.let_go[shard] = own.held[shard].take().or(own.let_go[shard]);
        own.entered[shard] = None;
        own.recovered[shard] = None;
        own.book.retain(|chat, _| shard_of(*chat) != shard);
        own.asking.retain(|chat| shard_of(*chat) != shard);
        own.turns.retain(|chat, _| shard_of(*chat) != shard);
        if shard == ROUTER {
            own.router = None;
        }
    }

    fn hand_over(&mut self, node: usize, shard: usize) {
        let to = self.random.below(self.nodes.len());
        if self.nodes[to].is_fenced {
            return;
        }
        let held = self.nodes[node].held[shard];
        self.let_go(node, shard);
        let stands = self.rows[shard].filter(|row| row.owner == run_of(node) && Some(row.epoch) == held);
        if !self.nodes[node].is_fenced && stands.is_some() {
            self.give(shard, to);
        }
    }

    fn fence(&mut self) {
        // Half of the time that of the router.
        let router = self.rows[ROUTER].map(|row| node_of(row.owner)).filter(|_| self.random.below(2) == 0);
        let node = router.unwrap_or_else(|| self.random.below(self.nodes.len()));
        let living = self.nodes.iter().filter(|node| !node.is_fenced).count();
        if living > 1 && !self.nodes[node].is_fenced {
            self.nodes[node].is_fenced = true;
            self.seen.fenced += 1;
        }
    }

    fn claim(&mut self, node: usize, shard: usize) {
        let dead = self.rows[shard].is_some_and(|row| self.nodes[node_of(row.owner)].is_fenced);
        if dead {
            self.give(shard, node);
            self.learn(node, shard);
        }
    }

    /// A node learns that it is fenced, and another takes its place.
    fn find_out(&mut self, node: usize) {
        (0..SHARDS).for_each(|shard| self.let_go(node, shard));
        self.nodes[node].is_gone = true;
        let table = self.nodes[node].table;
        self.nodes.push(Node { table, ..Node::default() });
    }

    /// Where a node believes the router to be.
    fn router_as_known(&self, node: usize) -> Option<usize> {
        self.nodes[node].table[ROUTER].map(|row| node_of(row.owner))
    }

    /// A chat without an agent asks for one.
    fn ask_route(&mut self, node: usize, chat: usize) {
        let Some(to) = self.router_as_known(node) else { return };
        let own = &mut self.nodes[node];
        let Some(epoch) = own.held[shard_of(chat)] else { return };
        let known = self.chats[chat];
        let is_busy = own.asking.contains(&chat) || own.turns.contains_key(&chat);
        if is_busy || known.agent.is_some() {
            return;
        }
        own.asking.insert(chat);
        self.messages.push(Message::Route { node, chat, epoch, known, to });
    }

    /// The row of a decision stands in the log, if the owner still is that.
    fn finish_turn(&mut self, node: usize) {
        let Some((chat, (epoch, decision, agent))) = self.nodes[node].turns.pop_first() else { return };
        if self.owns(node, shard_of(chat), epoch) {
            let known = &mut self.chats[chat];
            *known = Chat { version: known.version + 1, agent: Some(agent), settled: decision };
            self.nodes[node].book.insert(chat, *known);
            self.seen.assigned += 1;
        }
    }

    fn owns(&self, node: usize, shard: usize, epoch: Epoch) -> bool {
        let row = ShardRow { owner: run_of(node), epoch };
        self.rows[shard] == Some(row) && !self.nodes[node].is_fenced
    }

    fn close(&mut self, chat: usize) {
        let shard = shard_of(chat);
        let Some(ShardRow { owner, epoch }) = self.rows[shard] else { return };
        let node = node_of(owner);
        let works = self.nodes[node].held[shard] == Some(epoch) && self.owns(node, shard, epoch);
        if works && self.chats[chat].agent.is_some() {
            let known = &mut self.chats[chat];
            *known = Chat { version: known.version + 1, agent: None, ..*known };
            self.nodes[node].book.insert(chat, *known);
        }
    }

    /// What a chat is, sent to where the router is believed to be.
    fn report(&mut self, node: usize, chat: usize) {
        let Some(to) = self.router_as_known(node) else { return };
        if let Some(known) = self.nodes[node].book.get(&chat).copied() {
            self.messages.push(Message::Report { to, chat, known });
        }
    }

    /// A router begins, or asks those who have not answered.
    fn run_router(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        let Some(term) = own.held[ROUTER] else { return };
        if own.router.as_ref().is_none_or(|router| router.term != term) {
            own.router = Some(Router::new(term, self.rules.barrier));
            self.seen.routers += 1;
        }
        let Some(router) = own.router.as_mut().filter(|router| router.is_rebuilding) else { return };
        let mut lacks = false;
        let mut nodes = BTreeSet::new();
        for (shard, row) in own.table.iter().enumerate() {
            if router.answered.lacks(Shard(shard as u32), *row) {
                lacks = true;
                nodes.extend(row.map(|row| node_of(row.owner)));
            }
        }
        if !self.rules.ask_new_owners && !router.asked.is_empty() {
            nodes.clear();
            lacks = !router.asked.is_subset(&router.heard);
        }
        if lacks {
            router.asked.extend(nodes.iter().copied());
            self.messages.extend(nodes.into_iter().map(|to| Message::Question { from: node, to, term }));
        } else {
            router.is_rebuilding = false;
            self.seen.rebuilt += 1;
        }
    }

    fn deliver(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let pick = self.random.below(self.messages.len());
        match self.messages.swap_remove(pick) {
            Message::Route { node, chat, epoch, known, to } => {
                self.decide(to, (node, chat, epoch), known);
            }
            Message::Routed { node, chat, epoch, term, decision, agent } => {
                self.routed(node, (chat, epoch), term, decision, agent);
            }
            Message::Report { to, chat, known } => {
                if let Some(router) = &mut self.nodes[to].router {
                    router.hear(chat, known);
                }
            }
            Message::Question { from, to, term } => self.question(from, to, term),
            Message::Collected { node, asker, term, shards, reports } => {
                if self.rules.confirm && self.nodes[node].is_fenced {
                    return;
                }
                let held = self.nodes[node].held;
                let shards = rule::still_held(shards, |shard| held[shard.0 as usize]);
                self.messages.push(Message::Answer { from: node, to: asker, term, shards, reports });
            }
            Message::Answer { from, to, term, shards, reports } => {
                let any = !self.rules.answers_of_this_term;
                let Some(router) = &mut self.nodes[to].router else { return };
                if router.is_rebuilding && (router.term == term || any) {
                    router.answered.note(&shards);
                    router.heard.insert(from);
                    reports.into_iter().for_each(|(chat, known)| router.hear(chat, known));
                }
            }
        }
    }

    /// A router decides about a chat.
    fn decide(&mut self, at: usize, (node, chat, epoch): (usize, usize, Epoch), known: Chat) {
        self.decisions += 1;
        let decision = self.decisions;
        let routed = self.nodes[at].router.as_mut().and_then(|router| {
            router.hear(chat, known);
            if router.is_rebuilding || router.reserved.contains_key(&chat) {
                return None;
            }
            let agent = (0..AGENTS).find(|agent| router.load(*agent) < LIMIT)?;
            router.reserved.insert(chat, (agent, decision));
            Some((rule::number(router.term), agent))
        });
        match routed {
            Some((term, agent)) => {
                self.messages.push(Message::Routed { node, chat, epoch, term, decision, agent });
            }
            None => drop(self.nodes[node].asking.remove(&chat)),
        }
    }

    /// A decision reaches the chat: carried out if its router counts.
    fn routed(&mut self, node: usize, (chat, epoch): (usize, Epoch), term: u64, decision: u64, agent: usize) {
        let own = &mut self.nodes[node];
        let shard = shard_of(chat);
        if own.held[shard] == Some(epoch) && own.entered[shard] != Some(epoch) {
            return self.messages.push(Message::Routed { node, chat, epoch, term, decision, agent });
        }
        if own.held[shard] != Some(epoch) || !own.asking.remove(&chat) {
            return;
        }
        if rule::counts(term, rule::floor(own.asked, own.floor)) {
            own.turns.insert(chat, (epoch, decision, agent));
        } else {
            self.seen.refused += 1;
        }
    }

    /// A new router asks a node: from now on it refuses earlier ones, and what they decided is awaited first.
    fn question(&mut self, from: usize, to: usize, term: Epoch) {
        let own = &mut self.nodes[to];
        if self.rules.refuse_after_answer {
            own.asked = own.asked.max(rule::number(term));
        }
        if self.rules.wait_for_turns && !own.turns.is_empty() {
            return self.messages.push(Message::Question { from, to, term });
        }
        let held =
            own.held.iter().enumerate().filter_map(|(shard, term)| Some((Shard(shard as u32), (*term)?)));
        let any = !self.rules.recovered_only;
        let recovered = own.recovered;
        let is_recovered = |shard: Shard, term: Epoch| any || recovered[shard.0 as usize] == Some(term);
        let shards = rule::answerable(held.collect(), is_recovered);
        let wanted: BTreeSet<usize> = shards.iter().map(|(shard, _)| shard.0 as usize).collect();
        let book = own.book.iter().filter(|(chat, _)| wanted.contains(&shard_of(**chat)));
        let reports = book.map(|(chat, known)| (*chat, *known)).collect();
        self.messages.push(Message::Collected { node: to, asker: from, term, shards, reports });
    }
}

/// Whether every agent's limit holds.
fn judge(chats: &[Chat]) -> Result<(), String> {
    for agent in 0..AGENTS {
        let has = chats.iter().filter(|chat| chat.agent == Some(agent)).count();
        if has > LIMIT {
            return Err(format!("agent {agent} has {has} chats"));
        }
    }
    Ok(())
}

/// SplitMix64: the same numbers for the same seed, whatever the versions of the crates.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.assigned += other.assigned;
        self.refused += other.refused;
        self.moved += other.moved;
        self.fenced += other.fenced;
        self.routers += other.routers;
        self.rebuilt += other.rebuilt;
    }
}
