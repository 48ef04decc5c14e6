//! Where a package can be downloaded from: presigned, for ten minutes, wherever the client reached us.

use std::time::Duration;

use aws_auth::{Fetch, Presigner};
use service::PACKAGES_PATH;

use crate::Ctx;
use crate::function::Code;

/// As long as AWS's.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// A URL that answers with the package to a plain GET; `None` for a client whose `Host` can't be in one.
pub(crate) fn location(cx: &Ctx, presigner: &Presigner, code: &Code) -> Option<String> {
    let path = format!("{PACKAGES_PATH}{}", code.sha256);
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    presigner.url(&Fetch { host: &cx.host, path: &path, account, region }, cx.env.now(), LIFE)
}
