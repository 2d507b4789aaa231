//! Where somebody is, as far as the address says that they connect from (protocol structure `Geolocation`).

use serde::{Deserialize, Serialize};

/// A place. What is not known of it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Geolocation {
    /// Degrees north, a decimal number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<String>,
    /// Degrees east, a decimal number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<String>,
    /// The country's name, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Its code of ISO 3166-1, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// The largest part of the country that the place is in, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The town, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The time zone, by its IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}
