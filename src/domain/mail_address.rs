//! An address that mail can be sent to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest address that SMTP carries, in bytes.
const MAX_LENGTH: usize = 254;

/// One address and nothing else: nothing can be smuggled into a mail with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(lettre::Address);

/// A text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no e-mail address")]
pub struct NoMailAddress;

impl FromStr for MailAddress {
    type Err = NoMailAddress;

    /// Reads what somebody typed.
    fn from_str(text: &str) -> Result<Self, NoMailAddress> {
        if text.len() > MAX_LENGTH || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(NoMailAddress);
        }
        text.parse().map(Self).map_err(|_| NoMailAddress)
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<MailAddress> for lettre::Address {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_address_and_nothing_else() {
        for good in ["a@b.example", "a.b+c@sub.example.com", "ü@b.example"] {
            assert_eq!(good.parse::<MailAddress>().expect(good).to_string(), good);
        }
        let long = format!("{}@b.example", "a".repeat(300));
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a b@c.example",
            "a@b.example, c@d.example",
            "Ann <a@b.example>",
            "a@b.example\r\nBcc: c@d.example",
            "a@b.example\n",
            "\"a\r\n\"@b.example",
            "a@b.example>\r\nDATA",
            &long,
        ] {
            assert_eq!(bad.parse::<MailAddress>(), Err(NoMailAddress), "{bad:?}");
        }
    }
}
