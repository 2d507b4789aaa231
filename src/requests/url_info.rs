//! `get_url_info` (customers, 3.6): what the page at an address says of itself, with a small copy of its picture.

use super::pipeline::{Call, Requests};
use super::uploads::{id_in, of_files};
use crate::domain::id::LicenseId;
use crate::domain::properties::{Properties, PropertyValue, get};
use crate::files::Thumbnail;
use crate::outgoing::{FetchError, Fetched, Fetcher, PageInfo, describe};
use crate::protocol::error::{ErrorType, WireError};

/// The namespace of an event's properties that show a page.
pub(super) const URL_DETAILS: &str = "url_details";
/// Bytes of a page that are looked at.
const MAX_PAGE: usize = 512 * 1024;
/// Bytes of a picture; a larger one is left out.
const MAX_PICTURE: usize = 5 * 1024 * 1024;
/// Pixels of the longer side of the copy.
const SIDES: &[u32] = &[200];

impl Requests {
    pub(super) async fn get_url_info(&self, call: &Call<'_>, url: String) -> Result<String, WireError> {
        let address = Fetcher::parse(&url).map_err(|error| refusal(&error))?;
        let page = self.parts.fetcher.get(address, MAX_PAGE).await.map_err(|error| refusal(&error))?;
        let nothing = || refusal(&FetchError::Nothing);
        let said = describe(&page.bytes, &page.content_type).ok_or_else(nothing)?;
        let mut answer = serde_json::json!({ "url": page.url.as_str() });
        if let Some(title) = &said.title {
            answer["title"] = serde_json::json!(title);
        }
        if let Some(description) = &said.description {
            answer["description"] = serde_json::json!(description);
        }
        if let Some((original, copy, url)) = self.picture(call.who.license_id(), &page, &said).await? {
            answer["image_original_url"] = serde_json::json!(original);
            answer["image_url"] = serde_json::json!(url);
            answer["image_width"] = serde_json::json!(copy.width);
            answer["image_height"] = serde_json::json!(copy.height);
        }
        Ok(answer.to_string())
    }

    /// The page's picture: its address, the copy, and where the copy is. None if there is none that can be shown.
    async fn picture(
        &self,
        license: LicenseId,
        page: &Fetched,
        said: &PageInfo,
    ) -> Result<Option<(String, Thumbnail, String)>, WireError> {
        let address = said.image.as_deref().and_then(|image| page.url.join(image).ok());
        let Some(address) = address.and_then(|url| Fetcher::parse(url.as_str()).ok()) else {
            return Ok(None);
        };
        let Ok(fetched) = self.parts.fetcher.get(address, MAX_PICTURE).await else { return Ok(None) };
        if fetched.is_cut {
            return Ok(None);
        }
        let copies = self.parts.files.smaller(fetched.bytes, SIDES).await;
        let Some(copy) = copies.and_then(|copies| copies.into_iter().next()) else { return Ok(None) };
        let now = self.parts.actors.clock().now();
        let put = self.parts.files.put(license, "preview", copy.bytes.clone(), now).await;
        let (id, record) = put.map_err(|error| of_files(&error))?;
        Ok(Some((fetched.url.into(), copy, self.address(license, &id, &record))))
    }

    /// The copy of a picture that an event shows in its `url_details` stays as long as the event: these are set with it, or later.
    pub(super) async fn keep_preview(
        &self,
        license: LicenseId,
        properties: &Properties,
    ) -> Result<(), WireError> {
        let Some(PropertyValue::String(shown)) = get(properties, URL_DETAILS, "image_url") else {
            return Ok(());
        };
        let Some(id) = id_in(shown, license) else { return Ok(()) };
        let now = self.parts.actors.clock().now();
        if self.parts.files.find(license, id, now).await.map_err(|error| of_files(&error))?.is_some() {
            self.parts.files.keep(license, id).await.map_err(|error| of_files(&error))?;
        }
        Ok(())
    }
}

fn refusal(error: &FetchError) -> WireError {
    match error {
        FetchError::Address | FetchError::Private => WireError::validation(format!("`url`: {error}")),
        FetchError::Nothing => WireError::new(ErrorType::NotFound, error.to_string()),
        FetchError::Busy => WireError::of(ErrorType::TooManyRequests),
    }
}
