//! `RestoreObject`: a copy of an archived object, which can be read while it is kept.

use api_s3::{RestoreObjectInput, RestoreObjectOutput, Tier};
use aws_wire::{AwsError, Result};
use kv::Tx;

use crate::object::Draw;
use crate::{Ctx, bucket, errors, notify, object, restore};

pub(crate) async fn restore_object(cx: Ctx, input: RestoreObjectInput) -> Result<RestoreObjectOutput> {
    let asked = input.restore_request.ok_or_else(errors::malformed_xml)?;
    let unserved = [
        ("Type SELECT", asked.r#type.is_some()),
        ("SelectParameters", asked.select_parameters.is_some()),
        ("OutputLocation", asked.output_location.is_some()),
    ];
    if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("RestoreObject", parameter));
    }
    let days = asked.days.filter(|days| *days > 0).ok_or_else(errors::malformed_xml)?;
    let tier = asked.tier.or(asked.glacier_job_parameters.map(|job| job.tier)).unwrap_or(Tier::Standard);
    let owner = input.expected_bucket_owner.as_deref();
    let draw = Draw::new(&cx);
    let begin = |tx: &mut Tx| {
        let bucket = bucket::find(&cx, tx, &input.bucket, owner)?;
        let mut object = object::find(tx, &bucket, &input.key, input.version_id.as_deref(), "POST")?;
        let was_there = restore::begin(&mut object, days, tier, draw.now)?;
        object::rewrite(tx, &bucket, &input.key, &object)?;
        restore::remind(tx, &bucket, &input.key, &object)?;
        if !was_there {
            notify::note(tx, &cx, &bucket, "ObjectRestore:Post", (&input.key, &object), draw)?;
        }
        Ok::<_, AwsError>(was_there)
    };
    let was_there = cx.kv.transact(begin).await?;
    Ok(RestoreObjectOutput {
        status_code: Some(if was_there { 200 } else { 202 }),
        ..RestoreObjectOutput::default()
    })
}
