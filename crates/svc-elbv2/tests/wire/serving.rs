//! Requests to load balancers: events, answers, rules, failures.

use std::time::Duration;

use serde_json::json;
use testkit::request;

use crate::{Elb, action, condition, event, fixed, forward, function, inner};

#[tokio::test]
async fn events_are_as_aws_has_them() {
    let elb = Elb::new().await;
    elb.telling("tell", "headers");
    let (balancer, host) = elb.balancer("web").await;
    let group = elb.group_of("f", "tell").await;
    elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    let headers = [
        ("content-type", "application/json"),
        ("x-one", "1"),
        ("x-one", "2"),
        ("connection", "keep-alive"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
    ];
    let at = format!("{host}:4566");
    let answer = elb.send(&at, "POST", "/a%20b/?x=1&y=%2B&x=2", &headers, "{\"é\":1}").await;
    assert_eq!(answer.header("server"), "awselb/2.0");
    let found = event(&answer);
    let trace = found["headers"]["x-amzn-trace-id"].as_str().expect("one").to_owned();
    assert!(trace.starts_with("Self=1-"), "{trace}");
    let expected = json!({
        "requestContext": { "elb": { "targetGroupArn": group } },
        "httpMethod": "POST",
        "path": "/a%20b/",
        "queryStringParameters": { "x": "2", "y": "%2B" },
        "headers": {
            "content-type": "application/json",
            "host": at,
            "x-amzn-trace-id": trace,
            "x-forwarded-for": "192.0.2.1, 127.0.0.1",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
            "x-one": "2",
        },
        "body": "{\"é\":1}",
        "isBase64Encoded": false,
    });
    assert!(found == expected, "found {found}\nexpected {expected}");
    let plain = event(&elb.visit(&host, "/").await);
    assert_eq!((&plain["body"], &plain["isBase64Encoded"]), (&json!(""), &json!(false)));
    assert_eq!((&plain["queryStringParameters"], &plain["httpMethod"]), (&json!({}), &json!("GET")));
    assert!(plain["headers"]["x-amzn-trace-id"].as_str().expect("one").starts_with("Root=1-"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let form = event(&elb.send(&host, "POST", "/", &form, "a=1").await);
    assert_eq!((&form["body"], &form["isBase64Encoded"]), (&json!("YT0x"), &json!(true)));
}

#[tokio::test]
async fn groups_have_all_values_if_they_want_them() {
    let elb = Elb::new().await;
    elb.telling("tell", "multiValueHeaders");
    let (balancer, host) = elb.balancer("web").await;
    let group = elb.group_of("f", "tell").await;
    elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    // The function answers with what the group does not want yet.
    assert_eq!(elb.visit(&host, "/").await.status, 502);
    let set = "Attributes.member.1.Key=lambda.multi_value_headers.enabled&Attributes.member.1.Value=true";
    elb.ok("ModifyTargetGroupAttributes", format!("TargetGroupArn={group}&{set}")).await;
    let headers = [("cookie", "a=1"), ("cookie", "b=2")];
    let found = event(&elb.send(&host, "GET", "/?x=1&x=2", &headers, "").await);
    assert_eq!(found["multiValueHeaders"]["cookie"], json!(["a=1", "b=2"]));
    assert_eq!(found["multiValueHeaders"]["host"], json!([host]));
    assert_eq!(found["multiValueQueryStringParameters"], json!({ "x": ["1", "2"] }));
    assert!(found.get("headers").is_none() && found.get("queryStringParameters").is_none());
}

#[tokio::test]
async fn what_functions_do_wrong_is_a_bad_gateway() {
    let elb = Elb::new().await;
    let good = r#"{"statusCode":201,"statusDescription":"201 Created","isBase64Encoded":true,"body":"aGk=",
        "headers":{"Content-Type":"text/plain","Server":"own"}}"#;
    elb.answering("good", good);
    elb.answering("wrong", r#"{"body":"x"}"#);
    elb.answering("large", json!({ "statusCode": 200, "body": "x".repeat(1 << 20) }).to_string());
    let (balancer, host) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &fixed("DefaultActions", "default")).await;
    for (at, handler) in ["good", "wrong", "large", "raise", "hang"].into_iter().enumerate() {
        let group = elb.group_of(handler, handler).await;
        let path = condition(1, "path-pattern", &format!("/{handler}"));
        let to = forward("Actions", &group);
        elb.ok("CreateRule", format!("ListenerArn={listener}&Priority={}&{path}&{to}", at + 1)).await;
    }
    let answer = elb.visit(&host, "/good").await;
    answer.is(201, "hi");
    assert_eq!((answer.header("content-type"), answer.header("server")), ("text/plain", "own"));
    for path in ["/wrong", "/large", "/raise"] {
        let answer = elb.visit(&host, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (502, "text/html"), "{path}");
        assert!(answer.text().contains("<h1>502 Bad Gateway</h1>"), "{}", answer.text());
    }
    let set = "Attributes.member.1.Key=idle_timeout.timeout_seconds&Attributes.member.1.Value=1";
    elb.ok("ModifyLoadBalancerAttributes", format!("LoadBalancerArn={balancer}&{set}")).await;
    let hanging = elb.visit(&host, "/hang");
    tokio::pin!(hanging);
    let answer = loop {
        tokio::select! {
            answer = &mut hanging => break answer,
            () = tokio::task::yield_now() => elb.lambda.clock.advance(Duration::from_millis(10)),
        }
    };
    assert_eq!(answer.status, 504);
    // The right to invoke may be taken away again.
    elb.lambda.call("DELETE", "/2015-03-31/functions/good/policy/elb", &json!(null)).await.ok();
    assert_eq!(elb.visit(&host, "/good").await.status, 502);
    let gone = format!(
        "TargetGroupArn={}",
        inner(&elb.ok("DescribeTargetGroups", "Names.member.1=good").await, "TargetGroupArn")
    );
    elb.ok("DeregisterTargets", format!("{gone}&Targets.member.1.Id={}", function("good"))).await;
    let answer = elb.visit(&host, "/good").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("503 Service Temporarily Unavailable"), "{}", answer.text());
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(elb.send(&host, "GET", "/raise", &upgrade, "").await.status, 400);
}

#[tokio::test]
async fn rules_choose_by_priority() {
    let elb = Elb::new().await;
    let (balancer, host) = elb.balancer("web").await;
    let listener = elb.listener(&balancer, 80, &fixed("DefaultActions", "default")).await;
    let rule = |priority: u32, conditions: &str, text: &str| {
        format!("ListenerArn={listener}&Priority={priority}&{conditions}&{}", fixed("Actions", text))
    };
    let config = |number: usize, field: &str, rest: &str| {
        format!("Conditions.member.{number}.Field={field}&Conditions.member.{number}.{rest}")
    };
    let both = format!(
        "{}&{}",
        condition(1, "path-pattern", "/img/*"),
        config(2, "http-request-method", "HttpRequestMethodConfig.Values.member.1=POST")
    );
    let header =
        "HttpHeaderConfig.HttpHeaderName=X-Kind&Conditions.member.1.HttpHeaderConfig.Values.member.1=b?g";
    let query = "QueryStringConfig.Values.member.1.Key=v&Conditions.member.1.QueryStringConfig.Values.member.1.Value=2*";
    for (priority, conditions, text) in [
        (40, condition(1, "path-pattern", "/img/*"), "image"),
        (30, both, "upload"),
        (50, condition(1, "host-header", "*.example.com"), "example"),
        (60, config(1, "http-header", header), "big"),
        (70, config(1, "query-string", query), "second"),
        (80, config(1, "source-ip", "SourceIpConfig.Values.member.1=192.0.2.0/24"), "outside"),
        (90, config(1, "source-ip", "SourceIpConfig.Values.member.1=127.0.0.0/8"), "inside"),
    ] {
        elb.ok("CreateRule", rule(priority, &conditions, text)).await;
    }
    let by_path = |path: &str| format!("/_aws/elb/{}/80{path}", host.split('.').next().expect("a label"));
    elb.visit(&host, "/img/a").await.is(200, "image");
    elb.send(&host, "POST", "/img/a", &[], "").await.is(200, "upload");
    elb.visit("www.Example.com:8080", &by_path("/x")).await.is(200, "example");
    elb.send(&host, "GET", "/", &[("x-kind", "BIG")], "").await.is(200, "big");
    elb.visit(&host, "/?a=1&V=22").await.is(200, "second");
    elb.visit(&host, "/IMG/a").await.is(200, "inside");
    elb.visit("localhost:4566", &by_path("/img/a")).await.is(200, "image");
    let answer = elb.visit("localhost:4566", &by_path("")).await;
    answer.is(200, "inside");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("server"), "awselb/2.0");
    for (at, path) in
        [("none-1.us-east-1.elb.localhost", "/".to_owned()), ("localhost", by_path("").replace("/80", "/81"))]
    {
        let answer = elb.lambda.send(request("GET", &path, "", &[("host", at)], "")).await;
        assert_eq!(answer.status, 404, "{at} {path}");
    }
}

#[tokio::test]
async fn redirects_keep_what_they_do_not_change() {
    let elb = Elb::new().await;
    let (balancer, host) = elb.balancer("web").await;
    let config = [
        ("RedirectConfig.Protocol", "HTTPS"),
        ("RedirectConfig.Port", "443"),
        ("RedirectConfig.Path", "/new/#{path}"),
        ("RedirectConfig.Query", "#{query}%26from=#{port}"),
        ("RedirectConfig.StatusCode", "HTTP_302"),
    ];
    let listener = elb.listener(&balancer, 80, &action("DefaultActions", "redirect", &config)).await;
    let answer = elb.visit(&format!("{host}:4566"), "/a/b?x=1").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), format!("https://{host}:443/new/a/b?x=1&from=4566"));
    let set = |number: usize, name: &str, value: &str| {
        let member = format!("Attributes.member.{number}");
        format!("&{member}.Key=routing.http.response.{name}&{member}.Value={value}")
    };
    let set =
        format!("{}{}", set(1, "server.enabled", "false"), set(2, "x_frame_options.header_value", "DENY"));
    elb.ok("ModifyListenerAttributes", format!("ListenerArn={listener}{set}")).await;
    let answer = elb.visit(&host, "/").await;
    assert_eq!((answer.header("server"), answer.header("x-frame-options")), ("", "DENY"));
}

#[tokio::test]
async fn weights_divide_requests() {
    let elb = Elb::new().await;
    let (balancer, host) = elb.balancer("web").await;
    let mut groups = Vec::new();
    for name in ["one", "two", "never"] {
        elb.answering(name, json!({ "statusCode": 200, "body": name }).to_string());
        groups.push(elb.group_of(name, name).await);
    }
    let weights = |weights: [u32; 3]| {
        let tuples = groups.iter().zip(weights).enumerate().map(|(at, (group, weight))| {
            let name = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{}", at + 1);
            format!("&{name}.TargetGroupArn={group}&{name}.Weight={weight}")
        });
        format!("DefaultActions.member.1.Type=forward{}", tuples.collect::<String>())
    };
    let listener = elb.listener(&balancer, 80, &weights([1, 1, 0])).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        seen.insert(elb.visit(&host, "/").await.text().to_owned());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    elb.ok("ModifyListener", format!("ListenerArn={listener}&{}", weights([0, 0, 0]))).await;
    assert_eq!(elb.visit(&host, "/").await.status, 503);
}

#[tokio::test]
async fn forwarded_addresses_are_appended_kept_or_removed() {
    let elb = Elb::new().await;
    elb.telling("tell", "headers");
    let (balancer, host) = elb.balancer("web").await;
    let group = elb.group_of("f", "tell").await;
    elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    let given = [("x-forwarded-for", "192.0.2.1"), ("x_odd", "1")];
    for (mode, with, without) in [
        ("append", json!("192.0.2.1, 127.0.0.1"), json!("127.0.0.1")),
        ("preserve", json!("192.0.2.1"), json!(null)),
        ("remove", json!(null), json!(null)),
    ] {
        let set = format!(
            "Attributes.member.1.Key=routing.http.xff_header_processing.mode&Attributes.member.1.Value={mode}\
             &Attributes.member.2.Key=routing.http.drop_invalid_header_fields.enabled\
             &Attributes.member.2.Value={}",
            mode == "remove"
        );
        elb.ok("ModifyLoadBalancerAttributes", format!("LoadBalancerArn={balancer}&{set}")).await;
        let found = event(&elb.send(&host, "GET", "/", &given, "").await);
        assert_eq!(found["headers"]["x-forwarded-for"], with, "{mode}");
        assert_eq!(found["headers"]["x_odd"].is_null(), mode == "remove");
        let found = event(&elb.visit(&host, "/").await);
        assert_eq!(found["headers"]["x-forwarded-for"], without, "{mode}");
    }
}

#[tokio::test]
async fn a_function_is_sent_a_megabyte_at_most() {
    let elb = Elb::new().await;
    elb.answering("hello", r#"{"statusCode":200,"body":"hello"}"#);
    let group = elb.group_of("f", "hello").await;
    let (balancer, host) = elb.balancer("web").await;
    elb.listener(&balancer, 80, &forward("DefaultActions", &group)).await;
    for (bytes, status) in [(1 << 20, 200), ((1 << 20) + 1, 413)] {
        assert_eq!(elb.send(&host, "POST", "/", &[], &"x".repeat(bytes)).await.status, status, "{bytes}");
    }
}
