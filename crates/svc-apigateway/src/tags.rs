//! Tags, and the ARNs of what has some: APIs, stages, keys, plans and domains.

use std::collections::BTreeMap;

use aws_wire::Result;

use crate::Ctx;
use crate::keys::RootKey;
use crate::refusal::bad_request;

/// What a tag's ARN names.
pub(crate) enum Tagged {
    Api(RootKey),
    Stage(RootKey, String),
    Key(RootKey),
    Plan(RootKey),
    Domain(RootKey),
}

impl Tagged {
    /// # Errors
    /// 400 for what is no ARN of ours.
    pub(crate) fn parse(cx: &Ctx, arn: &str) -> Result<Self> {
        let invalid = || bad_request(format!("Invalid ARN specified in the request: {arn}"));
        let rest = arn.strip_prefix("arn:aws:apigateway:").ok_or_else(invalid)?;
        let (region, path) = rest.split_once("::/").ok_or_else(invalid)?;
        let key = |id: &str| (cx.caller.account.to_string(), region.to_owned(), id.to_owned());
        match path.split('/').collect::<Vec<_>>()[..] {
            ["restapis", id] => Ok(Self::Api(key(id))),
            ["restapis", id, "stages", stage] => Ok(Self::Stage(key(id), stage.to_owned())),
            ["apikeys", id] => Ok(Self::Key(key(id))),
            ["usageplans", id] => Ok(Self::Plan(key(id))),
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
