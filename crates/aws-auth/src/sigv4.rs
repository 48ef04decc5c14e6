//! The signature that a request should carry, computed by AWS's own signer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::{self, sign_chunk, sign_trailer};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::http::Headers;
use aws_wire::Request;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use subtle::ConstantTimeEq as _;

use crate::claim::{Claim, SIGNATURE_PARAMETER, decode};
use crate::keys::Secret;

/// What S3 leaves as it is in a path.
const S3_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// How a path enters the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathForm {
    /// Dot segments and doubled slashes removed, then encoded once more.
    Normalized,
    /// Encoded once more, otherwise as it came.
    #[cfg(test)]
    Doubled,
    /// S3's: a key may hold dots and slashes as it likes, and is encoded once.
    Single,
}

/// A secret key at work: on one day, in one region, for one service.
pub(crate) struct Signing {
    identity: Identity,
    region: String,
    service: String,
    at: SystemTime,
}

impl Signing {
    /// `None` when the claim's date lies outside the machine's time.
    pub(crate) fn new(claim: &Claim, secret: &Secret) -> Option<Self> {
        // The session token, where there is one, travels as an ordinary header or parameter of the request.
        let credentials =
            Credentials::new(&claim.scope.access_key_id, secret.reveal(), None, None, "aws-auth");
        Some(Self {
            identity: credentials.into(),
            region: claim.scope.region.clone(),
            service: claim.scope.service.clone(),
            at: UNIX_EPOCH.checked_add(Duration::from_secs(claim.at.as_secs().try_into().ok()?))?,
        })
    }

    /// The signature over exactly what `claim` says is signed; `None` when no signer could make one.
    pub(crate) fn of_request(
        &self,
        request: &Request,
        claim: &Claim,
        payload_hash: &str,
        path_form: PathForm,
    ) -> Option<String> {
        let names = &claim.signed_headers;
        let is_signed = |name: &str| names.iter().any(|signed| signed == name);
        // The signer takes the names from the headers, sorted: a list that says otherwise is not what it signs.
        if !names.is_sorted_by(|a, b| a < b) || !names.iter().all(|name| request.headers.contains_key(name)) {
            return None;
        }
        // A presigned URL is verified in the same way: all its parameters but the signature are an ordinary query.
        // The signer adds `x-amz-date` by itself, unless told to leave it out.
        let mut settings = SigningSettings::default();
        settings.excluded_headers = (!is_signed("x-amz-date")).then(|| vec!["x-amz-date".into()]);
        (settings.percent_encoding_mode, settings.uri_path_normalization_mode) = match path_form {
            PathForm::Normalized => (PercentEncodingMode::Double, UriPathNormalizationMode::Enabled),
            #[cfg(test)]
            PathForm::Doubled => (PercentEncodingMode::Double, UriPathNormalizationMode::Disabled),
            PathForm::Single => (PercentEncodingMode::Single, UriPathNormalizationMode::Disabled),
        };
        let mut headers = Vec::with_capacity(names.len());
        for (name, value) in &request.headers {
            if is_signed(name.as_str()) && name != "x-amz-date" {
                headers.push((name.as_str(), value.to_str().ok()?));
            }
        }
        let body = SignableBody::Precomputed(payload_hash.to_owned());
        // The signer takes the host from the URI where the header is absent; ours is always there, the claim saw to that.
        let uri = uri(request, path_form);
        let signable = SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), body).ok()?;
        let params = self.params(settings).into();
        Some(sign(signable, &params).ok()?.into_parts().1)
    }

    pub(crate) fn of_chunk(&self, previous: &str, chunk: &Bytes) -> Option<String> {
        Some(sign_chunk(chunk, previous, &self.params(())).ok()?.into_parts().1)
    }

    /// The signature over the policy of a browser's form.
    pub(crate) fn of_policy(&self, secret: &Secret, policy: &str) -> String {
        let key = v4::generate_signing_key(secret.reveal(), self.at, &self.region, &self.service);
        v4::calculate_signature(key, policy.as_bytes())
    }

    pub(crate) fn of_trailer(&self, previous: &str, trailer: &[(String, String)]) -> Option<String> {
        let mut headers = Headers::new();
        for (name, value) in trailer {
            headers.try_append(name.clone(), value.clone()).ok()?;
        }
        Some(sign_trailer(&headers, previous, &self.params(())).ok()?.into_parts().1)
    }

    fn params<S: Default>(&self, settings: S) -> v4::SigningParams<'_, S> {
        v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(&self.service)
            .time(self.at)
            .settings(settings)
            .build()
            .expect("all five are set")
    }
}

/// Path and query as they are signed.
fn uri(request: &Request, path_form: PathForm) -> String {
    let mut uri = if path_form == PathForm::Single {
        // Clients differ in which letters of a key they encode on the way, but not in which they sign.
        percent_encode(&percent_decode_str(&request.path).collect::<Vec<_>>(), S3_PATH).to_string()
    } else {
        request.path.clone()
    };
    let is_signature =
        |field: &&str| decode(field.split_once('=').map_or(field, |(name, _)| name)) == SIGNATURE_PARAMETER;
    let fields = request.query.split('&').filter(|field| !is_signature(field)).collect::<Vec<_>>();
    uri.push('?');
    uri.push_str(&fields.join("&"));
    uri
}

/// Compares two signatures in a time that tells nothing of where they differ.
pub(crate) fn is_same(expected: &str, claimed: &str) -> bool {
    expected.as_bytes().ct_eq(claimed.as_bytes()).into()
}
