//! Tags, and the ARNs of what has some: APIs, stages and domains.

use std::collections::BTreeMap;

use aws_wire::Result;

use crate::Ctx;
use crate::keys::ApiKey;
use crate::refusal::bad_request;

/// What a tag's ARN names.
pub(crate) enum Tagged {
    Api(ApiKey),
    Stage(ApiKey, String),
    Domain(ApiKey),
}

impl Tagged {
    /// # Errors
    /// 400 for what is no ARN of ours.
    pub(crate) fn parse(cx: &Ctx, arn: &str) -> Result<Self> {
        let invalid = || bad_request(format!("Invalid ARN specified: {arn}"));
        let rest = arn.strip_prefix("arn:aws:apigateway:").ok_or_else(invalid)?;
        let (region, path) = rest.split_once("::/").ok_or_else(invalid)?;
        let key = |id: &str| (cx.caller.account.to_string(), region.to_owned(), id.to_owned());
        match path.split('/').collect::<Vec<_>>()[..] {
            ["apis", id] => Ok(Self::Api(key(id))),
            ["apis", id, "stages", stage] => Ok(Self::Stage(key(id), stage.to_owned())),
            ["domainnames", name] => Ok(Self::Domain(key(name))),
            _ => Err(invalid()),
        }
    }
}

/// # Errors
/// 400 for too many tags and for keys that are none.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<()> {
    execute_api::tags::check(tags).map_err(bad_request)
}
