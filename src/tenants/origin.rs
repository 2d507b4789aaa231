//! Origins of the web, and which of them a client may be used from.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::domain::license::Client;

/// Scheme, host and port. Two are the same if all three are; a default port may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://shop.example` or `http://localhost:3000`; nothing may stand after it. `null` is no origin.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, rest) = Self::split(text)?;
        rest.is_empty().then_some(origin)
    }

    /// The origin of a redirect URI. Query, fragment, user and `..` are not allowed in one.
    pub fn of_redirect_uri(uri: &str) -> Option<Self> {
        let (origin, path) = Self::split(uri)?;
        let lower = path.to_ascii_lowercase();
        let is_plain = !lower.contains(['?', '#', '\\']) && !lower.contains("..") && !lower.contains("%2e");
        is_plain.then_some(origin)
    }

    /// This machine, seen from itself.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || address.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// May the client be used from here? `own` is the origin under which the server itself is reached: the demo
    /// client may be used from there and from any loopback origin.
    pub fn is_allowed(&self, client: &Client, own: &Self) -> bool {
        let is_registered = client.origins.iter().any(|origin| Self::parse(origin).as_ref() == Some(self));
        is_registered || (client.loopback && (self.is_loopback() || self == own))
    }

    /// The origin at the front of a text, and what follows it: nothing, or a path.
    fn split(text: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let is_number = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
                (host, port.parse().ok().filter(|_| is_number)?)
            }
            _ => (authority, if is_https { 443 } else { 80 }),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match inner {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => {
                let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
                !host.is_empty() && host.len() <= 253 && host.bytes().all(letter)
            }
        };
        is_host.then(|| (Self { is_https, host: host.to_ascii_lowercase(), port }, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).expect("an origin")
    }

    #[test]
    fn default_ports_and_case_do_not_matter() {
        assert_eq!(origin("https://Shop.Example"), origin("HTTPS://shop.example:443"));
        assert_ne!(origin("https://shop.example"), origin("http://shop.example"));
        assert_ne!(origin("http://shop.example"), origin("http://shop.example:8080"));
    }

    #[test]
    fn other_texts_are_no_origins() {
        for text in [
            "",
            "null",
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://a/",
            "https://a?b",
            "https://a@b",
            "https://a:",
            "https://a:+1",
            "https://a:99999",
            "https://[zz]",
            "https://a b",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for text in ["http://localhost:3000", "http://a.localhost", "http://127.3.2.1", "https://[::1]:1"] {
            assert!(origin(text).is_loopback(), "{text}");
        }
        for text in ["http://localhost.evil.example", "http://128.0.0.1", "http://127.0.0.1.evil.example"] {
            assert!(!origin(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn redirect_uris_are_plain() {
        let shop = origin("https://shop.example");
        assert_eq!(Origin::of_redirect_uri("https://shop.example/chat/window"), Some(shop));
        for uri in [
            "https://shop.example/?a=b",
            "https://shop.example/#a",
            "https://shop.example/../x",
            "https://shop.example/%2E%2e/x",
            "https://user@shop.example/",
            "javascript://shop.example/",
        ] {
            assert_eq!(Origin::of_redirect_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn clients_are_used_from_their_own_origins() {
        let own = origin("http://chat.example:8080");
        let shop = Client { origins: vec!["https://shop.example".to_owned()], loopback: false };
        let demo = Client { origins: Vec::new(), loopback: true };
        for (client, from, expected) in [
            (&shop, "https://shop.example", true),
            (&shop, "http://shop.example", false),
            (&shop, "https://evil.example", false),
            (&shop, "http://localhost", false),
            (&shop, "http://chat.example:8080", false),
            (&demo, "http://localhost:5000", true),
            (&demo, "http://chat.example:8080", true),
            (&demo, "https://evil.example", false),
        ] {
            assert_eq!(origin(from).is_allowed(client, &own), expected, "{from}");
        }
    }
}
