//! What a node does about its place in the cluster: one state machine, input in, effects out. Pure.
//!
//! It has no clock, no store, no network and no randomness of its own, so that a test can play thousands of clusters a
//! second (`tests/simulation`). [`crate::node`] is the thin loop that carries the effects out and brings back what became
//! of them.
//!
//! - [`detector`]: which peers seem dead.
//! - [`votes`]: from suspicion to fence.
//! - [`shares`]: which shards this run holds, takes and gives away.
//!
//! A steward lives as long as one run of the node. When the tables show its run fenced it says [`Effect::Over`] and is done.

mod detector;
mod dice;
mod moment;
mod shares;
mod votes;

use std::time::Duration;

pub use detector::{Beat, Times};
pub use moment::Moment;

use crate::claims::{Picture, ShardTable};
use crate::placement::Seat;
use crate::{Claim, ClaimOutcome, Epoch, Incarnation, Member, Shard, ShardCount, ShardRow};
use detector::Detector;
use dice::Dice;
use shares::Shares;
use votes::{Sight, Step, Votes};

/// Claims in flight at once.
pub const CLAIMS_AT_ONCE: usize = 32;
/// How long the own row may be unconfirmed before the node calls itself impaired.
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time went on; comes several times between two pings.
    Tick,
    /// A peer pinged us.
    Heard(Incarnation, Beat),
    /// What became of an [`Effect::Ping`]: what the peer said, if it answered.
    Pinged(Incarnation, Option<Beat>),
    /// What became of an [`Effect::ReadTables`]; none where the tables could not be read.
    Read(Option<Picture>),
    /// What became of an [`Effect::ReadShards`].
    ReadShards(Option<Vec<(Shard, ShardRow)>>),
    /// What became of an [`Effect::Confirm`]: whether the own row was found valid in time.
    Confirmed(bool),
    /// What became of an [`Effect::Claim`]; none where the tables did not say.
    Claimed(Option<Vec<(Claim, ClaimOutcome)>>),
    /// The votes against a peer after ours was put in or taken out; none where the tables did not say.
    Voted(Incarnation, Option<Vec<Incarnation>>),
    /// Whether a fence stands.
    Fenced(Incarnation, bool),
    /// Whoever gets a shard knows what is to come, or was told for long enough.
    Announced(Shard),
    /// All work for a shard has ended.
    Vacated(Shard),
    /// These shards are given away after all others.
    LeaveLast(Vec<Shard>),
    /// What became of an [`Effect::HandOver`]; none where the tables did not say.
    HandedOver(Claim, Option<ClaimOutcome>),
    /// A peer says what it saw in the tables.
    Told(Vec<(Shard, ShardRow)>),
    /// Somebody has a reason to believe that the tables changed.
    Look,
    /// Give all shards away and take no more.
    Drain,
    /// Even shares out now.
    Rebalance,
}

/// What shall be done, in this order. The three in memory are carried out before anything else happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// In memory: work for the shard may be answered under the epoch from now on.
    Take(Shard, Epoch),
    /// In memory: nothing may be answered under the epoch any more.
    Lose(Shard, Epoch),
    /// In memory: a row of the shard table, for forwarding.
    Know(Shard, ShardRow),
    /// In memory: those who live.
    Members(Vec<Member>),
    /// In memory: the peers that were heard and do not seem dead.
    Awake(Vec<Incarnation>),
    /// In memory: whether the store is out of reach.
    Impaired(bool),
    /// Ping a peer.
    Ping(Incarnation),
    /// Read the tables: the shards, and after them the members.
    ReadTables,
    /// Read some rows of the shard table.
    ReadShards(Vec<Shard>),
    /// Read the own row, past the validation gate.
    Confirm,
    /// Make these claims.
    Claim(Vec<Claim>),
    /// Put the own vote against a peer into its row, or take it out. Only while the own row is valid.
    Vote(Incarnation, bool),
    /// Fence a peer. Only while the own row is valid.
    Fence(Incarnation),
    /// Let the next owner of a shard prepare itself; the shard is worked for meanwhile as ever.
    Announce(Shard, Incarnation),
    /// End the work for a shard: nothing new begins at once, what is in flight may finish.
    Vacate(Shard, Epoch),
    /// Ask the tables to move a shard that was let go.
    HandOver(Claim),
    /// Tell all peers of rows that the tables show.
    Tell(Vec<(Shard, ShardRow)>),
    /// Tell all peers that the tables changed.
    Look,
    /// Everything is given away, as far as there is somebody to take it.
    Drained,
    /// This run is fenced.
    Over,
}

/// Why shards are given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Drain,
    Rebalance,
}

/// How one run takes part in the cluster.
#[derive(Clone, Debug)]
pub struct Steward {
    me: Incarnation,
    times: Times,
    members: Vec<Member>,
    awake: Vec<Incarnation>,
    detector: Detector,
    votes: Votes,
    shares: Shares,
    dice: Dice,
    reading: bool,
    read_again: bool,
    next_read: Option<Moment>,
    confirming: bool,
    next_confirm: Moment,
    confirmed: Moment,
    impaired: bool,
    last_tick: Moment,
    draining: bool,
    drained: bool,
    uneven_since: Option<Moment>,
    order: Option<Order>,
    over: bool,
}

impl Steward {
    /// A steward for a run that is on record. `seed` makes its random choices.
    pub fn new(me: Incarnation, count: ShardCount, times: Times, now: Moment, seed: u64) -> Self {
        Self {
            me,
            times,
            members: Vec::new(),
            awake: Vec::new(),
            detector: Detector::new(times, now),
            votes: Votes::new(times.suspect_after),
            shares: Shares::new(me, count),
            dice: Dice::new(seed),
            reading: false,
            read_again: false,
            next_read: Some(now),
            confirming: false,
            next_confirm: now,
            confirmed: now,
            impaired: false,
            last_tick: now,
            draining: false,
            drained: false,
            uneven_since: None,
            order: None,
            over: false,
        }
    }

    /// What to do about what happened. `wall_us` is wall time in microseconds, for epochs alone.
    pub fn handle(&mut self, now: Moment, wall_us: i64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.over {
            return effects;
        }
        match input {
            Input::Tick => self.tick(now, &mut effects),
            Input::Heard(peer, beat) => self.detector.heard(now, peer, beat),
            Input::Pinged(peer, answer) => self.detector.pinged(now, peer, answer),
            Input::Read(picture) => self.read(now, wall_us, picture, &mut effects),
            Input::ReadShards(Some(rows)) => self.shares.learn(&rows, &mut effects),
            // A shard that is ours may wait for us.
            Input::ReadShards(None) => effects.push(Effect::ReadTables),
            Input::Confirmed(valid) => self.note_confirmed(now, valid, &mut effects),
            Input::Claimed(outcomes) => self.shares.claimed(outcomes, &mut effects),
            Input::Voted(accused, votes) => self.count(now, accused, votes.as_deref(), &mut effects),
            Input::Fenced(accused, stands) => {
                self.votes.fenced(accused, stands);
                if stands {
                    effects.extend([Effect::Look, Effect::ReadTables]);
                }
            }
            Input::Announced(shard) => self.shares.announced(shard, &mut effects),
            Input::Vacated(shard) => self.shares.vacated(shard, wall_us, &mut effects),
            Input::LeaveLast(shards) => self.shares.leave_last(shards),
            Input::HandedOver(claim, outcome) => self.shares.handed_over(&claim, outcome, &mut effects),
            Input::Told(rows) => self.hear(&rows, &mut effects),
            Input::Look => effects.push(Effect::ReadTables),
            Input::Drain => {
                self.draining = true;
                self.shares.stop_claiming();
            }
            Input::Rebalance => self.order = Some(Order::Rebalance),
        }
        self.note_awake(now, &mut effects);
        self.give(now, &mut effects);
        self.one_reading_at_a_time(now, &mut effects);
        effects
    }

    /// What this node says of itself to peers.
    pub fn beat(&self) -> Beat {
        Beat { draining: self.draining, impaired: self.impaired }
    }

    /// Those on record that are not fenced, this one included.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The shard table as this node knows it.
    pub fn table(&self) -> &ShardTable {
        self.shares.table()
    }

    /// The shards on their way out, and to whom.
    pub fn moves(&self) -> impl Iterator<Item = (Shard, Incarnation)> {
        self.shares.moves()
    }

    /// Whether a peer seems dead, or of no use.
    pub fn suspects(&self, now: Moment, peer: Incarnation) -> bool {
        self.suspected(now).contains(&peer)
    }

    /// Whether a peer said that it gives its shards away.
    pub fn is_draining(&self, peer: Incarnation) -> bool {
        if peer == self.me { self.draining } else { self.detector.is_draining(peer) }
    }

    /// Whether everything was given away, as far as there was somebody to take it.
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// Time since a peer was heard.
    pub fn silence(&self, now: Moment, peer: Incarnation) -> Duration {
        self.detector.silence(now, peer)
    }

    fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if now.since(self.last_tick) >= self.times.suspect_after / 2 {
            // This node itself was stopped; the tables may have been fine.
            self.confirmed = now;
        }
        self.last_tick = now;
        effects.extend(self.detector.tick(now).into_iter().map(Effect::Ping));
        if !self.confirming && now >= self.next_confirm {
            self.confirming = true;
            self.next_confirm = now.plus(self.times.ping_every);
            effects.push(Effect::Confirm);
        }
        if now.since(self.confirmed) >= CONFIRM_WITHIN {
            self.set_impaired(true, effects);
        }
        let (live, suspects) = self.sight(now);
        let steps = self.votes.tick(now, &Sight { me: self.me, live: &live, suspects: &suspects });
        effects.extend(steps.into_iter().map(effect_of));
        if self.next_read.is_some_and(|next| now >= next) {
            effects.push(Effect::ReadTables);
        }
    }

    fn note_confirmed(&mut self, now: Moment, valid: bool, effects: &mut Vec<Effect>) {
        self.confirming = false;
        if valid {
            self.confirmed = now;
            self.set_impaired(false, effects);
        } else if now.since(self.confirmed) >= CONFIRM_WITHIN {
            self.set_impaired(true, effects);
        }
    }

    fn set_impaired(&mut self, impaired: bool, effects: &mut Vec<Effect>) {
        if self.impaired != impaired {
            self.impaired = impaired;
            effects.push(Effect::Impaired(impaired));
        }
    }

    fn note_awake(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let peers = self.members.iter().map(|member| member.incarnation);
        let awake: Vec<Incarnation> = peers.filter(|peer| self.detector.is_awake(now, *peer)).collect();
        if awake != self.awake {
            self.awake.clone_from(&awake);
            effects.push(Effect::Awake(awake));
        }
    }

    fn count(
        &mut self,
        now: Moment,
        accused: Incarnation,
        votes: Option<&[Incarnation]>,
        effects: &mut Vec<Effect>,
    ) {
        let (live, suspects) = self.sight(now);
        let sight = Sight { me: self.me, live: &live, suspects: &suspects };
        effects.extend(self.votes.counted(now, accused, votes, &sight).map(effect_of));
    }

    fn read(&mut self, now: Moment, wall_us: i64, picture: Option<Picture>, effects: &mut Vec<Effect>) {
        self.reading = false;
        let Some(picture) = picture else {
            self.next_read = Some(now.plus(self.times.ping_every));
            return;
        };
        self.next_read = self.times.read_every.map(|every| now.plus(every));
        if !picture.is_live(self.me) {
            self.over = true;
            effects.push(Effect::Over);
            return;
        }
        let live: Vec<Member> = picture.live().cloned().collect();
        if live != self.members {
            let peers =
                live.iter().filter(|member| member.incarnation != self.me && !member.address.is_empty());
            let peers: Vec<Incarnation> = peers.map(|member| member.incarnation).collect();
            self.detector.watch(now, &peers);
            self.members.clone_from(&live);
            effects.push(Effect::Members(live));
        }
        self.shares.learn(&picture.shards, effects);
        let seats = self.seats(now);
        if !self.impaired {
            self.shares.plan(&picture, &seats, wall_us, &mut self.dice, effects);
        }
        self.look_at_balance(now, &picture, &seats);
    }

    fn look_at_balance(&mut self, now: Moment, picture: &Picture, seats: &[Seat]) {
        let calm = !self.draining
            && !self.shares.is_claiming()
            && self.sight(now).1.is_empty()
            && picture.shards.iter().all(|(_, row)| picture.is_live(row.owner));
        if !calm {
            self.uneven_since = None;
            return;
        }
        if !self.shares.is_uneven(seats) {
            self.uneven_since = None;
            return;
        }
        let since = *self.uneven_since.get_or_insert(now);
        if now.since(since) >= self.times.rebalance_after {
            self.order = Some(Order::Rebalance);
        }
    }

    /// A peer's word. What it says is ours is read before it is believed.
    fn hear(&mut self, rows: &[(Shard, ShardRow)], effects: &mut Vec<Effect>) {
        let (ours, others): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| row.owner == self.me);
        for (shard, row) in others {
            self.shares.hear(shard, row, effects);
        }
        if !ours.is_empty() {
            effects.push(Effect::ReadShards(ours.into_iter().map(|(shard, _)| shard).collect()));
        }
    }

    /// Goes on giving shards away, if that is what is to be done.
    fn give(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.draining {
            self.order = Some(Order::Drain);
        }
        let Some(order) = self.order else { return };
        if order == Order::Rebalance && !self.sight(now).1.is_empty() {
            // A take-over may be near: nothing else moves.
            return;
        }
        let seats = self.seats(now);
        let nobody = seats.is_empty();
        self.shares.give(order, &seats, effects);
        let gone = self.shares.held() == 0 || nobody;
        let quiet = self.shares.leaving() == 0 && !self.shares.is_claiming();
        match order {
            Order::Drain if gone && quiet && !self.drained => {
                self.drained = true;
                effects.push(Effect::Drained);
            }
            Order::Rebalance if quiet && !self.shares.has_misplaced(&seats) => self.order = None,
            _ => {}
        }
    }

    /// Several reasons for a reading that is not yet on its way are one; a reason that comes while one is on its way needs
    /// another, since that one may not see it.
    fn one_reading_at_a_time(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let wanted = effects.contains(&Effect::ReadTables);
        effects.retain(|effect| *effect != Effect::ReadTables);
        self.read_again |= wanted;
        if self.read_again && !self.reading && !self.over {
            self.read_again = false;
            self.reading = true;
            self.next_read = self.times.read_every.map(|every| now.plus(every));
            effects.push(Effect::ReadTables);
        }
    }

    /// Who lives by the tables, and whom of them this node suspects. Who cannot reach the tables accuses nobody.
    fn sight(&self, now: Moment) -> (Vec<Incarnation>, Vec<Incarnation>) {
        let live: Vec<Incarnation> = self.members.iter().map(|member| member.incarnation).collect();
        let suspects = if self.impaired { Vec::new() } else { self.suspected(now) };
        (live, suspects)
    }

    /// Who of those on record seems dead to this node, or of no use. Who reaches less than half of those who are heard has itself
    /// to blame, and accuses none of them.
    fn suspected(&self, now: Moment) -> Vec<Incarnation> {
        let live = || self.members.iter().map(|member| member.incarnation);
        let is_suspect = |peer: &Incarnation| self.detector.is_suspect(now, *peer);
        let is_unreached = |peer: &Incarnation| self.detector.is_unreached(now, *peer);
        let heard = live().filter(|peer| !is_suspect(peer)).count();
        let reached = live().filter(|peer| !is_suspect(peer) && !is_unreached(peer)).count();
        let is_to_blame = reached * 2 < heard;
        live().filter(|peer| is_suspect(peer) || !is_to_blame && is_unreached(peer)).collect()
    }

    /// Who may be given shards.
    fn seats(&self, now: Moment) -> Vec<Seat> {
        let suspected = self.suspected(now);
        let useful = |member: &&Member| {
            !self.is_draining(member.incarnation) && !suspected.contains(&member.incarnation)
        };
        self.members.iter().filter(useful).map(Seat::of).collect()
    }
}

fn effect_of(step: Step) -> Effect {
    match step {
        Step::Vote(accused) => Effect::Vote(accused, true),
        Step::Withdraw(accused) => Effect::Vote(accused, false),
        Step::Fence(accused) => Effect::Fence(accused),
    }
}
