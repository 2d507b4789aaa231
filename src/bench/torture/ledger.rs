//! What a run came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::Fault;
use super::judge::Hole;
use super::outline::Outline;
use super::threads::Course;
use crate::bench::audit::Findings;

/// A run with fewer acknowledged messages a minute shows nothing.
const FEWEST_A_MINUTE: f64 = 1_000.0;

/// Holes in what connections were told that are shown.
const SHOWN: usize = 20;

/// Seconds of silence of a chat that show that a fault was there, though every request was answered in the end.
const FELT: f64 = 1.0;

/// What came of one kind of fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect {
    /// How often it was inflicted.
    pub(super) times: u64,
    /// Requests without a good answer while it lasted.
    pub(super) disturbed: u64,
    /// What was seen of it though no client may feel it: shards that were given away, processes of the store that were away.
    pub(super) seen: u64,
    /// The longest time that each side of each chat waited for an acknowledgement, each time.
    pub(super) gaps: Vec<Duration>,
    /// What logins took meanwhile of those whose connection was good.
    pub(super) logins: Vec<Duration>,
}

impl Effect {
    fn gap(&self, share: f64) -> f64 {
        at(&self.gaps, share)
    }
}

/// What so large a share of them is not longer than, in seconds.
fn at(times: &[Duration], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len().saturating_sub(1) as f64 * share).round() as usize;
    times.get(place).map_or(0.0, Duration::as_secs_f64)
}

/// The median, the 99th of a hundred, and the longest.
fn spread(times: &[Duration]) -> String {
    format!("{:.2} / {:.2} / {:.2}", at(times, 0.5), at(times, 0.99), at(times, 1.0))
}

/// Everything that is told at the end.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) seed: u64,
    pub(super) time: Duration,
    pub(super) repeated: u64,
    pub(super) given_up: u64,
    pub(super) surprises: Vec<String>,
    pub(super) restarts: u64,
    pub(super) findings: Findings,
    /// What became of threads, and of what was said once.
    pub(super) course: Course,
    /// What was not pushed, one by one.
    pub(super) holes: Vec<Hole>,
    /// Chats of whose log something is wrong.
    pub(super) troubled: Vec<Outline>,
    /// What lists of chats and threads do not show, or more than once, one by one.
    pub(super) unlisted: Vec<String>,
    pub(super) effects: BTreeMap<Fault, Effect>,
    /// What those went through who waited long, one by one.
    pub(super) ordeals: Vec<String>,
}

impl Ledger {
    /// What is wrong with the run; empty for a good one.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.findings.is_clean() {
            faults.push(format!("the audit {}", self.findings));
        }
        let of_threads = self.course.faults.all().into_iter().filter(|(_, count)| *count > 0);
        faults.extend(of_threads.map(|(what, count)| format!("{what}: {count}")));
        if self.course.closings.acknowledged == 0 || self.course.once.acknowledged == 0 {
            faults.push("no thread was closed, or nothing said once".to_owned());
        }
        if !self.unlisted.is_empty() {
            faults.push(format!("{} chats or threads are not in their lists, once", self.unlisted.len()));
        }
        if self.given_up > 0 {
            faults.push(format!("{} messages were never acknowledged", self.given_up));
        }
        if let Some(surprise) = self.surprises.first() {
            faults.push(format!("{} refusals that no repetition cures: {surprise}", self.surprises.len()));
        }
        let a_minute = self.findings.acknowledged as f64 * 60.0 / self.time.as_secs_f64().max(1.0);
        if a_minute < FEWEST_A_MINUTE {
            faults.push(format!("only {a_minute:.0} messages a minute were acknowledged"));
        }
        let is_felt = |effect: &Effect| effect.disturbed > 0 || effect.seen > 0 || effect.gap(1.0) >= FELT;
        let silent = self.effects.iter().filter(|(_, effect)| !is_felt(effect));
        faults.extend(silent.map(|(fault, _)| format!("{} had no effect that was seen", fault.name())));
        if self.effects.is_empty() {
            faults.push("there was no time for a fault".to_owned());
        }
        faults
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { acknowledged, pushed, stored, lost, not_pushed, doubled, out_of_order, made_up } =
            self.findings;
        writeln!(f, "seed {}, {:.0} s", self.seed, self.time.as_secs_f64())?;
        writeln!(
            f,
            "sent {}, acknowledged {acknowledged}, found {stored}, pushed {pushed}",
            self.course.said
        )?;
        writeln!(
            f,
            "lost {lost}, doubled {doubled}, reordered {out_of_order}, made up {made_up}, not pushed {not_pushed}"
        )?;
        write!(f, "{}", self.course)?;
        writeln!(
            f,
            "repeated {}, given up {}, nodes that ended by themselves {}",
            self.repeated, self.given_up, self.restarts
        )?;
        writeln!(
            f,
            "{:<24}{:>6}{:>12}{:>26}{:>24}",
            "fault", "times", "disturbed", "silence p50 / p99 / max s", "logins, the same"
        )?;
        for (fault, effect) in &self.effects {
            let (gaps, logins) = (spread(&effect.gaps), spread(&effect.logins));
            let Effect { times, disturbed, .. } = effect;
            writeln!(f, "{:<24}{times:>6}{disturbed:>12}{gaps:>26}{logins:>24}", fault.name())?;
        }
        for hole in self.holes.iter().take(SHOWN) {
            writeln!(f, "{hole}")?;
        }
        for chat in self.troubled.iter().take(SHOWN) {
            write!(f, "{chat}")?;
        }
        for ordeal in self.ordeals.iter().take(SHOWN) {
            writeln!(f, "{ordeal}")?;
        }
        for missing in self.unlisted.iter().take(SHOWN) {
            writeln!(f, "{missing}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Asked;
    use super::*;

    fn good() -> Ledger {
        let effect =
            Effect { times: 1, disturbed: 3, gaps: vec![Duration::from_secs(2)], ..Effect::default() };
        Ledger {
            time: Duration::from_secs(60),
            findings: Findings { acknowledged: 5_000, stored: 5_000, ..Findings::default() },
            course: Course {
                closings: Asked { acknowledged: 50, ..Asked::default() },
                once: Asked { acknowledged: 1_000, ..Asked::default() },
                ..Course::default()
            },
            effects: [(Fault::Kill, effect)].into(),
            ..Ledger::default()
        }
    }

    #[test]
    fn a_run_that_shows_nothing_is_no_good_run() {
        assert!(good().faults().is_empty(), "{:?}", good().faults());
        let mut slow = good();
        slow.findings.acknowledged = 900;
        let mut harmless = good();
        harmless.effects.insert(Fault::Drain, Effect { times: 1, ..Effect::default() });
        let idle = Ledger { effects: BTreeMap::new(), ..good() };
        let mut endless = good();
        endless.course.closings.acknowledged = 0;
        let all = [
            (slow, "only 900"),
            (harmless, "drain had no effect"),
            (idle, "no time"),
            (endless, "no thread was closed"),
        ];
        for (ledger, fault) in all {
            assert!(ledger.faults()[0].contains(fault), "{:?}", ledger.faults());
        }
    }

    #[test]
    fn a_broken_promise_is_a_fault() {
        let mut lossy = good();
        lossy.findings.lost = 1;
        let mut misplaced = good();
        misplaced.course.faults.misplaced = 1;
        let stuck = Ledger { given_up: 1, ..good() };
        let hidden = Ledger { unlisted: vec!["chat C: 0 times in list_chats".to_owned()], ..good() };
        assert_eq!(hidden.faults(), ["1 chats or threads are not in their lists, once"]);
        assert!(hidden.to_string().contains("chat C: 0 times in list_chats"));
        let odd = Ledger { surprises: vec!["chat_inactive".to_owned()], ..good() };
        for ledger in [lossy, misplaced, stuck, odd] {
            assert_eq!(ledger.faults().len(), 1, "{ledger}");
        }
    }
}
