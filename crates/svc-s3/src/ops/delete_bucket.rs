//! `DeleteBucket`: only an empty one. Its uploads in parts go with it.

use api_s3::DeleteBucketInput;
use aws_wire::Result;
use kv::{Span, Tx};

use crate::keys::{BUCKETS, BUCKETS_OF, SETTINGS, UPLOADS};
use crate::{Ctx, bucket, errors, upload};

pub(crate) async fn delete_bucket(cx: Ctx, input: DeleteBucketInput) -> Result<()> {
    let delete = |tx: &mut Tx| {
        let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if !bucket::is_empty(tx, &bucket)? {
            let message = "The bucket you tried to delete is not empty";
            return Err(errors::other(409, "BucketNotEmpty", message).with("BucketName", bucket.name));
        }
        for ((_, key, name), upload) in UPLOADS.all(tx, &Span::prefix(&(bucket.id,)))? {
            upload::end(tx, &bucket, &key, &name, &upload)?;
        }
        SETTINGS.delete_all(tx, &Span::prefix(&(bucket.id,)))?;
        BUCKETS_OF.delete(tx, &(bucket.account.clone(), bucket.name.clone()))?;
        Ok(BUCKETS.delete(tx, &bucket.name)?)
    };
    cx.kv.transact(delete).await
}
