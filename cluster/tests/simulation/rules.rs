//! What a mutant does differently.

/// Which rules hold. The steward itself is never changed: what a mutant breaks is what it is told, how its wishes are
/// carried out, or what work for a shard has to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What is acknowledged passes the gate.
    pub(crate) validate: bool,
    /// The gate's read begins after the write is complete.
    pub(crate) validate_after_write: bool,
    /// The gate reads, instead of trusting what it read last: a picture that a freeze makes old.
    pub(crate) validate_by_new_read: bool,
    /// Shards are claimed from those who stand fenced, not from those who seem dead.
    pub(crate) fence_before_claim: bool,
    /// The table of shards is read before the members.
    pub(crate) shards_before_members: bool,
    /// A new owner's epoch is greater than the last.
    pub(crate) epoch_grows: bool,
    /// A claim is made only of the row that it expects.
    pub(crate) compare_and_set: bool,
    /// Two have to agree to a fence where two are left.
    pub(crate) two_votes: bool,
    /// A shard is let go in memory before the tables are asked to move it.
    pub(crate) let_go_before_move: bool,
    /// An epoch that was let go is never taken up again.
    pub(crate) let_go_for_good: bool,
    /// The store keeps the row of the greater epoch, whatever comes later.
    pub(crate) epoch_as_timestamp: bool,
    /// What a new owner found is written again under its epoch.
    pub(crate) restamp: bool,
    /// A run of one's own that could not begin is not taken for another process.
    pub(crate) knows_own_runs: bool,
    /// Who was told to give everything away goes on with that as another run.
    pub(crate) drain_stays: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self {
        validate: true,
        validate_after_write: true,
        validate_by_new_read: true,
        fence_before_claim: true,
        shards_before_members: true,
        epoch_grows: true,
        compare_and_set: true,
        two_votes: true,
        let_go_before_move: true,
        let_go_for_good: true,
        epoch_as_timestamp: true,
        restamp: true,
        knows_own_runs: true,
        drain_stays: true,
    };
}
