//! The signature of a browser's upload: over the policy that its form carries, in fields of the form.

use aws_wire::{AwsError, Result};
use env::Timestamp;

use crate::claim::{Carrier, Claim};
use crate::refusal::Refusal;
use crate::sigv4::{Signing, is_same};
use crate::{Authenticator, DEFAULT_REGION, Identity, Mode, Rules, Scope, identity, root};

/// The fields of a form that sign it.
pub struct SignedForm<'a> {
    /// Base64, as it came.
    pub policy: &'a str,
    pub credential: &'a str,
    pub date: &'a str,
    pub signature: &'a str,
    pub session_token: Option<&'a str>,
}

impl Authenticator {
    /// Who signed `form`; without one, who sends unsigned forms.
    ///
    /// # Errors
    /// S3's errors for a signature that is missing or not the key's.
    pub async fn authenticate_form(&self, form: Option<SignedForm<'_>>, now: Timestamp) -> Result<Identity> {
        let rules = Rules::of("s3");
        let refuse = |refusal: Refusal| refusal.into_error(true);
        let Some(form) = form else {
            return if self.mode == Mode::Open {
                Ok(identity(root(), DEFAULT_REGION.into()))
            } else {
                Err(refuse(Refusal::Missing))
            };
        };
        if form.credential.is_empty() && self.mode == Mode::Open {
            // Signed in the older way, or not at all; here nobody asks.
            return Ok(identity(root(), DEFAULT_REGION.into()));
        }
        let malformed = || {
            AwsError::common(
                "AuthorizationQueryParametersError",
                400,
                "Error parsing the X-Amz-Credential parameter",
            )
        };
        let (scope, terminator) = Scope::split(form.credential).ok_or_else(malformed)?;
        if self.mode == Mode::Open {
            let session = form.session_token.and_then(|token| self.sessions.open(token));
            let key = session.map_or_else(root, |session| session.key);
            return Ok(identity(key, scope.region.into()));
        }
        let claim = Claim {
            scope,
            terminator,
            signed_headers: Vec::new(),
            signature: form.signature.to_owned(),
            at: crate::claim::read_date(form.date)
                .map_err(|message| refuse(Refusal::QueryParameter(message)))?,
            session_token: form.session_token.map(str::to_owned),
            carrier: Carrier::Query { expires: None },
        };
        claim.check_scope("s3").map_err(refuse)?;
        let key = self.key(&claim, rules, now).await?;
        let signing =
            Signing::new(&claim, &key.secret_access_key).ok_or_else(|| refuse(Refusal::Mismatch))?;
        if !is_same(&signing.of_policy(&key.secret_access_key, form.policy), form.signature) {
            return Err(refuse(Refusal::Mismatch));
        }
        Ok(identity(key, claim.scope.region.into()))
    }
}
