//! A bucket's settings as documents: what the operation that reads one answers, kept as JSON.

use aws_wire::json::{self, Naming};
use aws_wire::{AwsError, Input, Result, Wire as _};
use kv::{Read, Tx};

use crate::Ctx;
use crate::bucket::{self, Bucket};
use crate::keys::SETTINGS;

/// The setting that `I`, the operation that reads it, answers.
pub(crate) fn read<I: Input>(reader: &impl Read, bucket: &Bucket) -> Result<Option<I::Output>> {
    let Some(stored) = SETTINGS.get(reader, &key::<I>(bucket))? else { return Ok(None) };
    let value = json::decode(stored.to_string().as_bytes(), shape::<I>(), Naming::AwsJson);
    let value = value.map_err(|error| AwsError::internal(format!("read a bucket's setting: {error}")))?;
    Ok(value.map(I::Output::from_value))
}

pub(crate) fn write<I: Input>(tx: &mut Tx, bucket: &Bucket, setting: I::Output) -> Result<()> {
    let document = json::to_json(&setting.into_value(), shape::<I>(), None, Naming::AwsJson);
    Ok(SETTINGS.put(tx, &key::<I>(bucket), &document)?)
}

pub(crate) fn remove<I: Input>(tx: &mut Tx, bucket: &Bucket) -> Result<()> {
    Ok(SETTINGS.delete(tx, &key::<I>(bucket))?)
}

fn key<I: Input>(bucket: &Bucket) -> (crate::keys::Id, String) {
    (bucket.id, I::OPERATION.name.to_owned())
}

fn shape<I: Input>() -> &'static aws_wire::schema::Shape {
    I::OPERATION.io.expect("an operation with an input type is served").output
}

/// For an operation that does nothing but read a setting.
///
/// # Errors
/// 404 without the bucket.
pub(crate) async fn get<I: Input>(cx: &Ctx, name: &str, owner: Option<&str>) -> Result<Option<I::Output>> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(cx, &snapshot, name, owner)?;
    read::<I>(&snapshot, &bucket)
}

/// For an operation that does nothing but set one.
///
/// # Errors
/// 404 without the bucket.
pub(crate) async fn put<I: Input>(cx: &Ctx, name: &str, owner: Option<&str>, setting: I::Output) -> Result<()>
where
    I::Output: Clone,
{
    let put = |tx: &mut Tx| {
        let bucket = bucket::find(cx, tx, name, owner)?;
        write::<I>(tx, &bucket, setting.clone())
    };
    cx.kv.transact(put).await
}

/// For an operation that does nothing but remove one.
///
/// # Errors
/// 404 without the bucket.
pub(crate) async fn delete<I: Input>(cx: &Ctx, name: &str, owner: Option<&str>) -> Result<()> {
    let delete = |tx: &mut Tx| {
        let bucket = bucket::find(cx, tx, name, owner)?;
        remove::<I>(tx, &bucket)
    };
    cx.kv.transact(delete).await
}
