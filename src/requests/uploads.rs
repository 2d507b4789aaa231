//! `upload_file` (agents and customers, 3.6), and the files that events show.

use bytes::Bytes;

use super::caller::Requester;
use super::pipeline::Requests;
use crate::domain::event::{EventBody, NewEvent};
use crate::domain::id::LicenseId;
use crate::domain::license::License;
use crate::files::{self, FileError, FileRecord, Scale};
use crate::protocol::error::{ErrorType, WireError};

/// Before the license's number and the file's id in every address of a file.
const FOLDER: &str = "/files/";

impl Requests {
    /// Bytes that a file of the license may have.
    pub fn file_limit(&self, license: &License) -> u64 {
        self.parts.actors.licenses().file_max_size(license)
    }

    /// Takes a file in. The answer is the response's payload.
    ///
    /// # Errors
    /// `validation` for programs and for nothing, `service_unavailable` where it cannot be stored.
    pub async fn upload_file(&self, who: &Requester, name: &str, bytes: Bytes) -> Result<String, WireError> {
        let now = self.parts.actors.clock().now();
        let put = self.parts.files.put(who.license_id(), name, bytes, now).await;
        let (id, record) = put.map_err(|error| of_files(&error))?;
        let url = self.address(who.license_id(), &id, &record);
        Ok(serde_json::json!({ "url": url }).to_string())
    }

    /// Turns the address that an event of the kind `file` gives into what is known of the file, which from now on
    /// stays. Other events are left as they are.
    pub(super) async fn settle_file(&self, who: &Requester, event: &mut NewEvent) -> Result<(), WireError> {
        let EventBody::File(file) = &mut event.body else { return Ok(()) };
        let license = who.license_id();
        let now = self.parts.actors.clock().now();
        let unknown =
            || WireError::validation("`event.url` must be what upload_file answered, a day ago at most");
        let id = id_in(&file.url, license).ok_or_else(unknown)?.to_owned();
        let found = self.parts.files.find(license, &id, now).await.map_err(|error| of_files(&error))?;
        let record = found.ok_or_else(unknown)?;
        self.parts.files.keep(license, &id).await.map_err(|error| of_files(&error))?;
        file.url = self.address(license, &id, &record);
        let is_picture = record.content_type.starts_with("image/");
        file.alternative_text = file.alternative_text.take().filter(|_| is_picture);
        if record.thumbnails.is_some() {
            let copy = |scale| Some(self.thumbnail_address(license, &id, scale));
            (file.thumbnail_url, file.thumbnail2x_url) = (copy(Scale::Once), copy(Scale::Twice));
        }
        file.size = Some(record.size);
        file.width = record.width;
        file.height = record.height;
        file.name = record.name;
        file.content_type = record.content_type;
        Ok(())
    }

    fn thumbnail_address(&self, license: LicenseId, id: &str, scale: Scale) -> String {
        let (base, scale) = (&self.parts.base_url, scale.as_str());
        format!("{base}/thumbnails/{license}/{id}/{scale}")
    }

    pub(super) fn address(&self, license: LicenseId, id: &str, record: &FileRecord) -> String {
        let (base, name) = (&self.parts.base_url, files::in_address(&record.name));
        format!("{base}{FOLDER}{license}/{id}/{name}")
    }

    /// Where files lie.
    pub fn files(&self) -> &files::Files {
        &self.parts.files
    }
}

/// The file's id in an address of one of the license's files. Of the host nothing is asked: a server may be reached by
/// several.
pub(super) fn id_in(url: &str, license: LicenseId) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let path = &rest[rest.find('/')?..];
    let mut parts = path.strip_prefix(FOLDER)?.split('/');
    let is_own = parts.next()? == license.to_string();
    parts.next().filter(|_| is_own)
}

/// A refusal of the files on the wire.
pub(super) fn of_files(error: &FileError) -> WireError {
    match error {
        FileError::Program | FileError::Empty => WireError::validation(format!("`file`: {error}")),
        FileError::Store(_) => {
            tracing::warn!(%error, "a file could not be kept or found");
            WireError::of(ErrorType::ServiceUnavailable)
        }
        FileError::Record(_) => {
            tracing::error!(%error, "a file's record is broken");
            WireError::of(ErrorType::Internal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_path_in_its_own_license() {
        let (license, id) = (LicenseId(7), "0123456789abcdef0123456789abcdef");
        for host in ["http://127.0.0.1:8080", "https://chat.example"] {
            assert_eq!(id_in(&format!("{host}/files/7/{id}/a.png"), license), Some(id));
            assert_eq!(id_in(&format!("{host}/files/8/{id}/a.png"), license), None);
            assert_eq!(id_in(&format!("{host}/else/7/{id}/a.png"), license), None);
        }
        for url in ["http://x", "ftp://x/files/7/a/b", "", "http://x/files/7"] {
            assert_eq!(id_in(url, license), None, "{url}");
        }
    }
}
