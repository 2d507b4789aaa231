//! Files: `upload_file` takes them in, `/files/…` gives them out.
//!
//! What comes from people must not run on this origin: types are those of the bytes, everything but pictures is saved
//! rather than shown, and a policy forbids whatever a browser might still try.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_multipart::{Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::auth::{authorization, requester};
use super::client_address::{client_address, client_at};
use super::in_time::end_after;
use super::server::{Context, EdgeContext};
use super::web::{error_response, json_response, no_such_api};
use crate::domain::id::LicenseId;
use crate::files::{FileError, OpenFile, Scale, in_address, is_shown_inline};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::{ApiVersion, Surface};
use crate::sessions::cut::ConnectionSocket;

/// Bytes that a body may have beside the file: names, boundaries, and what some clients add.
const AROUND_THE_FILE: usize = 64 * 1024;
/// Bytes that have to come within [`STEP_TIME`]: who sends less keeps others from sending.
const STEP: usize = 64 * 1024;
const STEP_TIME: Duration = Duration::from_secs(10);

/// `/v3.6/agent/action/upload_file` and its like.
pub(super) async fn versioned(
    context: Context,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> HttpResponse {
    let (version, surface) = path.into_inner();
    answer(&context, &request, &version, &surface, payload).await
}

/// `/agent/action/upload_file` with the version in a header.
pub(super) async fn unversioned(
    context: Context,
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let version = request.headers().get("X-API-Version").and_then(|value| value.to_str().ok());
    let version = version.unwrap_or_default().to_owned();
    answer(&context, &request, &version, &path, payload).await
}

/// Uploads are posted.
pub(super) async fn only_posted() -> HttpResponse {
    error_response(&WireError::new(ErrorType::Validation, "this method is called by POST"))
}

async fn answer(
    context: &EdgeContext,
    request: &HttpRequest,
    version: &str,
    surface: &str,
    payload: web::Payload,
) -> HttpResponse {
    let started = std::time::Instant::now();
    let Some(surface) = Surface::parse(surface) else { return no_such_api() };
    let result = upload(context, request, version, surface, payload).await;
    context.metrics.request(surface, "upload_file", started.elapsed());
    match result {
        Ok(payload) => json_response(payload),
        Err(error) => {
            // What is left of the body is not waited for.
            let mut response = error_response(&error);
            response.head_mut().set_connection_type(ConnectionType::Close);
            end_after(request.conn_data::<ConnectionSocket>().cloned());
            response
        }
    }
}

async fn upload(
    context: &EdgeContext,
    request: &HttpRequest,
    version: &str,
    surface: Surface,
    payload: web::Payload,
) -> Result<String, WireError> {
    if ApiVersion::parse(version) != Some(ApiVersion::V3_6) {
        return Err(WireError::of(ErrorType::UnsupportedVersion));
    }
    if !context.limits.admits_web(authorization(request).unwrap_or_default()) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    let who = requester(context, request, surface).await?;
    if !context.limits.admits_license(who.license_id().0) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    // Each upload is held in memory until it is whole.
    let client = client_at(context, client_address(context, request));
    let _slot = context.uploads.take(client).ok_or_else(|| WireError::of(ErrorType::TooManyRequests))?;
    let limit = usize::try_from(context.requests.file_limit(&who.license)).unwrap_or(usize::MAX);
    let left = Rc::new(Cell::new(limit.saturating_add(AROUND_THE_FILE)));
    let read = read(Multipart::new(request.headers(), at_most(payload, left.clone())), limit);
    let in_time = tokio::time::timeout(context.settings.upload_timeout, read);
    let late = |message| Err(WireError::new(ErrorType::RequestTimeout, message));
    let (name, bytes) = tokio::select! {
        // What has come is read before it is missed.
        biased;
        read = in_time => read.unwrap_or_else(|_| late("the file did not come in time")),
        () = too_slow(&left) => late("the file comes too slowly"),
    }?;
    context.requests.upload_file(&who, &name, bytes).await
}

/// Waits until less than [`STEP`] has come within [`STEP_TIME`].
async fn too_slow(left: &Cell<usize>) {
    let mut before = left.get();
    loop {
        tokio::time::sleep(STEP_TIME).await;
        if before - left.get() < STEP {
            return;
        }
        before = left.get();
    }
}

/// A body of which so much is left to come, and which fails once it is longer. The parts are looked for in all that has come, so
/// what belongs to none has to have an end as well.
fn at_most(
    body: web::Payload,
    left: Rc<Cell<usize>>,
) -> impl futures_util::Stream<Item = Result<Bytes, PayloadError>> {
    body.map(move |chunk| {
        let chunk = chunk?;
        left.set(left.get().checked_sub(chunk.len()).ok_or(PayloadError::Overflow)?);
        Ok(chunk)
    })
}

/// The part `file`, with its name. Other parts are read over.
async fn read(mut parts: Multipart, limit: usize) -> Result<(String, Bytes), WireError> {
    let broken = |error| match error {
        MultipartError::Payload(PayloadError::Overflow) => too_large(limit),
        error => WireError::validation(format!("the body is not multipart/form-data: {error}")),
    };
    let mut found = None;
    let mut total = 0_usize;
    while let Some(mut part) = parts.try_next().await.map_err(broken)? {
        let is_file = part.name() == Some("file") && found.is_none();
        let name = part.content_disposition().and_then(|told| told.get_filename().map(str::to_owned));
        let mut bytes = BytesMut::new();
        while let Some(chunk) = part.try_next().await.map_err(broken)? {
            total = total.saturating_add(chunk.len());
            if total > limit {
                return Err(too_large(limit));
            }
            if is_file {
                bytes.extend_from_slice(&chunk);
            }
        }
        if is_file {
            found = Some((name.unwrap_or_default(), bytes.freeze()));
        }
    }
    found.ok_or_else(|| WireError::validation("`file` is required"))
}

fn too_large(limit: usize) -> WireError {
    const MIB: usize = 1024 * 1024;
    if limit.is_multiple_of(MIB) {
        return WireError::new(
            ErrorType::EntityTooLarge,
            format!("Upload limit exceeded ({}MB).", limit / MIB),
        );
    }
    WireError::new(ErrorType::EntityTooLarge, format!("Upload limit exceeded ({limit} bytes)."))
}

/// `/files/{license}/{id}/{name}`: whoever knows the address may read the file.
pub(super) async fn download(context: Context, path: web::Path<(i64, String, String)>) -> HttpResponse {
    let (license, id, _) = path.into_inner();
    let now = context.requests.actors().clock().now();
    given(context.requests.files().open(LicenseId(license), &id, now).await)
}

/// `/thumbnails/{license}/{id}/{scale}`: the same for small copies of pictures.
pub(super) async fn thumbnail(context: Context, path: web::Path<(i64, String, String)>) -> HttpResponse {
    let (license, id, scale) = path.into_inner();
    let now = context.requests.actors().clock().now();
    given(match Scale::parse(&scale) {
        Some(scale) => context.requests.files().open_thumbnail(LicenseId(license), &id, scale, now).await,
        None => Ok(None),
    })
}

fn given(found: Result<Option<OpenFile>, FileError>) -> HttpResponse {
    match found {
        Ok(Some(file)) => give(file),
        Ok(None) => error_response(&WireError::new(ErrorType::NotFound, "no such file")),
        Err(error) => {
            tracing::warn!(%error, "a file could not be read");
            error_response(&WireError::of(ErrorType::ServiceUnavailable))
        }
    }
}

fn give(file: OpenFile) -> HttpResponse {
    let OpenFile { record, bytes } = file;
    let how = if is_shown_inline(&record.content_type) { "inline" } else { "attachment" };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, record.content_type))
        .insert_header((CONTENT_LENGTH, record.size))
        .insert_header((CONTENT_DISPOSITION, format!("{how}; filename*=UTF-8''{}", in_address(&record.name))))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .insert_header((CACHE_CONTROL, "private, max-age=86400, immutable"))
        .no_chunking(record.size)
        .streaming(bytes)
}
