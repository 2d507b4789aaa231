//! Which agents may see a chat: those who share a group with it.

use serde::{Deserialize, Serialize};

use super::id::GroupId;

/// The groups that a chat is open to; group 0 opens it to every agent (protocol structure `Access`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Never empty.
    pub group_ids: Vec<GroupId>,
}

impl Default for Access {
    fn default() -> Self {
        Self { group_ids: vec![GroupId::ALL] }
    }
}

impl Access {
    /// True if an agent who is a member of `groups` shares one with the chat. Everybody is in group 0.
    pub fn admits(&self, groups: impl IntoIterator<Item = GroupId>) -> bool {
        self.group_ids.contains(&GroupId::ALL)
            || groups.into_iter().any(|group| self.group_ids.contains(&group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_zero_admits_every_agent() {
        assert!(Access::default().admits([]));
    }

    #[test]
    fn other_groups_admit_only_their_members() {
        let access = Access { group_ids: vec![GroupId(3)] };
        assert!(access.admits([GroupId(1), GroupId(3)]));
        assert!(!access.admits([GroupId(1)]));
        assert!(!access.admits([]));
    }
}
