//! Who gets a chat: recent agent, then priority class, then fewest chats, then longest without a new one.

use super::record::{Rule, Verdict};
use super::router::Router;
use super::settings::{AgentKind, Priority};
use super::table::{AgentKey, ChatKey, GroupKey};

/// What a chat asks of its agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) groups: &'a [GroupKey],
    pub(super) ignore_bots: bool,
    /// Agents who must not get it.
    pub(super) excluded: &'a [AgentKey],
}

/// Who gets it, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picked {
    pub(super) agent: AgentKey,
    pub(super) rule: Rule,
}

impl Router {
    /// The chat's own wish.
    pub(super) fn wish(&self, key: ChatKey) -> Wish<'_> {
        self.wish_in(key, &self.tables.chat(key).groups)
    }

    /// The same in other groups.
    pub(super) fn wish_in<'a>(&'a self, key: ChatKey, groups: &'a [GroupKey]) -> Wish<'a> {
        let chat = self.tables.chat(key);
        Wish { groups, ignore_bots: chat.ignore_bots, excluded: &chat.excluded }
    }

    /// The returning customer's last agent, if they can take the chat; else the best.
    pub(super) fn recent_or_best(&self, wish: &Wish<'_>, recent: Option<AgentKey>) -> Option<Picked> {
        if self.license_is_full() {
            return None;
        }
        let recent = recent.filter(|agent| self.settings.prefer_recent_agent && self.can_serve(*agent, wish));
        match recent {
            Some(agent) => Some(Picked { agent, rule: Rule::RecentAgent }),
            None => self.best(wish),
        }
    }

    /// The best agent with a free slot, the license's limit aside: looks at the first few of each pool.
    pub(super) fn best(&self, wish: &Wish<'_>) -> Option<Picked> {
        for class in 0..Priority::SERVING.len() {
            let (mut best, mut second) = (None, None);
            for (group, kind) in self.pools(wish) {
                let suits = |rank: &&super::group::Rank| !wish.excluded.contains(&rank.agent);
                for rank in self.tables.group(group).pooled(class, kind).filter(suits).take(2) {
                    if best.is_none_or(|best| *rank < best) {
                        second = best.replace(*rank);
                    } else if best != Some(*rank) && second.is_none_or(|second| *rank < second) {
                        second = Some(*rank);
                    }
                }
            }
            if let Some(best) = best {
                let is_tie = second.is_some_and(|second| second.load == best.load);
                let rule = if is_tie { Rule::LongestWithoutChat } else { Rule::FewestChats };
                return Some(Picked { agent: best.agent, rule });
            }
        }
        None
    }

    /// The pools where a wish may be met.
    fn pools(&self, wish: &Wish<'_>) -> impl Iterator<Item = (GroupKey, AgentKind)> {
        let kinds: &[AgentKind] =
            if wish.ignore_bots { &[AgentKind::Human] } else { &[AgentKind::Human, AgentKind::Bot] };
        let automatic = wish.groups.iter().copied().filter(|group| !self.tables.group(*group).rules.manual);
        automatic.flat_map(move |group| kinds.iter().map(move |kind| (group, *kind)))
    }

    /// The agent's best class among the groups where the router assigns.
    fn class_for(&self, agent: AgentKey, wish: &Wish<'_>) -> Option<usize> {
        let groups = wish.groups.iter().filter(|group| !self.tables.group(**group).rules.manual);
        let classes =
            groups.filter_map(|group| self.tables.agent(agent).priority_in(*group)?.serving_index());
        classes.min()
    }

    fn can_serve(&self, key: AgentKey, wish: &Wish<'_>) -> bool {
        self.verdict(key, wish) == Verdict::NotAsked
    }

    /// What speaks against an agent; [`Verdict::NotAsked`] if nothing does.
    pub(super) fn verdict(&self, key: AgentKey, wish: &Wish<'_>) -> Verdict {
        let agent = self.tables.agent(key);
        if let Some(verdict) = agent.not_accepting_because() {
            return verdict;
        }
        if wish.ignore_bots && agent.kind == AgentKind::Bot {
            return Verdict::BotIgnored;
        }
        if wish.excluded.contains(&key) {
            return Verdict::HadThread;
        }
        if self.class_for(key, wish).is_none() {
            let shared = wish.groups.iter().filter_map(|group| Some((group, agent.priority_in(*group)?)));
            let mut verdict = Verdict::NotInGroup;
            for (group, priority) in shared {
                if priority == Priority::Supervisor {
                    verdict = Verdict::Supervisor;
                } else if self.tables.group(*group).rules.manual {
                    return Verdict::ManualGroup;
                }
            }
            return verdict;
        }
        if agent.pooled.is_none() { Verdict::NoSlot } else { Verdict::NotAsked }
    }

    /// How an agent compares with the one who gets the chat.
    pub(super) fn compared(&self, key: AgentKey, chosen: Picked, wish: &Wish<'_>) -> Verdict {
        if key == chosen.agent {
            return Verdict::Chosen;
        }
        match self.verdict(key, wish) {
            Verdict::NotAsked => {
                let is_lower = self.class_for(key, wish) != self.class_for(chosen.agent, wish);
                self.outranked(key, chosen, is_lower)
            }
            other => other,
        }
    }

    /// The same for an agent who could have served.
    fn outranked(&self, key: AgentKey, chosen: Picked, is_lower: bool) -> Verdict {
        match chosen.rule {
            Rule::FewestChats | Rule::LongestWithoutChat if is_lower => Verdict::LowerPriority,
            Rule::FewestChats | Rule::LongestWithoutChat => {
                let has_more = self.tables.agent(key).load > self.tables.agent(chosen.agent).load;
                if has_more { Verdict::MoreChats } else { Verdict::ServedLater }
            }
            _ => Verdict::NotAsked,
        }
    }

    /// Adds to the list agents who could have taken the chat, class by class, until it has `most`.
    pub(super) fn add_outranked(
        &self,
        wish: &Wish<'_>,
        chosen: Picked,
        most: usize,
        agents: &mut Vec<(AgentKey, Verdict)>,
    ) {
        // The pools are gone through from the best class on: the first that holds anybody is the chosen one's.
        let mut best_class = None;
        for class in 0..Priority::SERVING.len() {
            for (group, kind) in self.pools(wish) {
                for rank in self.tables.group(group).pooled(class, kind).take(most) {
                    if agents.len() == most {
                        return;
                    }
                    if wish.excluded.contains(&rank.agent) {
                        continue;
                    }
                    let best_class = *best_class.get_or_insert(class);
                    if !agents.iter().any(|(agent, _)| *agent == rank.agent) {
                        agents.push((rank.agent, self.outranked(rank.agent, chosen, class > best_class)));
                    }
                }
            }
        }
    }
}
