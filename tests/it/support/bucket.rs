//! A node whose uploaded files lie in a bucket of a server that speaks S3.

use tokio::sync::OnceCell;

use super::node::TestNode;
use super::prepare::Plan;

#[path = "../../support/s3.rs"]
mod s3;

pub(crate) use s3::{ACCESS_KEY_ID, BUCKET, S3Server, SECRET_ACCESS_KEY};

/// Both of them.
pub(crate) struct NodeWithBucket {
    pub(crate) node: TestNode,
    pub(crate) s3: S3Server,
}

/// The one that tests share. Each works in a license of its own.
pub(crate) async fn shared_with_bucket() -> &'static NodeWithBucket {
    static NODE: OnceCell<NodeWithBucket> = OnceCell::const_new();
    NODE.get_or_init(|| NodeWithBucket::with(&[], Plan { licenses: 16, ..Plan::default() })).await
}

impl NodeWithBucket {
    /// With these settings (dotted keys) besides, and these licenses.
    pub(crate) async fn with(settings: &[(&str, &str)], plan: Plan) -> Self {
        let both = Self::unlaunched(settings, plan).await;
        both.node.launch().await;
        both
    }

    /// The node does not run yet.
    pub(crate) async fn unlaunched(settings: &[(&str, &str)], plan: Plan) -> Self {
        let mut node = TestNode::unlaunched_with(settings, plan).await;
        let s3 = S3Server::start(&node.data_dir().with_file_name("s3"), None);
        for (key, value) in [
            ("file.store", "s3"),
            ("s3.bucket", BUCKET),
            ("s3.endpoint", &s3.endpoint()),
            ("s3.allow_http", "true"),
            ("s3.access_key_id", ACCESS_KEY_ID),
            ("s3.secret_access_key", SECRET_ACCESS_KEY),
        ] {
            node.set(key, value);
        }
        Self { node, s3 }
    }
}
