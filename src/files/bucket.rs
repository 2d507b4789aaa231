//! A bucket of a store that speaks S3.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Certificate, ClientOptions, HeaderValue, ObjectStore, RetryConfig};

use crate::config::S3;

/// What the server calls itself.
const USER_AGENT: &str = concat!("Switchboard/", env!("CARGO_PKG_VERSION"));
/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for an object to go, and for each piece of one to come. There is no limit to the whole: readers may be slow.
const SILENCE: Duration = Duration::from_secs(60);
/// Attempts after the first one, and how late the last one may begin: somebody waits for the answer.
const RETRIES: usize = 3;
const RETRY: Duration = Duration::from_secs(10);

/// The bucket as a store. Nothing is asked of it yet. The authorities (PEM) are trusted beside the system's.
pub(super) fn open(s3: &S3, authorities: Option<&[u8]>) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let mut client = ClientOptions::new()
        .with_user_agent(HeaderValue::from_static(USER_AGENT))
        .with_allow_http(s3.allow_http)
        .with_connect_timeout(CONNECT)
        .with_timeout_disabled()
        .with_read_timeout(SILENCE);
    if let Some(pem) = authorities {
        let authorities = Certificate::from_pem_bundle(pem)?;
        if authorities.is_empty() {
            let source = "there is no certificate among the authorities to trust (PEM)".into();
            return Err(object_store::Error::Generic { store: "S3", source });
        }
        for authority in authorities {
            client = client.with_root_certificate(authority);
        }
    }
    let mut builder = AmazonS3Builder::new()
        .with_client_options(client)
        .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRY, ..RetryConfig::default() })
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_access_key_id(&s3.access_key_id)
        .with_secret_access_key(&s3.secret_access_key)
        .with_virtual_hosted_style_request(!s3.path_style)
        // Not every store that speaks S3 deletes many at once.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(host_of(s3, endpoint));
    }
    let store = builder.build()?;
    Ok(match &s3.prefix {
        Some(prefix) => Arc::new(PrefixStore::new(store, Path::from(prefix.as_str()))),
        None => Arc::new(store),
    })
}

/// Where requests go: the store's own host, or one of the bucket's there.
fn host_of(s3: &S3, endpoint: &str) -> String {
    match s3.path_style {
        true => endpoint.to_owned(),
        false => endpoint.replacen("://", &format!("://{}.", s3.bucket), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_in_the_path_or_in_the_host() {
        let bucket = |path_style| S3 {
            bucket: "uploads".to_owned(),
            endpoint: None,
            region: "eu".to_owned(),
            prefix: None,
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".to_owned(),
            path_style,
            allow_http: false,
            tls_ca: None,
        };
        let endpoint = "https://s3.example:9000";
        assert_eq!(host_of(&bucket(true), endpoint), endpoint);
        assert_eq!(host_of(&bucket(false), endpoint), "https://uploads.s3.example:9000");
    }
}
