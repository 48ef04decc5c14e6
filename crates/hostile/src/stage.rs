//! A platform with all services, on which something is there to be asked for.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use aws_wire::Request;
use blob::{Blobs, DiskBlobs};
use serde_json::{Value as Json, json};
use testkit::{Answer, Ground, Lambda, dynamo_table, request};
use tokio::runtime::Runtime;

/// Inputs that one platform serves: what they store stays little.
const INPUTS_MAX: u32 = 256;
/// Whoever has no answer after this waits by the clock, which then goes on.
const PATIENCE: Duration = Duration::from_millis(5);
const STRETCH: Duration = Duration::from_secs(10);
/// No operation waits for more stretches.
const STRETCHES_MAX: u32 = 5000;

pub(crate) struct Stage {
    // Before the runtime, in which its tasks end.
    lambda: Lambda,
    _folder: tempfile::TempDir,
    inputs: u32,
}

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Runs something on the platform.
pub(crate) fn with<T>(act: impl AsyncFnOnce(&Stage) -> T) -> T {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let known = STAGE.with(|stage| stage.borrow_mut().take());
            let mut stage = match known.filter(|stage| stage.inputs < INPUTS_MAX) {
                Some(stage) => stage,
                None => Stage::new().await,
            };
            stage.inputs += 1;
            let done = act(&stage).await;
            // Not after a panic: nobody knows what that left.
            STAGE.with(|kept| *kept.borrow_mut() = Some(stage));
            done
        })
    })
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let blobs = DiskBlobs::open(folder.path(), Ground::new().env).await.expect("blobs can be opened");
        let blobs: Arc<dyn Blobs> = Arc::new(blobs);
        let mut services = vec![
            svc_apigateway::service(Arc::default()),
            svc_events::service(),
            svc_kinesis::service(svc_kinesis::Config::default()),
            svc_s3::service(svc_s3::Config { blobs }),
            svc_scheduler::service(),
            svc_sns::service(),
            svc_sqs::service(),
            svc_sts::service(),
            svc_xray::service(None),
        ];
        services.extend(svc_apigatewayv2::services(Arc::default()));
        services.extend(svc_dynamodb::services(svc_dynamodb::Config::default()));
        services.extend(svc_ses::services(svc_ses::Config::default()));
        let stage =
            Self { lambda: Lambda::beside(|options| options, services).await, _folder: folder, inputs: 0 };
        stage.furnish().await;
        stage
    }

    /// Makes what requests name: a table, a queue, a topic, a stream, a bucket, a log group, an identity.
    async fn furnish(&self) {
        let wire = &self.lambda.wire;
        wire.json("DynamoDB", "CreateTable", &dynamo_table("tab", "h:S", Some("r:N"))).await.ok();
        wire.until("an active table", || async {
            let named = json!({ "TableName": "tab" });
            wire.json("DynamoDB", "DescribeTable", &named).await.ok()["Table"]["TableStatus"] == "ACTIVE"
        })
        .await;
        let item = json!({
            "h": { "S": "a" }, "r": { "N": "1" }, "n": { "N": "5" }, "s": { "S": "text" }, "b": { "B": "AQID" },
            "l": { "L": [{ "N": "1" }, { "M": { "k": { "S": "deep" } } }] }, "m": { "M": { "k": { "N": "7" } } },
            "ss": { "SS": ["a", "b"] }, "ns": { "NS": ["1", "2"] }, "t": { "BOOL": true }, "z": { "NULL": true },
        });
        wire.json("DynamoDB", "PutItem", &json!({ "TableName": "tab", "Item": item })).await.ok();
        wire.json("sqs", "CreateQueue", &json!({ "QueueName": "q" })).await.ok();
        wire.form("sns", "Action=CreateTopic&Version=2010-03-31&Name=t").await.is_good();
        wire.json("kinesis", "CreateStream", &json!({ "StreamName": "s", "ShardCount": 1 })).await.is_good();
        wire.send(request("PUT", "/b-1", "s3", &[], "")).await.is_good();
        wire.send(request("PUT", "/b-1/key", "s3", &[], "body")).await.is_good();
        wire.json("logs", "CreateLogGroup", &json!({ "logGroupName": "g" })).await.is_good();
        let named = json!({ "logGroupName": "g", "logStreamName": "s" });
        wire.json("logs", "CreateLogStream", &named).await.is_good();
        let texts = ["one two [three] \"four five\" 6 <7>", r#"{"a":{"b":[1,"x"]},"c":null}"#];
        let events = texts.map(|text| json!({ "timestamp": wire.env.now().as_millis(), "message": text }));
        let put = json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
        wire.json("logs", "PutLogEvents", &put).await.is_good();
        let form = "Action=VerifyEmailIdentity&Version=2010-12-01&EmailAddress=a%40example.com";
        wire.form("ses", form).await.is_good();
    }

    /// An operation of a service that speaks awsJson.
    pub(crate) async fn json(&self, service: &str, operation: &str, body: &Json) -> Answer {
        let content_type = "application/x-amz-json-1.1";
        let headers = self.target(service, operation, content_type).expect("a service that has it");
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
        let (name, _) = self.api(service).expect("a service that runs");
        self.send(request("POST", "/", name, &headers, body.to_string())).await
    }

    fn api(&self, service: &str) -> Option<(&'static str, Option<&'static str>)> {
        let apis = self.lambda.wire.platform.apis();
        let api = apis.iter().find(|api| [api.name, api.id].contains(&service))?;
        Some((api.name, api.target_prefix))
    }

    /// The headers by which an operation is named; `None` where it can't be.
    pub(crate) fn target(
        &self,
        service: &str,
        operation: &str,
        content_type: &str,
    ) -> Option<[(&'static str, String); 2]> {
        let (_, prefix) = self.api(service)?;
        Some([
            ("content-type", content_type.to_owned()),
            ("x-amz-target", format!("{}.{operation}", prefix?)),
        ])
    }

    /// # Panics
    /// When the platform says that it failed, or never answers.
    pub(crate) async fn send(&self, asked: Request) -> Answer {
        let wire = &self.lambda.wire;
        let shown = format!("{} {}?{}", asked.method, asked.path, asked.query);
        let answering = async {
            let response = wire.gateway.answer(asked).await;
            let body = response.body.collect().await.unwrap_or_default();
            Answer { status: response.status, headers: response.headers, body }
        };
        tokio::pin!(answering);
        for _ in 0..STRETCHES_MAX {
            if let Ok(answer) = tokio::time::timeout(PATIENCE, &mut answering).await {
                let failed = [500, 502].contains(&answer.status);
                assert!(!failed, "{shown}: {} {:?}", answer.status, answer.body);
                return answer;
            }
            wire.clock.advance(STRETCH);
        }
        panic!("{shown} is never answered")
    }
}
