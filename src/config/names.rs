//! The names of a setting outside the file: its flag and its environment variable.

/// Environment variables that are settings begin so.
pub(super) const PREFIX: &str = "SWITCHBOARD_";

/// Environment variables of tests begin so; the server does not look at them.
pub(super) const TEST_PREFIX: &str = "SWITCHBOARD_TEST_";

/// Names the settings file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "SWITCHBOARD_CONFIG";

/// Settings that have a flag: dotted key, flag without dashes. Their variable is that of the flag.
const FLAGS: [(&str, &str); 14] = [
    ("server.listen", "listen"),
    ("server.data_dir", "data-dir"),
    ("server.store", "store"),
    ("server.credentials_file", "credentials-file"),
    ("server.no_demo", "no-demo"),
    ("tls.cert", "tls-cert"),
    ("tls.key", "tls-key"),
    ("node.listen", "node-listen"),
    ("node.advertise", "node-advertise"),
    ("node.name", "node-name"),
    ("cql.contact_points", "cql-contact-points"),
    ("cql.keyspace", "cql-keyspace"),
    ("log.level", "log-level"),
    ("log.format", "log-format"),
];

/// The setting's flag, without dashes.
pub(super) fn flag(key: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(name, _)| *name == key).map(|(_, flag)| *flag)
}

/// The setting's environment variable: that of its flag where it has one, else `SWITCHBOARD_<SECTION>_<KEY>`.
pub(super) fn variable(key: &str) -> String {
    let name = flag(key).unwrap_or(key);
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_flags_drop_the_section() {
        for (key, expected) in [
            ("server.listen", "SWITCHBOARD_LISTEN"),
            ("server.data_dir", "SWITCHBOARD_DATA_DIR"),
            ("server.store", "SWITCHBOARD_STORE"),
            ("cql.contact_points", "SWITCHBOARD_CQL_CONTACT_POINTS"),
            ("cql.keyspace", "SWITCHBOARD_CQL_KEYSPACE"),
            ("chats.queue.limit", "SWITCHBOARD_CHATS_QUEUE_LIMIT"),
            ("server.drain_timeout", "SWITCHBOARD_SERVER_DRAIN_TIMEOUT"),
        ] {
            assert_eq!(variable(key), expected);
        }
    }
}
