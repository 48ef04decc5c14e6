//! S3 alone, and what its tests begin with.

use std::ops::Deref;
use std::sync::Arc;

use blob::{Blobs, DiskBlobs};
use service::Service;
use tempfile::TempDir;

use crate::{Answer, Ground, Wire, request};

/// A platform with nothing but S3; its jobs do not run. Blobs are files in a folder of the test's own.
pub struct S3 {
    wire: Wire,
    pub blobs: Arc<dyn Blobs>,
    _folder: TempDir,
}

impl Deref for S3 {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl S3 {
    /// # Panics
    /// When there is no room for blobs.
    pub async fn new() -> Self {
        Self::beside(Vec::new()).await
    }

    /// With other services on the same platform.
    ///
    /// # Panics
    /// When there is no room for blobs.
    pub async fn beside(mut services: Vec<Service>) -> Self {
        let (ground, folder) = (Ground::new(), tempfile::tempdir().expect("make a folder"));
        let blobs = DiskBlobs::open(folder.path(), ground.env.clone()).await.expect("open blobs");
        let blobs: Arc<dyn Blobs> = Arc::new(blobs);
        let config = svc_s3::Config { blobs: Arc::clone(&blobs) };
        services.push(svc_s3::service(config));
        Self { wire: ground.serve(services), blobs, _folder: folder }
    }

    /// With an empty bucket `b-1`.
    pub async fn with_bucket() -> Self {
        let s3 = Self::new().await;
        s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
        s3
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        self.send(request(method, path, "s3", headers, body)).await
    }

    /// Puts an object into `b-1`; gives its version, empty where there are none.
    pub async fn put(&self, key: &str, body: impl AsRef<[u8]>) -> String {
        let answer = self.ask("PUT", &format!("/b-1/{key}"), &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-amz-version-id").to_owned()
    }

    /// How many blobs there are.
    pub async fn blob_count(&self) -> usize {
        self.blobs.list(None).await.expect("list blobs").len()
    }
}

impl Answer {
    /// What stands in the first element called `name`; empty when there is none.
    pub fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let rest = self.text().split_once(&open).map_or("", |(_, rest)| rest);
        rest.split_once(&close).map_or("", |(text, _)| text)
    }

    /// What stands in every element called `name`.
    pub fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text().split(open.as_str()).skip(1);
        parts.filter_map(|part| part.split_once(close.as_str())).map(|(text, _)| text).collect()
    }

    /// # Panics
    /// When it is no success.
    #[track_caller]
    pub fn is_good(&self) {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
    }

    /// # Panics
    /// When it is not this error of S3's.
    #[track_caller]
    pub fn refuses_as_s3(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.element("Code")), (status, code), "{}", self.text());
        assert!(!self.element("RequestId").is_empty() && !self.element("HostId").is_empty());
    }
}
