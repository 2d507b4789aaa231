//! What texts of settings may look like.

/// Scheme, host and port of the web, nothing after it.
pub(super) fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse::<u16>().ok()),
        _ => (rest, Some(0)),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host(host),
    };
    is_host && port.is_some()
}

/// A name or IPv4 address of a machine.
pub(super) fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// A machine, perhaps with a port.
pub(super) fn is_contact_point(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok()
        || match text.rsplit_once(':') {
            Some((host, port)) => is_host(host) && port.parse::<u16>().is_ok(),
            None => is_host(text),
        }
}

/// A machine with a port.
pub(super) fn is_host_and_port(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok()
        || text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
}

/// The name of a node.
pub(super) fn is_node_name(text: &str) -> bool {
    text.len() <= 63 && is_host(text)
}

/// An e-mail address, perhaps with a name before it.
pub(super) fn is_mailbox(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.parse::<lettre::message::Mailbox>().is_ok()
}

/// A text that one message may have, on one line.
pub(super) fn is_short_message(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 1_000 && !text.chars().any(char::is_control)
}

/// The name of a keyspace that needs no quotes.
pub(super) fn is_keyspace(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The name of a bucket.
pub(super) fn is_bucket(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// The name of a region of an object store.
pub(super) fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// What the names of objects may begin with.
pub(super) fn is_key_prefix(text: &str) -> bool {
    let is_name = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    text.len() <= 256 && text.split('/').all(is_name)
}

/// Directives of a log filter: a level, or `module=level`, parted by commas.
pub(super) fn is_log_filter(text: &str) -> bool {
    let is_level = |word: &str| matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let is_module = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-'))
    };
    text.split(',').all(|part| match part.split_once('=') {
        Some((module, level)) => is_module(module) && is_level(level),
        None => is_level(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_no_path() {
        for good in
            ["http://a", "https://chat.example.com", "https://a:8443", "http://[::1]:80", "http://[::1]"]
        {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http://a/",
            "http://a:",
            "http://a:b",
            "http://a b",
            "http://[x]",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn contact_points_are_hosts_with_or_without_port() {
        for good in ["a", "a.b:9042", "10.0.0.1", "10.0.0.1:9042", "[::1]:9042"] {
            assert!(is_contact_point(good), "{good}");
        }
        for bad in ["", ":9042", "a:b", "a b", "a/b", "a:70000"] {
            assert!(!is_contact_point(bad), "{bad}");
        }
    }

    #[test]
    fn buckets_and_prefixes_are_names() {
        for good in ["abc", "My.bucket-1_x", "123"] {
            assert!(is_bucket(good), "{good}");
        }
        for bad in ["", "ab", "a/b", "-abc", "a b c", "..."] {
            assert!(!is_bucket(bad), "{bad}");
        }
        for good in ["a", "a/b.c/d_e-f"] {
            assert!(is_key_prefix(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "a/../b", ".", "ż"] {
            assert!(!is_key_prefix(bad), "{bad}");
        }
        assert!(is_region("eu-central-1") && !is_region("eu/1") && !is_region(""));
    }

    #[test]
    fn mailboxes_are_addresses_with_or_without_a_name() {
        for good in ["a@b.example", "Support <a@b.example>"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in ["", "a", "Support", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"] {
            assert!(!is_mailbox(bad), "{bad:?}");
        }
    }

    #[test]
    fn log_filters_are_levels_by_module() {
        for good in ["info", "warn,switchboard=debug", "switchboard::store=trace,off"] {
            assert!(is_log_filter(good), "{good}");
        }
        for bad in ["", "loud", "switchboard", "a=b", "=info", "info,"] {
            assert!(!is_log_filter(bad), "{bad}");
        }
    }
}
