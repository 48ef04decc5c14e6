//! The service over the wire: raw requests in, answers out, a theme a file.

mod access;
mod control;
mod policies;
mod serving;

use testkit::{Answer, Hook, S3, request};

/// A platform with buckets and distributions.
struct CloudFront {
    s3: S3,
}

impl CloudFront {
    async fn new() -> Self {
        Self { s3: S3::beside(vec![svc_cloudfront::service()]).await }
    }

    /// A request to the API.
    async fn call(&self, method: &str, path: &str, if_match: Option<&str>, body: &str) -> Answer {
        let mut headers = vec![("host", "localhost:4566")];
        headers.extend(if_match.map(|etag| ("if-match", etag)));
        let path = format!("/2020-05-31/{path}");
        self.s3.send(request(method, &path, "cloudfront", &headers, body)).await
    }

    async fn ok(&self, method: &str, path: &str, if_match: Option<&str>, body: &str) -> Answer {
        let answer = self.call(method, path, if_match, body).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        answer
    }

    /// That a request is refused with this status and code.
    async fn refused(
        &self,
        method: &str,
        path: &str,
        if_match: Option<&str>,
        body: &str,
        expected: (u16, &str),
    ) {
        let answer = self.call(method, path, if_match, body).await;
        let code = format!("<Code>{}</Code>", expected.1);
        assert!(
            answer.status == expected.0 && answer.text().contains(&code),
            "{method} {path}: {expected:?}, found {} {}",
            answer.status,
            answer.text()
        );
    }

    /// A distribution with this configuration; its id and its host.
    async fn distribution(&self, config: &str) -> (String, String) {
        let made = self.ok("POST", "distribution", None, config).await;
        (inner(made.text(), "Id"), inner(made.text(), "DomainName"))
    }

    async fn visit(&self, host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("host", host)], headers].concat();
        self.s3.send(request(method, path, "", &headers, "")).await
    }

    async fn get(&self, host: &str, path: &str) -> Answer {
        self.visit(host, "GET", path, &[]).await
    }

    /// What a bucket's policy says.
    async fn policy(&self, bucket: &str, principal: &str, action: &str, resource: &str) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"arn:aws:s3:::{resource}"}}]}}"#
        );
        // A new bucket lets nobody make it public.
        self.s3.ask("DELETE", &format!("/{bucket}?publicAccessBlock"), &[], "").await.is(204, "");
        let set = self.s3.ask("PUT", &format!("/{bucket}?policy"), &[], &policy).await;
        set.is_good();
    }
}

/// The identifier of the managed policy `CachingOptimized`, and of the one that keeps nothing.
const OPTIMIZED: &str = "658327ea-f89d-4fab-a63d-7e88639e58f6";
const DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/// A configuration with this origin, behind which everything is, and these more elements.
fn config(reference: &str, origin: &str, behavior: &str, more: &str) -> String {
    format!(
        "<DistributionConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><CallerReference>{reference}\
         </CallerReference><Origins><Quantity>1</Quantity><Items>{origin}</Items></Origins><DefaultCacheBehavior>\
         <TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>{behavior}\
         </DefaultCacheBehavior><Comment></Comment><Enabled>true</Enabled>{more}</DistributionConfig>"
    )
}

fn cached_by(policy: &str) -> String {
    format!("<CachePolicyId>{policy}</CachePolicyId>")
}

fn server(hook: &Hook) -> String {
    let (host, port) = hook.address.split_once(':').expect("a port");
    format!(
        "<Origin><Id>o</Id><DomainName>{host}</DomainName><CustomOriginConfig><HTTPPort>{port}</HTTPPort><HTTPSPort>443\
         </HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin>"
    )
}

fn bucket(name: &str, identity: &str, control: &str) -> String {
    format!(
        "<Origin><Id>o</Id><DomainName>{name}.s3.us-east-1.amazonaws.com</DomainName><S3OriginConfig>\
         <OriginAccessIdentity>{identity}</OriginAccessIdentity></S3OriginConfig><OriginAccessControlId>{control}\
         </OriginAccessControlId></Origin>"
    )
}

/// The text of the first element of this name.
#[track_caller]
fn inner(xml: &str, element: &str) -> String {
    let found = xml.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.unwrap_or_else(|| panic!("{element} in {xml}")).0.to_owned()
}
