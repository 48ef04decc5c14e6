//! Load balancers and target groups: creating, listing, changing, tagging, deleting them.

use crate::{Elb, SUBNETS, fixed, forward, function, inner};

const ARNS: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000";

#[tokio::test]
async fn a_load_balancer_is_created_once_described_and_deleted() {
    let elb = Elb::new().await;
    let (arn, host) = elb.balancer("web").await;
    assert!(arn.starts_with(&format!("{ARNS}:loadbalancer/app/web/")), "{arn}");
    assert!(host.starts_with("web-") && host.ends_with(".us-east-1.elb.localhost"), "{host}");
    assert_eq!(elb.balancer("web").await, (arn.clone(), host));
    let other = format!("Name=web&{SUBNETS}&Scheme=internal");
    elb.refused("CreateLoadBalancer", &other, "DuplicateLoadBalancerName", "'web' exists").await;
    for query in ["", "Names.member.1=web", &format!("LoadBalancerArns.member.1={arn}")] {
        let shown = elb.ok("DescribeLoadBalancers", query).await;
        for part in [
            format!("<LoadBalancerArn>{arn}</LoadBalancerArn>"),
            "<State><Code>active</Code></State>".to_owned(),
            "<Type>application</Type>".to_owned(),
            "<Scheme>internet-facing</Scheme>".to_owned(),
            "<SubnetId>subnet-1</SubnetId>".to_owned(),
            "<CreatedTime>2026-11-23T10:11:12.345Z</CreatedTime>".to_owned(),
        ] {
            assert!(shown.contains(&part), "{part} in {shown}");
        }
    }
    for _ in 0..2 {
        elb.ok("DeleteLoadBalancer", format!("LoadBalancerArn={arn}")).await;
    }
    let gone = format!("LoadBalancerArns.member.1={arn}");
    elb.refused("DescribeLoadBalancers", &gone, "LoadBalancerNotFound", "not found").await;
    // A name that is used again is another's.
    let (again, _) = elb.balancer("web").await;
    assert_ne!(again, arn);
    elb.refused("DescribeLoadBalancers", &gone, "LoadBalancerNotFound", "not found").await;
    let internal = elb.ok("CreateLoadBalancer", format!("Name=i&{SUBNETS}&Scheme=internal")).await;
    assert!(inner(&internal, "DNSName").starts_with("internal-i-"), "{internal}");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let elb = Elb::new().await;
    for name in ["b", "a", "c"] {
        elb.balancer(name).await;
    }
    let first = elb.ok("DescribeLoadBalancers", "PageSize=2").await;
    assert!(first.contains("<LoadBalancerName>a<") && !first.contains("<LoadBalancerName>c<"), "{first}");
    let marker = inner(&first, "NextMarker");
    let second = elb.ok("DescribeLoadBalancers", format!("PageSize=2&Marker={marker}")).await;
    assert!(second.contains("<LoadBalancerName>c<") && !second.contains("<NextMarker>"), "{second}");
    elb.refused("DescribeLoadBalancers", "Marker=!", "ValidationError", "Marker '!' is not valid").await;
}

#[tokio::test]
async fn load_balancers_that_make_no_sense_are_refused() {
    let elb = Elb::new().await;
    let create = "CreateLoadBalancer";
    for (parameters, code, message) in [
        (format!("Name=-a&{SUBNETS}"), "ValidationError", "cannot begin or end with a hyphen"),
        (format!("Name=a_b&{SUBNETS}"), "ValidationError", "can only contain"),
        (format!("Name={}&{SUBNETS}", "x".repeat(33)), "ValidationError", "cannot be longer than '32'"),
        (format!("Name=internal-a&{SUBNETS}"), "ValidationError", "cannot begin with 'internal-'"),
        ("Name=a".to_owned(), "ValidationError", "At least two subnets"),
        ("Name=a&Subnets.member.1=subnet-1".to_owned(), "ValidationError", "At least two subnets"),
        ("Name=a&Subnets.member.1=x".to_owned(), "SubnetNotFound", "'x' does not exist"),
        (format!("Name=a&{SUBNETS}&SecurityGroups.member.1=x"), "InvalidSecurityGroup", "'x'"),
        (format!("Name=a&{SUBNETS}&Type=network"), "NotImplementedException", "Type network"),
        (format!("Name=a&{SUBNETS}&Type=gateway"), "NotImplementedException", "Type gateway"),
        (format!("Name=a&{SUBNETS}&IpAddressType=dualstack"), "NotImplementedException", "IpAddressType"),
        (format!("Name=a&{SUBNETS}&Scheme=public"), "ValidationError", "'scheme' failed to satisfy"),
    ] {
        elb.refused(create, &parameters, code, message).await;
    }
    assert!(!elb.ok("DescribeLoadBalancers", "").await.contains("<LoadBalancerArn>"));
}

#[tokio::test]
async fn attributes_and_networks_change() {
    let elb = Elb::new().await;
    let (arn, _) = elb.balancer("web").await;
    let of = format!("LoadBalancerArn={arn}");
    let set = |key: &str, value: &str| {
        format!("{of}&Attributes.member.1.Key={key}&Attributes.member.1.Value={value}")
    };
    let shown = elb.ok("ModifyLoadBalancerAttributes", set("deletion_protection.enabled", "true")).await;
    let protected = "<Key>deletion_protection.enabled</Key><Value>true</Value>";
    assert!(shown.contains(protected), "{shown}");
    let shown = elb.ok("DescribeLoadBalancerAttributes", of.clone()).await;
    assert!(shown.contains(protected), "{shown}");
    assert!(shown.contains("<Key>idle_timeout.timeout_seconds</Key><Value>60</Value>"), "{shown}");
    elb.refused("DeleteLoadBalancer", &of, "OperationNotPermitted", "deletion protection").await;
    let modify = "ModifyLoadBalancerAttributes";
    elb.refused(modify, &set("x", "1"), "ValidationError", "'x' is not recognized").await;
    elb.refused(modify, &set("idle_timeout.timeout_seconds", "0"), "ValidationError", "between").await;
    elb.refused(modify, &set("access_logs.s3.enabled", "true"), "NotImplementedException", "access_logs")
        .await;

    let moved = "Subnets.member.1=subnet-3&Subnets.member.2=subnet-4";
    let shown = elb.ok("SetSubnets", format!("{of}&{moved}")).await;
    assert!(shown.contains("<SubnetId>subnet-3</SubnetId>"), "{shown}");
    elb.ok("SetSecurityGroups", format!("{of}&SecurityGroups.member.1=sg-1")).await;
    elb.ok("SetIpAddressType", format!("{of}&IpAddressType=ipv4")).await;
    let dual = format!("{of}&IpAddressType=dualstack");
    elb.refused("SetIpAddressType", &dual, "NotImplementedException", "IpAddressType").await;
    let shown = elb.ok("DescribeLoadBalancers", "").await;
    assert!(shown.contains("subnet-4") && shown.contains("<member>sg-1</member>"), "{shown}");
    let reserved = elb.ok("DescribeCapacityReservation", of.clone()).await;
    assert!(!reserved.contains("<CapacityUnits>"), "{reserved}");
    elb.refused("ModifyCapacityReservation", &of, "NotImplementedException", "ModifyCapacityReservation")
        .await;
    let limits = elb.ok("DescribeAccountLimits", "").await;
    assert!(limits.contains("<Name>target-groups</Name><Max>3000</Max>"), "{limits}");
}

#[tokio::test]
async fn target_groups_are_created_changed_and_deleted() {
    let elb = Elb::new().await;
    let arn = elb.group("g").await;
    assert!(arn.starts_with(&format!("{ARNS}:targetgroup/g/")), "{arn}");
    assert_eq!(elb.group("g").await, arn);
    let of = format!("TargetGroupArn={arn}");
    let other = "Name=g&TargetType=lambda&HealthCheckEnabled=true";
    elb.refused("CreateTargetGroup", other, "DuplicateTargetGroupName", "'g' exists").await;
    let checks = "HealthCheckEnabled=true&HealthCheckIntervalSeconds=10&HealthCheckTimeoutSeconds=5&HealthCheckPath=/h\
                  &Matcher.HttpCode=200-299";
    elb.ok("ModifyTargetGroup", format!("{of}&{checks}")).await;
    for query in ["", "Names.member.1=g", &format!("TargetGroupArns.member.1={arn}")] {
        let shown = elb.ok("DescribeTargetGroups", query).await;
        for part in [
            "<TargetType>lambda</TargetType>",
            "<HealthCheckEnabled>true</HealthCheckEnabled>",
            "<HealthCheckPath>/h</HealthCheckPath>",
            "<Matcher><HttpCode>200-299</HttpCode></Matcher>",
            "<LoadBalancerArns></LoadBalancerArns>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
    let short = format!("{of}&HealthCheckIntervalSeconds=5");
    elb.refused("ModifyTargetGroup", &short, "ValidationError", "greater than the timeout").await;
    elb.refused("ModifyTargetGroup", &format!("{of}&HealthCheckPort=80"), "ValidationError", "port").await;
    let multi = format!("{of}&Attributes.member.1.Key=lambda.multi_value_headers.enabled");
    elb.ok("ModifyTargetGroupAttributes", format!("{multi}&Attributes.member.1.Value=true")).await;
    let shown = elb.ok("DescribeTargetGroupAttributes", of.clone()).await;
    assert!(shown.contains("<Key>lambda.multi_value_headers.enabled</Key><Value>true</Value>"), "{shown}");
    let no = format!("{of}&Attributes.member.1.Key=stickiness.enabled&Attributes.member.1.Value=true");
    elb.refused("ModifyTargetGroupAttributes", &no, "ValidationError", "not recognized").await;
    for (parameters, code, message) in [
        ("Name=x", "NotImplementedException", "TargetType instance"),
        ("Name=x&TargetType=alb", "NotImplementedException", "TargetType alb"),
        ("Name=x&TargetType=ip", "ValidationError", "A protocol must be specified"),
        ("Name=x&TargetType=ip&Protocol=HTTP", "ValidationError", "A port must be specified"),
        ("Name=x&TargetType=ip&Protocol=HTTP&Port=80", "ValidationError", "A VPC ID must be specified"),
        ("Name=x&TargetType=ip&Protocol=HTTPS", "NotImplementedException", "Protocol HTTPS"),
        (
            "Name=x&TargetType=ip&Protocol=HTTP&Port=80&VpcId=v&ProtocolVersion=HTTP2",
            "NotImplementedException",
            "ProtocolVersion HTTP2",
        ),
        (
            "Name=x&TargetType=ip&Protocol=HTTP&Port=80&VpcId=v&HealthCheckPort=x",
            "ValidationError",
            "Health check port 'x'",
        ),
        ("Name=x&TargetType=lambda&Port=80", "ValidationError", "A port cannot be specified"),
        ("Name=x&TargetType=lambda&Protocol=HTTP", "ValidationError", "A protocol cannot be specified"),
        ("Name=x&TargetType=lambda&VpcId=vpc-1", "ValidationError", "A VPC ID cannot be specified"),
        ("Name=x-&TargetType=lambda", "ValidationError", "hyphen"),
    ] {
        elb.refused("CreateTargetGroup", parameters, code, message).await;
    }

    let (balancer, _) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &forward("DefaultActions", &arn)).await;
    elb.refused("DeleteTargetGroup", &of, "ResourceInUse", "currently in use").await;
    let shown = elb.ok("DescribeTargetGroups", format!("LoadBalancerArn={balancer}")).await;
    assert!(shown.contains(&format!("<member>{balancer}</member>")), "{shown}");
    let (second, _) = elb.balancer("second").await;
    let taken = crate::listening(&second, 80, &forward("DefaultActions", &arn));
    elb.refused("CreateListener", &taken, "TargetGroupAssociationLimit", &arn).await;
    elb.ok("DeleteListener", format!("ListenerArn={listener}")).await;
    for _ in 0..2 {
        elb.ok("DeleteTargetGroup", of.clone()).await;
    }
    elb.refused("DescribeTargetGroupAttributes", &of, "TargetGroupNotFound", "not found").await;
}

#[tokio::test]
async fn functions_are_registered_if_they_let_the_group_in() {
    let elb = Elb::new().await;
    let arn = elb.group("g").await;
    let of = format!("TargetGroupArn={arn}");
    let register = |id: &str| format!("{of}&Targets.member.1.Id={id}");
    elb.lambda.function("f", "echo").await;
    elb.lambda.function("h", "echo").await;
    let denied = format!(
        "elasticloadbalancing principal does not have permission to invoke {} from target group {arn}",
        function("f")
    );
    elb.refused("RegisterTargets", &register(&function("f")), "AccessDenied", &denied).await;
    elb.permit("f", &arn).await;
    elb.permit("h", &arn).await;
    elb.ok("RegisterTargets", register(&function("f"))).await;
    elb.ok("RegisterTargets", register(&function("f"))).await;
    elb.refused("RegisterTargets", &register(&function("h")), "TooManyTargets", "only one target").await;
    for id in ["i-1", "10.0.0.1", "arn:aws:lambda:eu-west-1:000000000000:function:f"] {
        elb.refused("RegisterTargets", &register(id), "InvalidTarget", id).await;
    }
    elb.refused("RegisterTargets", &register(&function("none")), "InvalidTarget", "does not exist").await;
    let shown = elb.ok("DescribeTargetHealth", of.clone()).await;
    assert!(shown.contains(&format!("<Id>{}</Id>", function("f"))), "{shown}");
    assert!(shown.contains("<State>unused</State><Reason>Target.NotInUse</Reason>"), "{shown}");
    let asked = elb.ok("DescribeTargetHealth", register(&function("h"))).await;
    assert!(asked.contains("<Reason>Target.NotRegistered</Reason>"), "{asked}");
    for _ in 0..2 {
        elb.ok("DeregisterTargets", register(&function("f"))).await;
    }
    assert!(!elb.ok("DescribeTargetHealth", of.clone()).await.contains("<Id>"));
    elb.ok("RegisterTargets", register(&function("h"))).await;
}

#[tokio::test]
async fn everything_has_tags() {
    let elb = Elb::new().await;
    let (balancer, _) = elb.balancer("web").await;
    let group = elb.group("g").await;
    let listener = elb.listener(&balancer, 80, &fixed("DefaultActions", "x")).await;
    let rules = elb.ok("DescribeRules", format!("ListenerArn={listener}")).await;
    let default_rule = inner(&rules, "RuleArn");
    let rule = format!(
        "ListenerArn={listener}&Priority=1&{}&{}",
        crate::condition(1, "path-pattern", "/a"),
        fixed("Actions", "a")
    );
    let rule = inner(&elb.ok("CreateRule", rule).await, "RuleArn");
    for arn in [&balancer, &group, &listener, &rule, &default_rule] {
        let of = format!("ResourceArns.member.1={arn}");
        let two = "Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b";
        elb.ok("AddTags", format!("{of}&{two}")).await;
        elb.ok("RemoveTags", format!("{of}&TagKeys.member.1=b")).await;
        let shown = elb.ok("DescribeTags", of.clone()).await;
        assert!(shown.contains(&format!("<ResourceArn>{arn}</ResourceArn>")), "{shown}");
        assert!(shown.contains("<Tags><member><Key>a</Key><Value>1</Value></member></Tags>"), "{shown}");
        let twice = format!("{of}&Tags.member.1.Key=a&Tags.member.2.Key=a");
        elb.refused("AddTags", &twice, "DuplicateTagKeys", "'a'").await;
        let own = format!("{of}&Tags.member.1.Key=aws:x");
        elb.refused("AddTags", &own, "ValidationError", "cannot begin with 'aws:'").await;
        let many = (1..=50).map(|n| format!("&Tags.member.{n}.Key=k{n}")).collect::<String>();
        elb.refused("AddTags", &format!("{of}{many}"), "TooManyTags", "50").await;
    }
    let gone = format!("ResourceArns.member.1={listener}x");
    elb.refused("DescribeTags", &gone, "ListenerNotFound", "not found").await;
    elb.refused("DescribeTags", "ResourceArns.member.1=x", "ValidationError", "'x' is not").await;
}
