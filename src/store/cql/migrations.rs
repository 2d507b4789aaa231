//! The migrations that this build carries, in order. `migrations/README.md` says how to add one.

use xxhash_rust::xxh3::xxh3_64;

/// One numbered schema statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// File name without its ending: a number of four digits and what it makes.
    pub name: &'static str,
    /// The whole file.
    pub text: &'static str,
}

impl Migration {
    /// Its place in the order.
    pub fn number(&self) -> i32 {
        self.name.split('_').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// The statement without the comments above it.
    pub fn statement(&self) -> String {
        let lines = self.text.lines().filter(|line| !line.trim_start().starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Recorded when it is applied; a file that was changed later has another.
    pub fn checksum(&self) -> String {
        format!("{:016x}", xxh3_64(self.text.as_bytes()))
    }

    /// The oldest build that may work on the schema with this migration, named by the newest migration that it carries. The file
    /// says so in a line `-- Older builds: since NNNN`; one that says nothing shuts older builds out.
    pub fn oldest_build(&self) -> i32 {
        let said = self.text.lines().find_map(|line| line.strip_prefix(OLDER_BUILDS));
        said.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| self.number())
    }
}

/// Begins the line of a migration that says which older builds may go on beside it.
const OLDER_BUILDS: &str = "-- Older builds: since ";

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        /// Every migration, in the order in which they are applied.
        pub const MIGRATIONS: &[Migration] = &[$(Migration {
            name: $name,
            text: include_str!(concat!("../../../migrations/", $name, ".cql")),
        }),*];
    };
}

migrations! {
    "0001_events",
    "0002_incarnations",
    "0003_shards",
    "0004_cluster_layout",
    "0005_chat_pointers",
    "0006_customer_chats",
    "0007_customer_profiles",
    "0008_license_parts",
    "0009_license_directory",
    "0010_license_lookups",
    "0011_tokens",
    "0012_license_tokens",
    "0013_secrets",
    "0014_revocations",
    "0015_threads_by_chat",
    "0016_chats_by_license",
    "0017_chats_by_customer",
    "0018_open_chats",
    "0019_due_timers",
    "0020_threads_by_day",
    "0021_decisions",
    "0022_customer_visits",
    "0023_changed_chats",
    "0024_email_verifications",
    "0025_routing_statuses",
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_carried_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of migrations")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter_map(|name| name.strip_suffix(".cql").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.iter().map(|migration| migration.name).collect::<Vec<_>>());
        for (migration, number) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.number(), number, "{}", migration.name);
        }
    }

    #[test]
    fn each_is_one_statement_that_may_run_twice_and_says_why_it_is_there() {
        for migration in MIGRATIONS {
            let statement = migration.statement();
            assert!(statement.contains("IF NOT EXISTS"), "{}", migration.name);
            assert!(!statement.contains(';'), "{}", migration.name);
            assert!(migration.text.starts_with("-- Question:"), "{}", migration.name);
            assert!(migration.text.contains("-- Partition:"), "{}", migration.name);
            assert!(!migration.text.contains("TimeWindow"), "{}", migration.name);
        }
    }
    #[test]
    fn older_builds_go_on_only_where_a_file_says_so_and_only_adds() {
        let migration = |text: &'static str| Migration { name: "0030_x", text };
        assert_eq!(migration("-- Question: ?\nCREATE TABLE x").oldest_build(), 30);
        assert_eq!(migration("-- Question: ?\n-- Older builds: since 0028\nCREATE").oldest_build(), 28);
        for migration in MIGRATIONS {
            assert!(migration.oldest_build() <= migration.number(), "{}", migration.name);
            let said = migration.text.lines().filter(|line| line.contains("Older builds")).count();
            let first = migration.statement().trim().to_ascii_uppercase();
            let adds = first.starts_with("CREATE TABLE")
                || first.starts_with("ALTER TABLE") && first.contains(" ADD ");
            assert!(said == 0 || adds && migration.oldest_build() < migration.number(), "{}", migration.name);
        }
    }
}
