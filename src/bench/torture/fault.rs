//! What is done to a cluster, and what came of it.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::process::Signal;

use super::database::Database;
use super::fleet::Fleet;
use super::log::Wait;
use crate::bench::dice::Dice;
use crate::bench::error::BenchError;

/// A frozen node is thawed about when its shards are taken over, or long after: the first is the more dangerous.
const SHORTEST_FREEZE: Duration = Duration::from_secs(4);
const LONGEST_FREEZE: Duration = Duration::from_secs(12);
/// Nodes that do not hear each other have to come to a decision before they do again.
const APART: Duration = Duration::from_secs(12);
/// A database that stands still this long is only slow.
const STORE_FREEZE: Duration = Duration::from_secs(3);
/// A killed node stays away for so long that the others notice.
const AWAY: Duration = Duration::from_secs(6);
/// Into a drain, or into the take-over that follows a death.
const MIDWAY: Duration = Duration::from_millis(300);
const TAKE_OVER: Duration = Duration::from_secs(4);
const HICCUP: Duration = Duration::from_secs(2);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Fault {
    /// SIGKILL; started again later.
    Kill,
    /// SIGSTOP until the others take over, then SIGCONT: a zombie with everything still in memory.
    Freeze,
    /// SIGTERM; started again at once.
    Drain,
    /// All its shards go to others while it goes on serving its clients; started again when that is over. No client has a
    /// reason to come again, so what is seen is what moving a chat costs.
    HandOver,
    /// SIGKILL in the middle of a drain.
    KillDuringDrain,
    /// SIGKILL of one node, and a stop of another while it takes over.
    StopNewOwner,
    /// A node and its peers do not hear each other; all reach the store and the clients.
    Partition,
    /// A node's peers do not reach it, though it reaches them.
    OneWay,
    /// A process of the store stands still for some seconds.
    FreezeStore,
    /// SIGKILL of one of the store's processes, of which there are enough; started again as it was started before.
    KillStore,
}

impl Fault {
    /// As the ledger names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze and thaw",
            Self::Drain => "drain",
            Self::HandOver => "hand-over of all shards",
            Self::KillDuringDrain => "kill during a drain",
            Self::StopNewOwner => "stop of the new owner",
            Self::Partition => "partition of a node",
            Self::OneWay => "partition one way",
            Self::FreezeStore => "freeze of the store",
            Self::KillStore => "kill of a store's node",
        }
    }

    /// The kinds that can be done here.
    pub(super) fn all(database: &Database) -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|fault| fault.can_be(database)).collect()
    }

    /// Whether there is what it is inflicted on.
    pub(super) fn can_be(self, database: &Database) -> bool {
        match self {
            Self::FreezeStore => database.len() > 0,
            Self::KillStore => database.outlives_one(),
            _ => true,
        }
    }

    /// Does it, waits as long as it takes, and heals; the cluster may still be recovering afterwards.
    pub(super) async fn inflict(
        self,
        fleet: &mut Fleet,
        database: &mut Database,
        dice: &mut Dice,
    ) -> Result<Deed, BenchError> {
        let mut deed = Deed::default();
        let victim = pick(dice, fleet.len());
        let other = (victim + 1 + pick(dice, fleet.len() - 1)) % fleet.len();
        tracing::info!(fault = self.name(), node = fleet.name(victim), "a fault begins");
        match self {
            Self::Kill => {
                fleet.signal(victim, Signal::KILL)?;
                fleet.ended(victim).await?;
                tokio::time::sleep(AWAY).await;
            }
            Self::Freeze => {
                fleet.signal(victim, Signal::STOP)?;
                let longer = (LONGEST_FREEZE - SHORTEST_FREEZE).mul_f64(dice.share().powi(2));
                tokio::time::sleep(SHORTEST_FREEZE + longer).await;
                fleet.signal(victim, Signal::CONT)?;
            }
            Self::Drain => {
                fleet.signal(victim, Signal::TERM)?;
                let status = fleet.ended(victim).await?;
                if !status.success() {
                    return Err(BenchError::Start(format!("a drain ended with {status}")));
                }
            }
            Self::HandOver => {
                deed.seen = fleet.give_away(victim).await?;
                deed.idle = Some(victim);
            }
            Self::KillDuringDrain => {
                fleet.signal(victim, Signal::TERM)?;
                tokio::time::sleep(MIDWAY).await;
                fleet.signal(victim, Signal::KILL)?;
                fleet.ended(victim).await?;
                tokio::time::sleep(AWAY).await;
            }
            Self::StopNewOwner => {
                fleet.signal(victim, Signal::KILL)?;
                fleet.ended(victim).await?;
                tokio::time::sleep(TAKE_OVER).await;
                fleet.signal(other, Signal::STOP)?;
                tokio::time::sleep(HICCUP).await;
                fleet.signal(other, Signal::CONT)?;
            }
            Self::Partition | Self::OneWay => {
                let others = || (0..fleet.len()).filter(|node| *node != victim);
                let mut cuts: Vec<_> = others().map(|other| (other, victim)).collect();
                if self == Self::Partition {
                    cuts.extend(others().map(|other| (victim, other)));
                }
                fleet.wires.cut(&cuts).await?;
                tokio::time::sleep(APART).await;
                fleet.wires.heal().await?;
            }
            Self::FreezeStore => {
                let process = pick(dice, database.len());
                database.signal(process, Signal::STOP)?;
                tokio::time::sleep(STORE_FREEZE).await;
                database.signal(process, Signal::CONT)?;
                deed.seen = u64::from(database.outlives_one());
            }
            Self::KillStore => {
                database.kill(pick(dice, database.len()), AWAY).await?;
                deed.seen = 1;
            }
        }
        Ok(deed)
    }
}

/// What a fault did that no client may feel.
#[derive(Default)]
pub(super) struct Deed {
    /// Shards that were given away, or processes of the store that were away while others went on.
    pub(super) seen: u64,
    /// The node that has no shards any more, and takes none until it is started again.
    pub(super) idle: Option<usize>,
}

/// One of so many.
pub(super) fn pick(dice: &mut Dice, count: usize) -> usize {
    ((dice.share() * count as f64) as usize).min(count.saturating_sub(1))
}

/// A fault that was inflicted.
pub(super) struct Inflicted {
    pub(super) fault: Fault,
    pub(super) from: Instant,
    /// Until every chat went on again.
    pub(super) until: Instant,
    /// Requests that got no good answer meanwhile.
    pub(super) disturbed: u64,
    /// What was seen of it though no client may feel it; see [`Deed`].
    pub(super) seen: u64,
}

impl Inflicted {
    /// How long somebody waited while it lasted.
    pub(super) fn waits(&self, waits: &[Wait]) -> impl Iterator<Item = Duration> {
        let inside = |wait: &&Wait| wait.to >= self.from && wait.from <= self.until;
        waits.iter().filter(inside).map(|wait| wait.to - wait.from)
    }
}
