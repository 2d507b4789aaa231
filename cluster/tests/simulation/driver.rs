//! The loop of a node, as `switchboard_cluster::node` has it: beginnings, what the steward wants, what became of it.

use std::collections::VecDeque;

use switchboard_cluster::claims::Picture;
use switchboard_cluster::steward::{Effect, Input, Steward};
use switchboard_cluster::{Epoch, Incarnation, Member, Shard};

use crate::process::{Entering, Held, Local, NOBODY, Pass, Run, Then};
use crate::store::{Answer, Ask};
use crate::weather::Fault;
use crate::world::{Event, Packet, Sender, World};

/// Rounds of reading and claiming at a beginning.
const CLAIM_ROUNDS: u32 = 8;
/// Before a run that could not begin is tried again.
const RETRY: u64 = 1_000;
const FIRST_PAUSE: u64 = 250;
const LONGEST_PAUSE: u64 = 30_000;
const CALM: u64 = 300_000;
/// How long the gate carries a waiter from one failed read to the next, and the pause between them.
const PATIENCE: u64 = 2_000;
const PAUSE: u64 = 50;
/// How long the work for a shard may take to end.
const VACATE_WITHIN: usize = 1_000;

impl World {
    /// Something happens at a process, of its present run.
    pub(crate) fn at(&mut self, process: usize, local: Local) {
        match local {
            Local::Tick => {
                self.feed(process, Input::Tick);
                self.tick_after(process);
            }
            Local::News(input) => self.news(process, input),
            Local::Answer(then, answer) => self.answered(process, then, answer),
            Local::PingEnd { peer, number, answer } => {
                let Some(run) = &mut self.processes[process].run else { return };
                if run.pings.get(&peer) == Some(&number) {
                    run.pings.remove(&peer);
                    self.news(process, Input::Pinged(peer, answer));
                }
            }
            Local::Begin { again } => self.begin(process, again),
            Local::Reopen(shard, epoch) => self.open(process, shard, epoch),
            Local::Gate { since, pass } => self.gate_read(process, since, pass),
        }
    }

    /// A message of a peer.
    pub(crate) fn hear(&mut self, process: usize, from: Sender, packet: Packet) {
        let Some(run) =
            self.processes[process].run.as_ref().filter(|run| run.me == self.processes[process].me)
        else {
            return;
        };
        if !run.steward.members().iter().any(|member| member.incarnation == from.run) {
            return self.news(process, Input::Look);
        }
        match packet {
            Packet::Ping { number, beat } => {
                let answer = Some(run.steward.beat());
                let peer = run.me;
                self.news(process, Input::Heard(from.run, beat));
                if let Some(wait) = self.weather.link(process, from.process, self.now, &mut self.random) {
                    let local = Local::PingEnd { peer, number, answer };
                    let (process, life, run) = (from.process, from.life, from.run);
                    self.after(wait, Event::At { process, life, run, local });
                }
            }
            Packet::Told(rows) => self.news(process, Input::Told(rows)),
            Packet::Look => self.news(process, Input::Look),
        }
    }

    /// A run of the process begins: the first, or one after another.
    pub(crate) fn begin(&mut self, process: usize, again: bool) {
        let me = self.fresh(process);
        let begun = &mut self.processes[process];
        begun.me = me;
        begun.news.clear();
        begun.entering = Some(Entering::default());
        self.judge.runs += 1;
        self.ask(process, Ask::Members, if again { Then::Elders } else { Then::Former });
    }

    fn fail_to_begin(&mut self, process: usize) {
        self.processes[process].entering = None;
        let again = self.processes[process].began > 0;
        self.later(process, RETRY, Local::Begin { again });
    }

    fn elders(&mut self, process: usize, members: &[Member]) {
        let own = &self.processes[process];
        let known = if self.rules.knows_own_runs { &own.mine[..] } else { &[own.joined] };
        let other = members
            .iter()
            .find(|member| member.node == own.name && !member.fenced && !known.contains(&member.incarnation));
        match other.map(|other| other.incarnation) {
            Some(other) if own.mine.contains(&other) => {
                self.fault = Some(format!("{} gave way to {other}, which is its own", own.name));
            }
            // A beginning of a process that crashed arrived late. Nobody can tell: whoever watches the process starts it anew.
            Some(_) => {
                self.processes[process].end();
                let life = self.processes[process].life;
                self.after(RETRY, Event::Fault(Fault::Supervise { process, life }));
            }
            None => self.former(process, members),
        }
    }

    fn former(&mut self, process: usize, members: &[Member]) {
        let own = &mut self.processes[process];
        let former = members.iter().filter(|member| member.node == own.name && member.incarnation != own.me);
        let Some(entering) = &mut own.entering else { return };
        for member in former {
            entering.former.push(member.incarnation);
            if !member.fenced {
                entering.to_fence.push(member.incarnation);
            }
        }
        self.fence_former(process);
    }

    fn fence_former(&mut self, process: usize) {
        let by = self.processes[process].me;
        let Some(entering) = &mut self.processes[process].entering else { return };
        if let Some(accused) = entering.to_fence.pop() {
            return self.ask(process, Ask::Fence { accused, by }, Then::FormerFenced);
        }
        let name = self.processes[process].name.clone();
        let member = Member { address: "here".to_owned(), ..Member::new(by, name) };
        self.ask(process, Ask::Join(member), Then::Joined);
    }

    fn joined(&mut self, process: usize) {
        let (count, times, now, seed) = (self.count, self.times, self.moment(), self.random.next());
        let own = &mut self.processes[process];
        let steward = Steward::new(own.me, count, times, now, seed);
        own.joined = own.me;
        own.run = Some(Run::new(own.me, steward, count));
        self.read_tables(process);
    }

    fn entering_reads(&mut self, process: usize, input: Input) {
        let (now, wall) = (self.moment(), self.wall(process));
        let Some(run) = &mut self.processes[process].run else { return };
        let effects = run.steward.handle(now, wall, input);
        let mut claims = None;
        for effect in effects {
            match effect {
                Effect::Claim(lot) => claims = Some(lot),
                Effect::Over => return self.fail_to_begin(process),
                Effect::Take(..) | Effect::Lose(..) => self.carry_out(process, effect),
                _ => {}
            }
        }
        let Some(entering) = &mut self.processes[process].entering else { return };
        if let Some(claims) = claims {
            entering.claims += claims.len();
            return self.claim(process, claims);
        }
        entering.rounds += 1;
        let made = std::mem::take(&mut entering.claims);
        if made > 0 && entering.rounds < CLAIM_ROUNDS {
            self.read_tables(process);
        } else {
            self.forget_former(process);
        }
    }

    fn forget_former(&mut self, process: usize) {
        let own = &mut self.processes[process];
        let (Some(entering), Some(run)) = (&mut own.entering, &own.run) else { return };
        while let Some(old) = entering.former.pop() {
            if !run.steward.table().holds_any(old) {
                return self.ask(process, Ask::Forget(old), Then::Forgotten);
            }
        }
        own.entering = None;
        own.began = self.now;
        let fenced = run.fenced;
        if fenced {
            return self.over(process);
        }
        self.tick_after(process);
        if self.processes[process].draining && self.rules.drain_stays {
            self.feed(process, Input::Drain);
        }
        for input in std::mem::take(&mut self.processes[process].news) {
            self.feed(process, input);
        }
    }

    /// This run is over; another begins after a while.
    fn over(&mut self, process: usize) {
        let now = self.now;
        let own = &mut self.processes[process];
        own.run = None;
        own.entering = None;
        own.me = NOBODY;
        if own.leaving {
            return own.end();
        }
        let calm = now - own.began >= CALM;
        own.pause = if calm || own.pause == 0 { FIRST_PAUSE } else { (own.pause * 2).min(LONGEST_PAUSE) };
        let pause = own.pause;
        self.judge.rebirths += 1;
        self.later(process, pause, Local::Begin { again: true });
    }

    fn news(&mut self, process: usize, input: Input) {
        let own = &mut self.processes[process];
        if own.entering.is_some() {
            own.news.push(input);
        } else {
            self.feed(process, input);
        }
    }

    /// Lets the steward decide, and carries it out.
    pub(crate) fn feed(&mut self, process: usize, input: Input) {
        let (now, wall) = (self.moment(), self.wall(process));
        let (rules, own) = (self.rules, &mut self.processes[process]);
        let Some(run) = own.run.as_mut().filter(|run| run.me == own.me) else { return };
        let input = mislead(rules, run, now, input);
        let mut effects = run.steward.handle(now, wall, input);
        if !rules.let_go_before_move {
            let moved: Vec<Shard> = effects.iter().filter_map(moved_by).collect();
            effects.retain(|effect| !matches!(effect, Effect::Lose(shard, _) if moved.contains(shard)));
        }
        for effect in effects {
            if effect == Effect::Over {
                return self.over(process);
            }
            self.carry_out(process, effect);
        }
        let own = &self.processes[process];
        if own.leaving && own.run.as_ref().is_some_and(|run| run.steward.is_drained()) {
            self.step_down(process);
        }
    }

    /// Ends the own run and then the process.
    pub(crate) fn step_down(&mut self, process: usize) {
        let me = self.processes[process].me;
        self.ask(process, Ask::Fence { accused: me, by: me }, Then::SteppedDown);
    }

    fn carry_out(&mut self, process: usize, effect: Effect) {
        match effect {
            Effect::Take(shard, epoch) => self.take(process, shard, epoch),
            Effect::Lose(shard, _) => self.lose(process, shard),
            Effect::Ping(peer) => self.ping(process, peer),
            Effect::ReadTables => self.read_tables(process),
            Effect::ReadShards(shards) => self.ask(process, Ask::Rows(shards), Then::Rows),
            Effect::Confirm => self.gate(process, Pass::Confirm),
            Effect::Claim(claims) => self.claim(process, claims),
            Effect::Vote(accused, against) => self.gate(process, Pass::Vote(accused, against)),
            Effect::Fence(accused) => self.gate(process, Pass::Fence(accused)),
            Effect::Announce(shard, _) => {
                let slow = self.random.below(8) == 0;
                let wait = if slow { VACATE_WITHIN as u64 } else { self.between(1, 60) };
                self.later(process, wait, Local::News(Input::Announced(shard)));
            }
            Effect::Vacate(shard, _) => {
                if let Some(held) = self.processes[process].held(shard) {
                    held.closing = true;
                }
                let slow = self.random.below(8) == 0;
                let wait = if slow { VACATE_WITHIN as u64 } else { self.between(1, 60) };
                self.later(process, wait, Local::News(Input::Vacated(shard)));
            }
            Effect::HandOver(mut claim) => {
                let then = Then::HandedOver(claim);
                if let Some(before) = claim.expected.filter(|_| !self.rules.epoch_grows) {
                    claim.wanted.epoch = before.epoch;
                }
                self.ask(process, Ask::Claim(claim), then);
            }
            Effect::Tell(rows) => self.tell_all(process, &Packet::Told(rows)),
            Effect::Look => self.tell_all(process, &Packet::Look),
            Effect::Know(..)
            | Effect::Members(_)
            | Effect::Awake(_)
            | Effect::Impaired(_)
            | Effect::Drained
            | Effect::Over => {}
        }
    }

    fn take(&mut self, process: usize, shard: Shard, epoch: Epoch) {
        self.judge.taken += 1;
        if let Some(held) = self.processes[process].held(shard) {
            *held = Held { epoch, ..Held::default() };
        }
        self.open(process, shard, epoch);
    }

    fn lose(&mut self, process: usize, shard: Shard) {
        if let Some(held) = self.processes[process].held(shard) {
            held.epoch = Epoch::default();
        }
    }

    fn ping(&mut self, process: usize, peer: Incarnation) {
        let number = self.random.next() as u32;
        let Some(run) = &mut self.processes[process].run else { return };
        run.pings.insert(peer, number);
        let beat = run.steward.beat();
        let limit = self.times.ping_within.as_millis() as u64;
        self.later(process, limit, Local::PingEnd { peer, number, answer: None });
        self.send(process, peer, Packet::Ping { number, beat });
    }

    fn tell_all(&mut self, process: usize, packet: &Packet) {
        let Some(run) = &self.processes[process].run else { return };
        let members = run.steward.members().iter().map(|member| member.incarnation);
        let peers: Vec<Incarnation> = members.filter(|peer| *peer != run.me).collect();
        for peer in peers {
            self.send(process, peer, packet.clone());
        }
    }

    fn read_tables(&mut self, process: usize) {
        let first = if self.rules.shards_before_members { Ask::Shards } else { Ask::Members };
        self.ask(process, first, Then::Picture { shards: None, members: None });
    }

    fn claim(&mut self, process: usize, claims: Vec<switchboard_cluster::Claim>) {
        self.claim_next(process, claims.into(), Vec::new());
    }

    fn claim_next(
        &mut self,
        process: usize,
        mut left: VecDeque<switchboard_cluster::Claim>,
        done: Vec<(switchboard_cluster::Claim, switchboard_cluster::ClaimOutcome)>,
    ) {
        match left.front().copied() {
            Some(mut claim) => {
                self.judge.claims += 1;
                if let Some(before) = claim.expected.filter(|_| !self.rules.epoch_grows) {
                    claim.wanted.epoch = before.epoch;
                    left[0] = claim;
                }
                self.ask(process, Ask::Claim(claim), Then::Lot { left, done });
            }
            None => self.claimed(process, Some(done)),
        }
    }

    fn claimed(
        &mut self,
        process: usize,
        outcomes: Option<Vec<(switchboard_cluster::Claim, switchboard_cluster::ClaimOutcome)>>,
    ) {
        match (self.processes[process].entering.is_some(), outcomes) {
            (true, None) => self.fail_to_begin(process),
            (true, outcomes) => self.entering_reads(process, Input::Claimed(outcomes)),
            (false, outcomes) => self.feed(process, Input::Claimed(outcomes)),
        }
    }

    /// Waits for the right to speak.
    pub(crate) fn gate(&mut self, process: usize, pass: Pass) {
        self.gate_read(process, self.now, pass);
    }

    fn gate_read(&mut self, process: usize, since: u64, pass: Pass) {
        let Some(run) = &self.processes[process].run else { return };
        let me = run.me;
        let work = matches!(pass, Pass::Adopt(..) | Pass::Append { .. } | Pass::Acknowledge { .. });
        let stale = !self.rules.validate_by_new_read && run.confirmed;
        if work && (stale || !self.rules.validate) {
            return self.pass(process, pass, true);
        }
        self.ask(process, Ask::IsValid(me), Then::Gate { since, pass });
    }

    fn gate_answered(&mut self, process: usize, since: u64, pass: Pass, answer: Option<Answer>) {
        match answer {
            Some(Answer::Valid(true)) => {
                if let Some(run) = &mut self.processes[process].run {
                    run.confirmed = true;
                }
                self.pass(process, pass, true);
            }
            Some(_) => {
                self.judge.fences_found_out += 1;
                if let Some(run) = &mut self.processes[process].run {
                    run.fenced = true;
                }
                if self.processes[process].entering.is_none() {
                    self.over(process);
                }
            }
            None if self.now - since >= PATIENCE => self.pass(process, pass, false),
            None => self.later(process, PAUSE, Local::Gate { since, pass }),
        }
    }

    fn pass(&mut self, process: usize, pass: Pass, valid: bool) {
        let me = self.processes[process].me;
        match pass {
            Pass::Confirm => self.feed(process, Input::Confirmed(valid)),
            Pass::Vote(accused, against) if valid => {
                self.ask(process, Ask::Vote { accused, voter: me, against }, Then::Voted(accused));
            }
            Pass::Vote(accused, _) => self.feed(process, Input::Voted(accused, None)),
            Pass::Fence(accused) if valid => {
                self.ask(process, Ask::Fence { accused, by: me }, Then::Fenced(accused));
            }
            Pass::Fence(accused) => self.feed(process, Input::Fenced(accused, false)),
            Pass::Adopt(..) | Pass::Append { .. } | Pass::Acknowledge { .. } => {
                self.pass_work(process, pass, valid);
            }
        }
    }

    fn answered(&mut self, process: usize, then: Then, answer: Option<Answer>) {
        match (then, answer) {
            (Then::Picture { shards, members }, answer) => self.picture(process, shards, members, answer),
            (Then::Rows, Some(Answer::Rows(rows))) => self.news(process, Input::ReadShards(Some(rows))),
            (Then::Rows, _) => self.news(process, Input::ReadShards(None)),
            (Then::Lot { mut left, mut done }, Some(Answer::Outcome(outcome))) => {
                done.extend(left.pop_front().map(|claim| (claim, outcome)));
                self.claim_next(process, left, done);
            }
            (Then::Lot { .. }, _) => self.claimed(process, None),
            (Then::Voted(accused), Some(Answer::Votes(votes))) => {
                self.news(process, Input::Voted(accused, Some(votes)));
            }
            (Then::Voted(accused), _) => self.news(process, Input::Voted(accused, None)),
            (Then::Fenced(accused), answer) => self.news(process, Input::Fenced(accused, answer.is_some())),
            (Then::HandedOver(claim), answer) => {
                if !self.rules.let_go_before_move {
                    self.lose(process, claim.shard);
                }
                let outcome = match answer {
                    Some(Answer::Outcome(outcome)) => Some(outcome),
                    _ => None,
                };
                self.news(process, Input::HandedOver(claim, outcome));
            }
            (Then::SteppedDown, _) => self.processes[process].end(),
            (Then::Gate { since, pass }, answer) => self.gate_answered(process, since, pass, answer),
            (Then::Elders, Some(Answer::Members(members))) => self.elders(process, &members),
            (Then::Former, Some(Answer::Members(members))) => self.former(process, &members),
            (Then::FormerFenced, Some(_)) => self.fence_former(process),
            (Then::Joined, Some(_)) => self.joined(process),
            (Then::Forgotten, Some(_)) => self.forget_former(process),
            (Then::Elders | Then::Former | Then::FormerFenced | Then::Joined | Then::Forgotten, _) => {
                self.fail_to_begin(process);
            }
            (then @ (Then::Read(..) | Then::Restamped(..) | Then::Appended { .. }), answer) => {
                self.log_answered(process, then, answer);
            }
        }
    }

    fn picture(
        &mut self,
        process: usize,
        mut shards: Option<Vec<(Shard, switchboard_cluster::ShardRow)>>,
        mut members: Option<Vec<Member>>,
        answer: Option<Answer>,
    ) {
        match answer {
            Some(Answer::Rows(rows)) => shards = Some(rows),
            Some(Answer::Members(all)) => members = Some(all),
            _ => {
                return match self.processes[process].entering.is_some() {
                    true => self.fail_to_begin(process),
                    false => self.feed(process, Input::Read(None)),
                };
            }
        }
        match (shards, members) {
            (Some(shards), Some(members)) => {
                let input = Input::Read(Some(Picture { shards, members }));
                match self.processes[process].entering.is_some() {
                    true => self.entering_reads(process, input),
                    false => self.read(process, input),
                }
            }
            (shards, members) => {
                let next = if shards.is_none() { Ask::Shards } else { Ask::Members };
                self.ask(process, next, Then::Picture { shards, members });
            }
        }
    }

    fn read(&mut self, process: usize, input: Input) {
        let mut found = Vec::new();
        if !self.rules.let_go_for_good
            && let Input::Read(Some(picture)) = &input
        {
            let own = &self.processes[process];
            let ours = picture.shards.iter().filter(|(_, row)| row.owner == own.me);
            let lost = ours.filter(|(shard, _)| own.epoch(*shard) == Epoch::default());
            found.extend(lost.map(|(shard, row)| (*shard, row.epoch)));
        }
        self.feed(process, input);
        for (shard, epoch) in found {
            if self.processes[process].epoch(shard) == Epoch::default() {
                self.take(process, shard, epoch);
            }
        }
    }
}

fn moved_by(effect: &Effect) -> Option<Shard> {
    match effect {
        Effect::HandOver(claim) => Some(claim.shard),
        _ => None,
    }
}

/// What the steward of a mutant is told instead.
fn mislead(
    rules: crate::rules::Rules,
    run: &Run,
    now: switchboard_cluster::steward::Moment,
    mut input: Input,
) -> Input {
    match &mut input {
        Input::Read(Some(picture)) if !rules.fence_before_claim => {
            for member in &mut picture.members {
                member.fenced |= run.steward.suspects(now, member.incarnation);
            }
        }
        Input::Voted(_, Some(votes)) if !rules.two_votes => {
            votes.extend(run.steward.members().iter().map(|member| member.incarnation));
        }
        _ => {}
    }
    input
}
