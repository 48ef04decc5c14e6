//! Traces of invocations, over the wire: who is sampled, what the function is told, and what X-Ray keeps.

use serde_json::{Value, json};
use testkit::{Lambda, Runtime};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// A platform with X-Ray, where the handler `traced` answers the trace that it was told.
async fn traced(more: Value) -> Lambda {
    let lambda = Lambda::beside(|options| options, vec![svc_xray::service(None)]).await;
    lambda.sandboxes.on("traced", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            let trace = json!(work.reply.header("lambda-runtime-trace-id")).to_string();
            runtime.respond(&work.id, trace.as_bytes()).await;
        }
    });
    let mut body = Lambda::creation_with("f", more);
    body["Handler"] = json!("traced");
    lambda.create(&body).await.ok();
    lambda.settled("f").await;
    lambda
}

async fn told(lambda: &Lambda, header: Option<&str>) -> String {
    let headers = header.map(|header| ("x-amzn-trace-id", header));
    lambda.invoke_with("f", headers.as_slice(), "{}").await.json().as_str().expect("text").to_owned()
}

fn field<'a>(header: &'a str, name: &str) -> &'a str {
    let fields = header.split(';').filter_map(|field| field.split_once('='));
    fields.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_default()
}

/// A trace's documents, once there are so many.
async fn documents(lambda: &Lambda, root: &str, count: usize) -> Vec<Value> {
    let get = async || {
        let found = lambda.rest("POST", "/Traces", "xray", &json!({ "TraceIds": [root] })).await.ok();
        let segments = found["Traces"][0]["Segments"].as_array().cloned().unwrap_or_default();
        segments
            .iter()
            .map(|segment| serde_json::from_str(segment["Document"].as_str().expect("text")).expect("JSON"))
            .collect::<Vec<Value>>()
    };
    lambda.wire.until("segments", async || get().await.len() == count).await;
    get().await
}

#[tokio::test]
async fn a_caller_who_samples_is_followed_and_one_who_does_not_is_not() {
    let lambda = traced(json!({})).await;
    let header = told(&lambda, Some(&format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"))).await;
    assert_eq!((field(&header, "Root"), field(&header, "Sampled")), (ROOT, "1"));
    let documents = documents(&lambda, ROOT, 2).await;
    let [request, function] = documents.as_slice() else { panic!("{documents:?}") };
    let (request, function) =
        if request["origin"] == "AWS::Lambda" { (request, function) } else { (function, request) };
    assert_eq!(request["parent_id"], "53995c3f42cd8ad8");
    assert_eq!(
        (&function["parent_id"], &function["origin"]),
        (&request["id"], &json!("AWS::Lambda::Function"))
    );
    assert_eq!(function["id"], field(&header, "Parent"));
    let names = function["subsegments"].as_array().expect("a list").iter().map(|part| part["name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), [Some("Initialization"), Some("Invocation"), Some("Overhead")]);
    for header in [format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"), format!("Root={ROOT}")] {
        assert_eq!(field(&told(&lambda, Some(&header)).await, "Sampled"), "0", "{header}");
    }
    assert_eq!(field(&told(&lambda, None).await, "Sampled"), "0");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_of_too() {
    let lambda = traced(json!({})).await;
    let none = json!({ "ReservedConcurrentExecutions": 0 });
    lambda.call("PUT", "/2017-10-31/functions/f/concurrency", &none).await.ok();
    let header = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
    let answer = lambda.invoke_with("f", &[("x-amzn-trace-id", &header)], "{}").await;
    assert_eq!(answer.status, 429);
    let [request] = &documents(&lambda, ROOT, 1).await[..] else { panic!("one segment") };
    assert_eq!((&request["throttle"], &request["origin"]), (&json!(true), &json!("AWS::Lambda")));
    assert_eq!(
        (&request["http"]["response"]["status"], &request["parent_id"]),
        (&json!(429), &json!("53995c3f42cd8ad8"))
    );
}

#[tokio::test]
async fn an_active_function_samples_the_first_of_each_second() {
    let lambda = traced(json!({ "TracingConfig": { "Mode": "Active" } })).await;
    assert_eq!(lambda.configuration("f").await["TracingConfig"]["Mode"], "Active");
    let first = told(&lambda, None).await;
    assert_eq!(field(&first, "Sampled"), "1");
    let documents = documents(&lambda, field(&first, "Root"), 2).await;
    assert!(documents.iter().all(|document| document.get("fault").is_none()));
    assert!(documents.iter().any(|document| document.get("parent_id").is_none()), "nobody called");
    // Who says so is not sampled, whatever the function's mode.
    assert_eq!(field(&told(&lambda, Some(&format!("Root={ROOT};Sampled=0"))).await, "Sampled"), "0");
    let change = json!({ "TracingConfig": { "Mode": "PassThrough" } });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &change).await.ok();
    lambda.settled("f").await;
    assert_eq!(field(&told(&lambda, None).await, "Sampled"), "0");
}

#[tokio::test]
async fn what_a_function_sends_to_its_daemon_is_kept() {
    let lambda = traced(json!({})).await;
    told(&lambda, Some(&format!("Root={ROOT};Sampled=1"))).await;
    let daemon = lambda.sandboxes.daemon().expect("it listens");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let document = json!({
        "name": "inner", "id": "70de5b6f19ff9a0a", "trace_id": ROOT, "type": "subsegment",
        "parent_id": "53995c3f42cd8ad8", "start_time": 1.0, "end_time": 2.0,
    });
    for datagram in ["nonsense".to_owned(), format!("{{\"format\":\"json\",\"version\":1}}\n{document}")] {
        socket.send_to(datagram.as_bytes(), daemon).expect("sent");
    }
    let documents = documents(&lambda, ROOT, 3).await;
    assert!(documents.contains(&document), "{documents:?}");
}
