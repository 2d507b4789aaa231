//! Where addresses are, by a database of the operator's in MaxMind's format (GeoLite2 City and its like; `geo.database`).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader, geoip2};
use thiserror::Error;

use crate::domain::geolocation::Geolocation;

/// Looks addresses up. Without a database every address is nowhere.
#[derive(Default)]
pub struct Places(Option<Reader<Vec<u8>>>);

/// The database cannot be used.
#[derive(Debug, Error)]
#[error("{path}, named by geo.database, is no database of places that can be read")]
pub struct PlacesError {
    path: PathBuf,
    source: MaxMindDbError,
}

impl Places {
    /// Reads the database into memory.
    ///
    /// # Errors
    /// Where the file cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, PlacesError> {
        let read = Reader::open_readfile(path);
        let error = |source| PlacesError { path: path.to_owned(), source };
        read.map(|reader| Self(Some(reader))).map_err(error)
    }

    /// The place of an address, if it is known.
    pub fn of(&self, address: IpAddr) -> Option<Geolocation> {
        let found = self.0.as_ref()?.lookup(address).and_then(|found| found.decode::<geoip2::City<'_>>());
        let city = found.inspect_err(|error| tracing::warn!(%error, "a place cannot be read")).ok()??;
        let text = |text: Option<&str>| text.map(str::to_owned);
        let degrees = |degrees: Option<f64>| degrees.map(|degrees| degrees.to_string());
        let place = Geolocation {
            latitude: degrees(city.location.latitude),
            longitude: degrees(city.location.longitude),
            country: text(city.country.names.english),
            country_code: text(city.country.iso_code),
            region: text(city.subdivisions.first().and_then(|region| region.names.english)),
            city: text(city.city.names.english),
            timezone: text(city.location.time_zone),
        };
        (place != Geolocation::default()).then_some(place)
    }
}
