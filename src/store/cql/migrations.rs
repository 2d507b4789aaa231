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
}

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
}
