//! Where a package comes from: the request itself, or an object in S3.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use bytes::Bytes;
use image::ImageName;

use crate::Ctx;
use crate::function::Code;
use crate::image_code::{self, ImageCode, Overrides};
use crate::objects::ObjectName;

/// The members of a request that say so; those of all three operations are alike.
pub(crate) struct Source {
    pub zip_file: Option<Bytes>,
    pub s3_bucket: Option<String>,
    pub s3_key: Option<String>,
    pub s3_object_version: Option<String>,
    pub s3_object_storage_mode: Option<api::S3ObjectStorageMode>,
}

/// Says the operation and how its members are called, for refusals.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub operation: &'static str,
    /// Before the members' names, such as `Code.`.
    pub within: &'static str,
    /// `function code`, `layer content`
    pub what: &'static str,
}

/// A package as it is asked for, checked as far as can be without reading it.
#[derive(Debug)]
pub(crate) enum Package {
    Zip(Bytes),
    Object(ObjectName),
    Image(ImageName, Overrides),
}

impl Source {
    /// # Errors
    /// 400 without a source or with two; 501 for one that can't be had here.
    pub(crate) fn check(self, cx: &Ctx, asked: Asked) -> Result<Package> {
        let Asked { operation, within, what } = asked;
        let missing = || {
            let message = format!("Please provide a source for {what}.");
            errors::invalid_parameter_value_exception(message)
        };
        if self.s3_object_storage_mode == Some(api::S3ObjectStorageMode::Reference) {
            let parameter = format!("{within}S3ObjectStorageMode REFERENCE");
            return Err(AwsError::parameter_not_implemented(operation, &parameter));
        }
        if let Some(zip_file) = self.zip_file {
            if self.s3_bucket.is_some() || self.s3_key.is_some() || self.s3_object_version.is_some() {
                return Err(errors::invalid_parameter_value_exception(
                    "Please do not provide other FunctionCode parameters when providing a ZipFile.",
                ));
            }
            return Ok(Package::Zip(zip_file));
        }
        if self.s3_bucket.is_none() && self.s3_key.is_none() {
            return Err(missing());
        }
        if cx.state.objects.is_none() {
            return Err(AwsError::parameter_not_implemented(operation, &format!("{within}S3Bucket")));
        }
        let (bucket, key) = self.s3_bucket.zip(self.s3_key).ok_or_else(missing)?;
        Ok(Package::Object(ObjectName { bucket, key, version: self.s3_object_version }))
    }
}

impl Package {
    /// Fetches it if need be, checks it and stores it.
    ///
    /// # Errors
    /// S3's refusal in AWS's frame; those of the package or the image.
    pub(crate) async fn store(self, cx: &Ctx, operation: &str) -> Result<(Code, Option<ImageCode>)> {
        match self {
            Self::Zip(zip) => Ok((cx.state.packages.store(zip).await?, None)),
            Self::Object(name) => Ok((fetch(cx, &name).await?, None)),
            Self::Image(name, overrides) => {
                let images = cx.state.packages.images();
                let (code, image) = image_code::fetch(images, operation, &name, overrides).await?;
                Ok((code, Some(image)))
            }
        }
    }
}

async fn fetch(cx: &Ctx, name: &ObjectName) -> Result<Code> {
    let objects = cx.state.objects.as_ref().expect("checked with the request");
    let object = objects.get(&cx.caller, name).await.map_err(|refused| {
        errors::invalid_parameter_value_exception(format!(
            "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
            refused.code, refused.message
        ))
    })?;
    cx.state.packages.store_streamed(object).await
}
