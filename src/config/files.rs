//! `[file]`, its size apart, and `[s3]`: where uploaded files lie.

use std::path::PathBuf;

use super::kind::{Choice, FilePath, Key, Maybe, Switch, Text, key};
use super::reader::Reader;
use super::text;

const STORE: Key<Choice<Place>> =
    key("file.store", "folder", Choice(&[("folder", Place::Folder), ("s3", Place::S3)]));
const DIR: Key<Maybe<FilePath>> = key("file.dir", "", Maybe(FilePath));
const BUCKET: Key<Maybe<Text>> = key(
    "s3.bucket",
    "",
    Maybe(Text { accepts: text::is_bucket, allowed: "3 to 63 letters, digits, dots, dashes or underscores" }),
);
const ENDPOINT: Key<Maybe<Text>> = key(
    "s3.endpoint",
    "",
    Maybe(Text {
        accepts: text::is_origin,
        allowed: "http:// or https://, a host and perhaps a port, such as https://s3.example.com:9000",
    }),
);
const REGION: Key<Text> = key(
    "s3.region",
    "us-east-1",
    Text { accepts: text::is_region, allowed: "1 to 63 letters, digits, dashes or underscores" },
);
const PREFIX: Key<Maybe<Text>> = key(
    "s3.prefix",
    "",
    Maybe(Text {
        accepts: text::is_key_prefix,
        allowed: "names of letters, digits, dots, dashes and underscores, parted by single slashes",
    }),
);
const CREDENTIAL: Text =
    Text { accepts: |text| text.len() <= 1_024 && text.is_ascii(), allowed: "at most 1024 letters of ASCII" };
const ACCESS_KEY_ID: Key<Maybe<Text>> = key("s3.access_key_id", "", Maybe(CREDENTIAL));
const SECRET_ACCESS_KEY: Key<Maybe<Text>> = key("s3.secret_access_key", "", Maybe(CREDENTIAL));
const PATH_STYLE: Key<Switch> = key("s3.path_style", "true", Switch);
const ALLOW_HTTP: Key<Switch> = key("s3.allow_http", "false", Switch);
const TLS_CA: Key<Maybe<FilePath>> = key("s3.tls_ca", "", Maybe(FilePath));

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Folder,
    S3,
}

/// `[file]`, its size apart.
#[derive(Clone, Debug)]
pub struct Files {
    /// Folder of uploaded files. Default: none, it is `files` in the data dir.
    pub dir: Option<PathBuf>,
    /// The bucket where they lie instead (`file.store`). Default: none, they lie in the folder.
    pub s3: Option<S3>,
}

/// `[s3]`
#[derive(Clone)]
pub struct S3 {
    /// Has to exist.
    pub bucket: String,
    /// Scheme, host and port. Default: none, Amazon's of the region.
    pub endpoint: Option<String>,
    /// As signatures name it. Default us-east-1.
    pub region: String,
    /// Before the name of every object, without slashes at its ends. Default: nothing.
    pub prefix: Option<String>,
    /// Who we are to the store.
    pub access_key_id: String,
    /// … and how we show it.
    pub secret_access_key: String,
    /// The bucket is named in the path, not in the host. Default true.
    pub path_style: bool,
    /// The endpoint may be reached without TLS. Default false.
    pub allow_http: bool,
    /// Trust these authorities (PEM), too. Default: those of the system alone.
    pub tls_ca: Option<PathBuf>,
}

/// Without the keys, so that they get into no log.
impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let place = reader.get(&STORE);
        Self { dir: reader.get(&DIR), s3: S3::read(reader, place == Place::S3) }
    }
}

impl S3 {
    /// None where nobody asked for it, or where what it needs was not said.
    fn read(reader: &mut Reader, is_wanted: bool) -> Option<Self> {
        let bucket = reader.get(&BUCKET);
        let (id, secret) = (reader.get(&ACCESS_KEY_ID), reader.get_secret(&SECRET_ACCESS_KEY));
        let (endpoint, allow_http) = (reader.get(&ENDPOINT), reader.get(&ALLOW_HTTP));
        let (region, prefix) = (reader.get(&REGION), reader.get(&PREFIX));
        let (path_style, tls_ca) = (reader.get(&PATH_STYLE), reader.get(&TLS_CA));
        if endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) && !allow_http {
            reader.clash(ENDPOINT.name, "is without TLS, which s3.allow_http does not allow");
        }
        if !is_wanted {
            return None;
        }
        for (needed, is_there) in [
            (BUCKET.name, bucket.is_some()),
            (ACCESS_KEY_ID.name, id.is_some()),
            (SECRET_ACCESS_KEY.name, secret.is_some()),
        ] {
            if !is_there {
                reader.clash(STORE.name, &format!("s3 needs {needed}, which is not set"));
            }
        }
        Some(Self {
            bucket: bucket?,
            endpoint,
            region,
            prefix,
            access_key_id: id?,
            secret_access_key: secret?,
            path_style,
            allow_http,
            tls_ca,
        })
    }
}
