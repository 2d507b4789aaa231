//! Where files lie.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::bucket;
use super::fault::FileError;
use super::kind::is_shown_inline;
use super::thumbnail::{Thumbnail, thumbnails};
use super::{kind, name};
use crate::config::S3;
use crate::domain::id::{IdSource, LicenseId};
use crate::domain::time::Timestamp;

/// How long a file is there that no event shows (`transport.limits`, `upload_url_ttl_h`).
pub const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// How much longer what lies there is left alone: clocks differ, and an event may just be on its way.
pub(super) const GRACE: Duration = Duration::from_secs(600);
/// Before the names of uploads of the last day or so.
const FRESH: &str = "fresh";

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What it is called.
    pub name: String,
    /// MIME type, by its bytes.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Pixels; some kinds of pictures only.
    pub width: Option<u32>,
    /// Pixels; some kinds of pictures only.
    pub height: Option<u32>,
    /// When it came.
    pub uploaded_at: Timestamp,
    /// MIME type of its small copies; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<String>,
}

/// Which small copy of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// For usual screens.
    Once,
    /// For those with twice as many pixels.
    Twice,
}

impl Scale {
    /// As addresses name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "1x",
            Self::Twice => "2x",
        }
    }

    /// By that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Once, Self::Twice].into_iter().find(|scale| scale.as_str() == text)
    }

    fn object(self) -> &'static str {
        match self {
            Self::Once => "thumbnail",
            Self::Twice => "thumbnail2x",
        }
    }
}

/// Pixels of the longer side of a small copy, once and twice.
const SIDES: [u32; 2] = [160, 320];
/// Pictures that are made smaller at the same time; others wait.
const PICTURES_AT_ONCE: usize = 2;

/// A file that is being read.
pub struct OpenFile {
    /// What is known of it.
    pub record: FileRecord,
    /// Its bytes.
    pub bytes: BoxStream<'static, Result<Bytes, FileError>>,
}

/// The files of all licenses.
#[derive(Clone)]
pub struct Files {
    objects: Arc<dyn ObjectStore>,
    ids: Arc<dyn IdSource>,
    pictures: Arc<Semaphore>,
}

impl Files {
    /// Files in an object store.
    pub fn new(objects: Arc<dyn ObjectStore>, ids: Arc<dyn IdSource>) -> Self {
        Self { objects, ids, pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE)) }
    }

    /// Files in a folder of this machine, which is made if need be, for nobody else to look into.
    ///
    /// # Errors
    /// If the folder cannot be made or used.
    pub fn in_folder(folder: &std::path::Path, ids: Arc<dyn IdSource>) -> std::io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let objects = object_store::local::LocalFileSystem::new_with_prefix(folder);
        let objects = objects.map_err(std::io::Error::other)?.with_automatic_cleanup(true);
        Ok(Self::new(Arc::new(objects), ids))
    }

    /// Files in a bucket. Nothing is asked of it yet. The authorities (PEM) are those of [`S3::tls_ca`], read.
    ///
    /// # Errors
    /// If no client can be made of what is said of it.
    pub fn in_bucket(s3: &S3, authorities: Option<&[u8]>, ids: Arc<dyn IdSource>) -> Result<Self, FileError> {
        Ok(Self::new(bucket::open(s3, authorities)?, ids))
    }

    /// Does all once that files need: lists, writes, reads and deletes.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn check(&self) -> Result<(), FileError> {
        // If it is left behind, a sweep takes it for an upload that never came.
        let path = fresh(LicenseId(0), &format!("{:032x}", self.ids.bits()));
        self.objects.list(Some(&Path::from(FRESH))).try_next().await?;
        self.objects.put(&path, Bytes::from_static(b"1").into()).await?;
        self.objects.get(&path).await?.bytes().await?;
        self.objects.delete(&path).await?;
        Ok(())
    }

    /// Keeps a file for a day; its id, which nobody can guess.
    ///
    /// # Errors
    /// [`FileError::Program`], [`FileError::Empty`], or what went wrong.
    pub async fn put(
        &self,
        license: LicenseId,
        called: &str,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<(String, FileRecord), FileError> {
        if bytes.is_empty() {
            return Err(FileError::Empty);
        }
        let kind = kind::of(&bytes).ok_or(FileError::Program)?;
        let copies = match is_shown_inline(kind.content_type) {
            true => self.smaller(bytes.clone(), &SIDES).await,
            false => None,
        };
        let record = FileRecord {
            name: name::clean(called),
            content_type: kind.content_type.to_owned(),
            size: bytes.len() as u64,
            width: kind.size.map(|(width, _)| width),
            height: kind.size.map(|(_, height)| height),
            uploaded_at: now,
            thumbnails: copies
                .as_ref()
                .and_then(|copies| copies.first())
                .map(|copy| copy.content_type.to_owned()),
        };
        let id = format!("{:032x}", self.ids.bits());
        // First, so that whatever comes of the rest is found by a sweep.
        self.objects.put(&fresh(license, &id), Bytes::from_static(b"1").into()).await?;
        self.objects.put(&part(license, &id, "data"), bytes.into()).await?;
        for (copy, scale) in copies.into_iter().flatten().zip([Scale::Once, Scale::Twice]) {
            self.objects.put(&part(license, &id, scale.object()), copy.bytes.into()).await?;
        }
        let written = serde_json::to_vec(&record)?;
        self.objects.put(&part(license, &id, "record"), written.into()).await?;
        Ok((id, record))
    }

    /// Small copies of a picture, made on a thread where nobody waits.
    pub async fn smaller(&self, bytes: Bytes, sides: &'static [u32]) -> Option<Vec<Thumbnail>> {
        let _place = self.pictures.acquire().await.ok()?;
        tokio::task::spawn_blocking(move || thumbnails(&bytes, sides)).await.ok().flatten()
    }

    /// What is known of a file; none if there is none of that id in the license, or no longer.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn find(
        &self,
        license: LicenseId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<FileRecord>, FileError> {
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let read = match self.objects.get(&part(license, id, "record")).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record: FileRecord = serde_json::from_slice(&read)?;
        let is_there = now <= record.uploaded_at.after(LIFETIME) || self.is_kept(license, id).await?;
        Ok(is_there.then_some(record))
    }

    /// An event shows the file: it is there for good.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn keep(&self, license: LicenseId, id: &str) -> Result<(), FileError> {
        if !self.is_kept(license, id).await? {
            self.objects.put(&part(license, id, "kept"), Bytes::from_static(b"1").into()).await?;
        }
        Ok(())
    }

    /// A file with its bytes.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn open(
        &self,
        license: LicenseId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<OpenFile>, FileError> {
        let Some(record) = self.find(license, id, now).await? else { return Ok(None) };
        let found = self.objects.get(&part(license, id, "data")).await?;
        Ok(Some(OpenFile { record, bytes: found.into_stream().map_err(FileError::from).boxed() }))
    }

    /// A small copy of a picture, with its bytes and the record of the picture.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn open_thumbnail(
        &self,
        license: LicenseId,
        id: &str,
        scale: Scale,
        now: Timestamp,
    ) -> Result<Option<OpenFile>, FileError> {
        let Some(record) = self.find(license, id, now).await? else { return Ok(None) };
        let Some(content_type) = record.thumbnails.clone() else { return Ok(None) };
        let found = self.objects.get(&part(license, id, scale.object())).await?;
        let record = FileRecord { content_type, size: found.meta.size, ..record };
        Ok(Some(OpenFile { record, bytes: found.into_stream().map_err(FileError::from).boxed() }))
    }

    /// Removes what came more than a day ago and no event shows, halves of uploads among it. Says how many uploads.
    /// Looks at those of the last day alone, however many files there are.
    ///
    /// # Errors
    /// What went wrong; what was removed until then stays so.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, FileError> {
        let mut removed = 0;
        let mut listed = self.objects.list(Some(&Path::from(FRESH)));
        while let Some(mark) = listed.try_next().await? {
            let came = Timestamp(mark.last_modified.timestamp_micros());
            let Some((_, folder)) = mark.location.as_ref().split_once('/') else { continue };
            if now <= came.after(LIFETIME).after(GRACE) {
                continue;
            }
            let beside = |name: &str| Path::from(format!("{folder}/{name}"));
            if !self.exists(&beside("kept")).await? {
                // The record first: without it there is no file, whatever else is left.
                for name in ["record", Scale::Once.object(), Scale::Twice.object(), "data"] {
                    self.remove(&beside(name)).await?;
                }
                removed += 1;
            }
            self.remove(&mark.location).await?;
        }
        Ok(removed)
    }

    async fn remove(&self, path: &Path) -> Result<(), FileError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn is_kept(&self, license: LicenseId, id: &str) -> Result<bool, FileError> {
        self.exists(&part(license, id, "kept")).await
    }

    async fn exists(&self, path: &Path) -> Result<bool, FileError> {
        match self.objects.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Says that an upload is of the last day or so.
fn fresh(license: LicenseId, id: &str) -> Path {
    Path::from(format!("{FRESH}/{license}/{id}"))
}

fn part(license: LicenseId, id: &str, name: &str) -> Path {
    Path::from(format!("{license}/{id}/{name}"))
}
