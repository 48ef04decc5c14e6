//! Policies over the wire: of one's own, and those of everybody.

use testkit::Hook;

use crate::{CloudFront, OPTIMIZED, cached_by, config, inner, server};

fn cache_policy(name: &str, ttls: [u64; 3]) -> String {
    format!(
        "<CachePolicyConfig><Name>{name}</Name><MinTTL>{}</MinTTL><DefaultTTL>{}</DefaultTTL><MaxTTL>{}</MaxTTL>\
         </CachePolicyConfig>",
        ttls[0], ttls[1], ttls[2]
    )
}

#[tokio::test]
async fn cache_policies_have_names_and_uses() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let made = front.ok("POST", "cache-policy", None, &cache_policy("own", [0, 1, 2])).await;
    let (id, etag) = (inner(made.text(), "Id"), made.header("etag").to_owned());
    front
        .refused(
            "POST",
            "cache-policy",
            None,
            &cache_policy("own", [0, 1, 2]),
            (409, "CachePolicyAlreadyExists"),
        )
        .await;
    front
        .refused("POST", "cache-policy", None, &cache_policy("b", [2, 1, 0]), (400, "InvalidTTLOrder"))
        .await;
    front
        .refused("POST", "cache-policy", None, &cache_policy("a b", [0, 1, 2]), (400, "InvalidArgument"))
        .await;
    let (distribution, _) = front.distribution(&config("r", &server(&hook), &cached_by(&id), "")).await;
    let path = format!("cache-policy/{id}");
    front.refused("DELETE", &path, Some(&etag), "", (409, "CachePolicyInUse")).await;
    let using = front.ok("GET", &format!("distributionsByCachePolicyId/{id}"), None, "").await;
    assert_eq!(inner(using.text(), "DistributionId"), distribution);
    let changed = front.ok("PUT", &path, Some(&etag), &cache_policy("renamed", [0, 1, 2])).await;
    assert_ne!(changed.header("etag"), etag);
    let shown = front.ok("GET", &format!("{path}/config"), None, "").await;
    assert_eq!(inner(shown.text(), "Name"), "renamed");
    front.refused("DELETE", &path, Some(&etag), "", (412, "PreconditionFailed")).await;
    front.refused("GET", "cache-policy/x", None, "", (404, "NoSuchCachePolicy")).await;
}

#[tokio::test]
async fn managed_policies_are_everybodys() {
    let front = CloudFront::new().await;
    for (path, id, name) in [
        ("cache-policy", OPTIMIZED, "Managed-CachingOptimized"),
        ("origin-request-policy", "216adef6-5c7f-47e4-b989-5492eafa07d3", "Managed-AllViewer"),
        ("response-headers-policy", "67f7725c-6f97-4210-82d7-5512b31e9d03", "Managed-SecurityHeadersPolicy"),
    ] {
        let found = front.ok("GET", &format!("{path}/{id}"), None, "").await;
        assert_eq!(inner(found.text(), "Name"), name);
        let etag = found.header("etag").to_owned();
        front.refused("DELETE", &format!("{path}/{id}"), Some(&etag), "", (400, "IllegalUpdate")).await;
        let list = front.ok("GET", &format!("{path}?Type=managed"), None, "").await;
        assert!(list.text().contains(name));
        let own = front.ok("GET", &format!("{path}?Type=custom"), None, "").await;
        assert_eq!(inner(own.text(), "Quantity"), "0");
    }
}

#[tokio::test]
async fn the_other_policies_are_made_and_deleted() {
    let front = CloudFront::new().await;
    let asked = "<OriginRequestPolicyConfig><Name>n</Name><HeadersConfig><HeaderBehavior>none</HeaderBehavior>\
                 </HeadersConfig><CookiesConfig><CookieBehavior>all</CookieBehavior></CookiesConfig>\
                 <QueryStringsConfig><QueryStringBehavior>whitelist</QueryStringBehavior></QueryStringsConfig>\
                 </OriginRequestPolicyConfig>";
    front.refused("POST", "origin-request-policy", None, asked, (400, "InvalidArgument")).await;
    let good = asked.replace("whitelist", "all");
    let made = front.ok("POST", "origin-request-policy", None, &good).await;
    let path = format!("origin-request-policy/{}", inner(made.text(), "Id"));
    front
        .refused("POST", "origin-request-policy", None, &good, (409, "OriginRequestPolicyAlreadyExists"))
        .await;
    front.ok("PUT", &path, Some(made.header("etag")), &good.replace(">n<", ">m<")).await;
    let now = front.ok("GET", &path, None, "").await;
    front.ok("DELETE", &path, Some(now.header("etag")), "").await;
    front.refused("GET", &path, None, "", (404, "NoSuchOriginRequestPolicy")).await;

    let timing = "<ResponseHeadersPolicyConfig><Name>n</Name><ServerTimingHeadersConfig><Enabled>true</Enabled>\
                  </ServerTimingHeadersConfig></ResponseHeadersPolicyConfig>";
    front.refused("POST", "response-headers-policy", None, timing, (501, "NotImplementedException")).await;
    let good = timing.replace("true", "false");
    let made = front.ok("POST", "response-headers-policy", None, &good).await;
    let path = format!("response-headers-policy/{}", inner(made.text(), "Id"));
    front.ok("DELETE", &path, Some(made.header("etag")), "").await;
    front.refused("GET", &path, None, "", (404, "NoSuchResponseHeadersPolicy")).await;
}
