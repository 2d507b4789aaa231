//! What the nodes of a target say of themselves by `/metrics`: what they used together, and how much of their work crossed
//! from one to another.

use super::target::Target;

/// Sums over all nodes, since their starts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Nodes {
    /// Processor time, seconds.
    cpu: f64,
    /// Resident memory now, bytes.
    resident: f64,
    /// Work for chats that was done on the node that was asked, and on another.
    here: f64,
    elsewhere: f64,
}

/// What the nodes used between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Used {
    /// Processor time, seconds.
    pub(super) cpu: f64,
    /// Resident memory at the end, bytes.
    pub(super) resident: f64,
    /// The share of the work that was done on another node than the one that was asked, percent; none if nothing was done.
    pub(super) elsewhere: Option<f64>,
}

impl Nodes {
    /// Asks every node; none if one of them does not tell.
    pub(super) async fn ask(target: &Target) -> Option<Self> {
        let mut all = Self::default();
        for url in target.urls() {
            let answer = target.http(0).get(format!("{url}/metrics")).send().await.ok()?;
            all.add(&answer.error_for_status().ok()?.text().await.ok()?)?;
        }
        Some(all)
    }

    fn add(&mut self, metrics: &str) -> Option<()> {
        let value = |name: &str| {
            let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            values.next()?.parse::<f64>().ok()
        };
        self.cpu += value("process_cpu_seconds_total")?;
        self.resident += value("process_resident_memory_bytes")?;
        self.here += value("switchboard_cluster_works_here_total")?;
        self.elsewhere += value("switchboard_cluster_works_elsewhere_total")?;
        Some(())
    }

    /// What was used since an earlier look; none if a node was started again meanwhile, or another one answered.
    pub(super) fn since(&self, before: &Self) -> Option<Used> {
        let (here, elsewhere) = (self.here - before.here, self.elsewhere - before.elsewhere);
        let cpu = self.cpu - before.cpu;
        if cpu < 0.0 || here < 0.0 || elsewhere < 0.0 {
            return None;
        }
        let works = here + elsewhere;
        let share = (works > 0.0).then(|| 100.0 * elsewhere / works);
        Some(Used { cpu, resident: self.resident, elsewhere: share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(cpu: f64, here: u64, elsewhere: u64) -> String {
        format!(
            "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total {cpu}\nprocess_resident_memory_bytes 1024\n\
             switchboard_cluster_works_here_total {here}\nswitchboard_cluster_works_elsewhere_total {elsewhere}\n# EOF\n"
        )
    }

    fn nodes(all: &[(f64, u64, u64)]) -> Nodes {
        let mut nodes = Nodes::default();
        for (cpu, here, elsewhere) in all {
            nodes.add(&metrics(*cpu, *here, *elsewhere)).expect("all that is wanted");
        }
        nodes
    }

    #[test]
    fn what_nodes_used_is_added_up_over_all_of_them() {
        let (before, after) = (nodes(&[(1.0, 10, 0), (2.0, 0, 0)]), nodes(&[(2.5, 20, 20), (3.0, 10, 0)]));
        let used = after.since(&before).expect("nobody was started again");
        assert_eq!(used, Used { cpu: 2.5, resident: 2048.0, elsewhere: Some(50.0) });
        assert_eq!(before.since(&after), None, "a node that was started again has used less");
        assert_eq!(before.since(&before).expect("nothing was done").elsewhere, None);
    }

    #[test]
    fn a_node_that_does_not_tell_everything_tells_nothing() {
        assert_eq!(Nodes::default().add("process_cpu_seconds_total 1\n"), None);
    }
}
