//! A store of objects in memory, with buckets, keys and versions, that answers as S3 does.

use std::collections::HashMap;
use std::io::Cursor;

use blob::BoxFuture;
use service::Caller;
use svc_lambda::{Object, ObjectName, ObjectRefused};

/// Buckets with what was put into them.
#[derive(Default)]
pub struct Objects {
    buckets: HashMap<String, Bucket>,
}

struct Bucket {
    /// Who may read it.
    account: String,
    /// Every version of an object's bytes, the latest last; they are numbered from 1.
    objects: HashMap<String, Vec<Vec<u8>>>,
}

impl Objects {
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an object into a bucket of that account's; the version's id.
    pub fn put(&mut self, account: &str, bucket: &str, key: &str, bytes: Vec<u8>) -> String {
        let bucket = self
            .buckets
            .entry(bucket.to_owned())
            .or_insert_with(|| Bucket { account: account.to_owned(), objects: HashMap::new() });
        let versions = bucket.objects.entry(key.to_owned()).or_default();
        versions.push(bytes);
        versions.len().to_string()
    }

    fn find(&self, caller: &Caller, name: &ObjectName) -> Result<Vec<u8>, ObjectRefused> {
        let refuse =
            |code: &str, message: &str| ObjectRefused { code: code.to_owned(), message: message.to_owned() };
        let bucket = self.buckets.get(&name.bucket);
        let bucket = bucket.ok_or_else(|| refuse("NoSuchBucket", "The specified bucket does not exist"))?;
        if *bucket.account != *caller.account {
            return Err(refuse("AccessDenied", "Access Denied"));
        }
        let versions = bucket.objects.get(&name.key);
        let versions = versions.ok_or_else(|| refuse("NoSuchKey", "The specified key does not exist."))?;
        let number = match &name.version {
            Some(version) => version.parse::<usize>().ok().and_then(|number| number.checked_sub(1)),
            None => versions.len().checked_sub(1),
        };
        let found = number.and_then(|number| versions.get(number));
        found.cloned().ok_or_else(|| refuse("NoSuchVersion", "The specified version does not exist."))
    }
}

impl svc_lambda::Objects for Objects {
    fn get<'a>(
        &'a self,
        caller: &'a Caller,
        name: &'a ObjectName,
    ) -> BoxFuture<'a, Result<Object, ObjectRefused>> {
        let found = self.find(caller, name).map(|bytes| Box::pin(Cursor::new(bytes)) as Object);
        Box::pin(std::future::ready(found))
    }
}
