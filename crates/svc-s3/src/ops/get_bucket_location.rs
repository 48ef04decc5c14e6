//! `GetBucketLocation`: one element with the region, or with nothing for the first.

use api_s3::{GetBucketLocationInput, GetBucketLocationOutput};
use aws_wire::Result;

use crate::{Ctx, right};

pub(crate) async fn get_bucket_location(
    cx: Ctx,
    input: GetBucketLocationInput,
) -> Result<GetBucketLocationOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:GetBucketLocation", ""))?;
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                <LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    let document = match bucket.region.as_str() {
        "us-east-1" => format!("{head}/>"),
        region => format!("{head}>{region}</LocationConstraint>"),
    };
    Ok(GetBucketLocationOutput { location_constraint: Some(document) })
}
