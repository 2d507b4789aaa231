//! The versions of the protocol that are served, and its two surfaces.

use crate::domain::property_definitions::Side;

/// A version that this server speaks, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiVersion {
    /// 3.6, the canonical one.
    V3_6,
}

impl ApiVersion {
    /// The form that the rest of the server works with.
    pub const CANONICAL: Self = Self::V3_6;

    /// Reads `3.6`; a version that is not served is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "3.6" => Some(Self::V3_6),
            _ => None,
        }
    }

    /// As it stands on the wire and in paths, without a leading `v`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3_6 => "3.6",
        }
    }
}

/// For whom a part of the API is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Surface {
    /// Agents and bots.
    Agent,
    /// Customers.
    Customer,
}

impl Surface {
    /// Of a path's part; none if there is no such API.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Agent, Self::Customer].into_iter().find(|surface| surface.as_str() == text)
    }

    /// As it stands in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Customer => "customer",
        }
    }

    /// Whose property rights count here.
    pub fn side(self) -> Side {
        match self {
            Self::Agent => Side::Agent,
            Self::Customer => Side::Customer,
        }
    }
}
