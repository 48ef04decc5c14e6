//! Listeners and rules: creating, listing, changing, ordering and deleting them.

use crate::{Elb, action, condition, fixed, forward, inner, listening};

#[tokio::test]
async fn a_listener_is_created_once_changed_and_deleted() {
    let elb = Elb::new().await;
    let (balancer, _) = elb.balancer("web").await;
    let group = elb.group("g").await;
    let arn = elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    assert_eq!(elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await, arn);
    let other = listening(&balancer, 80, &fixed("DefaultActions", "x"));
    elb.refused("CreateListener", &other, "DuplicateListener", "already exists on this port").await;
    for query in [format!("LoadBalancerArn={balancer}"), format!("ListenerArns.member.1={arn}")] {
        let shown = elb.ok("DescribeListeners", query).await;
        for part in [
            format!("<ListenerArn>{arn}</ListenerArn>"),
            "<Port>80</Port><Protocol>HTTP</Protocol>".to_owned(),
            format!("<Type>forward</Type><TargetGroupArn>{group}</TargetGroupArn>"),
            format!("<member><TargetGroupArn>{group}</TargetGroupArn><Weight>1</Weight></member>"),
        ] {
            assert!(shown.contains(&part), "{part} in {shown}");
        }
    }
    let of = format!("ListenerArn={arn}");
    let changed = elb.ok("ModifyListener", format!("{of}&Port=81&{}", fixed("DefaultActions", "x"))).await;
    assert!(changed.contains("<Port>81</Port>") && changed.contains("fixed-response"), "{changed}");
    elb.listener(&balancer, 80, &fixed("DefaultActions", "x")).await;
    elb.refused("ModifyListener", &format!("{of}&Port=80"), "DuplicateListener", "already exists").await;
    let set = format!("{of}&Attributes.member.1.Key=routing.http.response.server.enabled");
    elb.ok("ModifyListenerAttributes", format!("{set}&Attributes.member.1.Value=false")).await;
    let shown = elb.ok("DescribeListenerAttributes", of.clone()).await;
    assert!(shown.contains("<Key>routing.http.response.server.enabled</Key><Value>false</Value>"), "{shown}");
    elb.ok("DeleteListener", of.clone()).await;
    elb.refused("DeleteListener", &of, "ListenerNotFound", "not found").await;
    let neither = "You must specify either listener ARNs or a load balancer ARN";
    elb.refused("DescribeListeners", "", "ValidationError", neither).await;
}

#[tokio::test]
async fn listeners_that_make_no_sense_are_refused() {
    let elb = Elb::new().await;
    let (balancer, _) = elb.balancer("web").await;
    let (group, text) = (elb.group("g").await, fixed("DefaultActions", "x"));
    let of = format!("LoadBalancerArn={balancer}");
    let redirect = |config: &[(&str, &str)]| {
        let config = config.iter().map(|(name, value)| (format!("RedirectConfig.{name}"), *value));
        let config = config.collect::<Vec<_>>();
        let config = config.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>();
        listening(&balancer, 80, &action("DefaultActions", "redirect", &config))
    };
    let groups = |weights: &[&str]| {
        let groups = weights.iter().enumerate().map(|(at, weight)| {
            let name = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{}", at + 1);
            format!("&{name}.TargetGroupArn={group}&{name}.Weight={weight}")
        });
        listening(
            &balancer,
            80,
            &format!("DefaultActions.member.1.Type=forward{}", groups.collect::<String>()),
        )
    };
    let sticky = "&DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled=true";
    let status = |status: &str| {
        listening(
            &balancer,
            80,
            &action("DefaultActions", "fixed-response", &[("FixedResponseConfig.StatusCode", status)]),
        )
    };
    let kind = listening(
        &balancer,
        80,
        &format!("{text}&DefaultActions.member.1.FixedResponseConfig.ContentType=x"),
    );
    for (parameters, code, message) in [
        (format!("{of}&Port=80&{text}"), "ValidationError", "protocol must be specified"),
        (format!("{of}&Protocol=HTTP&{text}"), "ValidationError", "port must be specified"),
        (format!("{of}&Protocol=HTTP&Port=0&{text}"), "ValidationError", "'port' failed to satisfy"),
        (format!("{of}&Protocol=HTTPS&Port=443&{text}"), "NotImplementedException", "Protocol HTTPS"),
        (format!("{of}&Protocol=TCP&Port=80&{text}"), "UnsupportedProtocol", "'TCP'"),
        (listening(&balancer, 80, &format!("{text}&SslPolicy=x")), "NotImplementedException", "SslPolicy"),
        (listening(&format!("{balancer}x"), 80, &text), "LoadBalancerNotFound", "not found"),
        (
            listening(&balancer, 80, &forward("DefaultActions", &format!("{group}x"))),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            listening(&balancer, 80, "DefaultActions.member.1.Type=forward"),
            "ValidationError",
            "target group ARN",
        ),
        (
            listening(&balancer, 80, "DefaultActions.member.1.Type=authenticate-oidc"),
            "NotImplementedException",
            "authenticate-oidc",
        ),
        (listening(&balancer, 80, "DefaultActions.member.1.Type=x"), "ValidationError", "failed to satisfy"),
        (
            listening(&balancer, 80, &format!("{text}&DefaultActions.member.2.Type=forward")),
            "InvalidLoadBalancerAction",
            "exactly one",
        ),
        (groups(&["1", "2"]), "ValidationError", "only once"),
        (groups(&["1000"]), "ValidationError", "Weight must be between '0' and '999'"),
        (format!("{}{sticky}", groups(&["1"])), "NotImplementedException", "TargetGroupStickinessConfig"),
        (status("100"), "ValidationError", "failed to satisfy"),
        (kind, "InvalidLoadBalancerAction", "ContentType"),
        (redirect(&[("StatusCode", "HTTP_301")]), "InvalidLoadBalancerAction", "creates a loop"),
        (redirect(&[("StatusCode", "HTTP_301"), ("Port", "0")]), "ValidationError", "port '0'"),
        (redirect(&[("StatusCode", "HTTP_301"), ("Path", "x")]), "ValidationError", "begin with '/'"),
    ] {
        elb.refused("CreateListener", &parameters, code, message).await;
    }
    assert!(!elb.ok("DescribeListeners", of).await.contains("<ListenerArn>"));
}

#[tokio::test]
async fn rules_are_created_changed_ordered_and_deleted() {
    let elb = Elb::new().await;
    let (balancer, _) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &fixed("DefaultActions", "default")).await;
    let of = format!("ListenerArn={listener}");
    let rule = |priority: u32, path: &str| {
        format!("{of}&Priority={priority}&{}&{}", condition(1, "path-pattern", path), fixed("Actions", path))
    };
    let late = inner(&elb.ok("CreateRule", rule(20, "/late")).await, "RuleArn");
    let early = inner(&elb.ok("CreateRule", rule(10, "/early")).await, "RuleArn");
    elb.refused("CreateRule", &rule(10, "/x"), "PriorityInUse", "Priority '10' is currently in use").await;
    elb.refused("CreateRule", &rule(0, "/x"), "ValidationError", "failed to satisfy").await;
    let without = format!("{of}&Priority=5&{}", fixed("Actions", "x"));
    elb.refused("CreateRule", &without, "ValidationError", "onditions").await;
    let transforms = format!("{}&Transforms.member.1.Type=url-rewrite", rule(5, "/x"));
    elb.refused("CreateRule", &transforms, "NotImplementedException", "Transforms").await;

    let shown = elb.ok("DescribeRules", of.clone()).await;
    let priorities = shown.split("<Priority>").skip(1).map(|rest| rest.split('<').next().expect("it ends"));
    assert_eq!(priorities.collect::<Vec<_>>(), ["10", "20", "default"]);
    assert!(shown.contains("<PathPatternConfig><Values><member>/early</member></Values>"), "{shown}");
    let one = elb.ok("DescribeRules", format!("RuleArns.member.1={late}")).await;
    assert!(one.contains("/late") && !one.contains("/early"), "{one}");
    let first = elb.ok("DescribeRules", format!("{of}&PageSize=2")).await;
    let rest =
        elb.ok("DescribeRules", format!("{of}&PageSize=2&Marker={}", inner(&first, "NextMarker"))).await;
    assert!(!first.contains("<IsDefault>true") && rest.contains("<IsDefault>true"), "{rest}");

    let host = condition(1, "host-header", "*.example.com");
    let changed = elb.ok("ModifyRule", format!("RuleArn={early}&{host}")).await;
    assert!(changed.contains("<Field>host-header</Field>") && changed.contains("/early"), "{changed}");
    let nothing = format!("RuleArn={early}");
    elb.refused("ModifyRule", &nothing, "ValidationError", "Either conditions or actions").await;

    let pair = |number: usize, arn: &str, priority: u32| {
        let name = format!("RulePriorities.member.{number}");
        format!("{name}.RuleArn={arn}&{name}.Priority={priority}")
    };
    elb.refused("SetRulePriorities", &pair(1, &late, 10), "PriorityInUse", "'10'").await;
    let twice = format!("{}&{}", pair(1, &late, 7), pair(2, &early, 7));
    elb.refused("SetRulePriorities", &twice, "ValidationError", "provided multiple times").await;
    let swapped = format!("{}&{}", pair(1, &late, 10), pair(2, &early, 20));
    let shown = elb.ok("SetRulePriorities", swapped).await;
    assert!(shown.find("/late") < shown.find("/early"), "{shown}");

    let default_rule = inner(&rest, "RuleArn");
    let default_rule = format!("RuleArn={default_rule}");
    elb.refused("DeleteRule", &default_rule, "OperationNotPermitted", "cannot be deleted").await;
    let change = format!("{default_rule}&{}", fixed("Actions", "x"));
    elb.refused("ModifyRule", &change, "OperationNotPermitted", "cannot be modified").await;
    elb.ok("DeleteRule", format!("RuleArn={late}")).await;
    elb.refused("DeleteRule", &format!("RuleArn={late}"), "RuleNotFound", "not found").await;
    assert!(!elb.ok("DescribeRules", of).await.contains("/late"));
}
