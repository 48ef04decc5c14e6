//! What the stops of the tour have in common: functions and what belongs to them, and a voice.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value as Json, json};

use crate::client::{DYNAMODB, LOGS, SQS};
use crate::function::{DEFAULT_ROLE, parse, settle};
use crate::invoke::{Called, call};
use crate::{Client, Error, package};

/// Whatever the tour makes begins so.
const PREFIX: &str = "tour-";
/// Between two looks at something that is on its way.
const POLL: Duration = Duration::from_millis(50);
const POLLS_MAX: usize = 1200;

pub(super) struct Guide {
    pub client: Client,
    account: String,
    json: bool,
    stop: u8,
}

impl Guide {
    /// # Errors
    /// When the platform can't be reached.
    pub(super) async fn new(mut client: Client, json: bool) -> Result<Self, Error> {
        let query = "/?Action=GetCallerIdentity&Version=2011-06-15";
        let answer = client.visit("sts", "GetCallerIdentity", Method::GET, query, "").await?;
        let text = String::from_utf8_lossy(&answer.body);
        let account = text.split_once("<Account>").and_then(|(_, rest)| rest.split('<').next());
        let account = account.unwrap_or("000000000000").to_owned();
        Ok(Self { client, account, json, stop: 0 })
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    pub(super) fn arrive(&mut self, stop: u8, title: &str) {
        self.stop = stop;
        if !self.json {
            say!("\n{stop} of 6  {title}");
        }
    }

    /// What is about to be shown.
    pub(super) fn tell(&self, text: &str) {
        if !self.json {
            say!("\n  {text}");
        }
    }

    /// Something seen: for scripts under `name`, for people in words.
    pub(super) fn saw(&self, name: &str, value: impl Into<Json>, words: &str) {
        if self.json {
            say!("{}", json!({ "stop": self.stop, "saw": name, "value": value.into() }));
        } else {
            say!("      {words}");
        }
    }

    /// A Python function of one file, made or made anew. `settings` are CreateFunction's.
    pub(super) async fn function(&mut self, name: &str, code: &str, settings: Json) -> Result<(), Error> {
        self.packed(name, &package::stored(&[("lambda_function.py", code.as_bytes())])?, settings).await
    }

    pub(super) async fn packed(&mut self, name: &str, zip: &[u8], settings: Json) -> Result<(), Error> {
        let mut body = json!({
            "FunctionName": name, "Runtime": "python3.13", "Handler": "lambda_function.lambda_handler",
            "Role": DEFAULT_ROLE, "Timeout": 30, "Code": { "ZipFile": BASE64.encode(zip) },
        });
        for (setting, value) in settings.as_object().into_iter().flatten() {
            body[setting] = value.clone();
        }
        self.lambda("CreateFunction", Method::POST, "/2015-03-31/functions", body).await?;
        settle(&mut self.client, name).await.map(|_| ())
    }

    pub(super) async fn lambda(
        &mut self,
        operation: &'static str,
        method: Method,
        path: &str,
        body: Json,
    ) -> Result<Json, Error> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.lambda(operation, method, path, &[], body).await?;
        if answer.body.is_empty() { Ok(Json::Null) } else { parse(&answer.body) }
    }

    /// A call that has to succeed.
    pub(super) async fn call(&mut self, name: &str, event: &Json) -> Result<Called, Error> {
        let called = self.attempt(name, event).await?;
        if !called.failed {
            return Ok(called);
        }
        let why = called.json()["errorMessage"].as_str().unwrap_or_default().to_owned();
        let hint = if why.contains("No module named 'boto3'") {
            "; fetch it once with: lambent runtimes install boto3"
        } else {
            ""
        };
        Err(Error::Said(format!("{name} failed: {why}{hint}")))
    }

    /// A call that may fail.
    pub(super) async fn attempt(&mut self, name: &str, event: &Json) -> Result<Called, Error> {
        call(&mut self.client, name, event.to_string()).await
    }

    /// An asynchronous call: answered before the function has run.
    pub(super) async fn send(&mut self, name: &str, event: &Json) -> Result<u16, Error> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let headers = [("x-amz-invocation-type", "Event")];
        let answer = self.client.lambda("Invoke", Method::POST, &path, &headers, event.to_string()).await?;
        Ok(answer.status.as_u16())
    }

    /// Waits until `text` stands in a function's log, and gives the line.
    pub(super) async fn logged(&mut self, name: &str, text: &str) -> Result<String, Error> {
        let input =
            json!({ "logGroupName": format!("/aws/lambda/{name}"), "filterPattern": format!("\"{text}\"") });
        for _ in 0..POLLS_MAX {
            match self.client.json(LOGS, "FilterLogEvents", &input).await {
                Ok(page) => {
                    if let Some(line) = page["events"][0]["message"].as_str() {
                        return Ok(line.trim_end().to_owned());
                    }
                }
                Err(error) if error.is_code("ResourceNotFoundException") => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::Said(format!("{name} does not log {text}")))
    }

    /// Waits until a published version's provisioned environments are ready.
    pub(super) async fn provisioned(&mut self, name: &str, version: &str) -> Result<(), Error> {
        let path = format!("/2019-09-30/functions/{name}/provisioned-concurrency?Qualifier={version}");
        let wanted = json!({ "ProvisionedConcurrentExecutions": 1 });
        self.lambda("PutProvisionedConcurrencyConfig", Method::PUT, &path, wanted).await?;
        for _ in 0..POLLS_MAX {
            let is = self.lambda("GetProvisionedConcurrencyConfig", Method::GET, &path, Json::Null).await?;
            match is["Status"].as_str() {
                Some("READY") => return Ok(()),
                Some("FAILED") => return Err(Error::Said(format!("{name}: {}", is["StatusReason"]))),
                _ => tokio::time::sleep(POLL).await,
            }
        }
        Err(Error::Said(format!("{name}'s provisioned environment does not become ready")))
    }

    /// A table with the key `id`, and its name.
    pub(super) async fn table(&mut self) -> Result<String, Error> {
        let name = format!("{PREFIX}table-{}", self.stop);
        let input = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        });
        self.client.json(DYNAMODB, "CreateTable", &input).await?;
        for _ in 0..POLLS_MAX {
            let is = self.client.json(DYNAMODB, "DescribeTable", &json!({ "TableName": name })).await?;
            if is["Table"]["TableStatus"] == "ACTIVE" {
                return Ok(name);
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::Said(format!("{name} does not become active")))
    }

    /// A queue's URL and ARN.
    pub(super) async fn queue(&mut self) -> Result<(String, String), Error> {
        let name = format!("{PREFIX}queue-{}", self.stop);
        let made = self.client.json(SQS, "CreateQueue", &json!({ "QueueName": name })).await?;
        let url = made["QueueUrl"].as_str().unwrap_or_default().to_owned();
        let wanted = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let is = self.client.json(SQS, "GetQueueAttributes", &wanted).await?;
        Ok((url, is["Attributes"]["QueueArn"].as_str().unwrap_or_default().to_owned()))
    }

    /// Waits for a queue's next message.
    pub(super) async fn received(&mut self, url: &str) -> Result<Json, Error> {
        let input = json!({ "QueueUrl": url, "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"] });
        for _ in 0..3 {
            let mut page = self.client.json(SQS, "ReceiveMessage", &input).await?;
            if page["Messages"][0].is_object() {
                return Ok(page["Messages"][0].take());
            }
        }
        Err(Error::Said(format!("nothing comes to {url}")))
    }

    /// A bucket's name.
    pub(super) async fn bucket(&mut self) -> Result<String, Error> {
        let name = format!("{PREFIX}bucket-{}-{}", self.stop, self.account);
        self.client.visit("s3", "CreateBucket", Method::PUT, &format!("/{name}"), "").await?;
        Ok(name)
    }

    /// Takes away whatever a tour made.
    pub(super) async fn tidy_up(&mut self) -> Result<(), Error> {
        let functions =
            self.lambda("ListFunctions", Method::GET, "/2015-03-31/functions?MaxItems=10000", Json::Null);
        for name in names(&functions.await?["Functions"], "FunctionName") {
            let path = format!("/2015-03-31/functions/{name}");
            self.lambda("DeleteFunction", Method::DELETE, &path, Json::Null).await?;
            let group = json!({ "logGroupName": format!("/aws/lambda/{name}") });
            gone(self.client.json(LOGS, "DeleteLogGroup", &group).await)?;
        }
        let layers = self.lambda("ListLayers", Method::GET, "/2018-10-31/layers", Json::Null).await?;
        for layer in layers["Layers"].as_array().into_iter().flatten() {
            let name = layer["LayerName"].as_str().unwrap_or_default();
            if name.starts_with(PREFIX) {
                let path = format!(
                    "/2018-10-31/layers/{name}/versions/{}",
                    layer["LatestMatchingVersion"]["Version"]
                );
                self.lambda("DeleteLayerVersion", Method::DELETE, &path, Json::Null).await?;
            }
        }
        let queues = self.client.json(SQS, "ListQueues", &json!({ "QueueNamePrefix": PREFIX })).await?;
        for url in queues["QueueUrls"].as_array().into_iter().flatten() {
            self.client.json(SQS, "DeleteQueue", &json!({ "QueueUrl": url })).await?;
        }
        for stop in 1..=6 {
            let table = json!({ "TableName": format!("{PREFIX}table-{stop}") });
            gone(self.client.json(DYNAMODB, "DeleteTable", &table).await)?;
            let bucket = format!("/{PREFIX}bucket-{stop}-{}", self.account);
            for path in [format!("{bucket}/{}", super::stops::UPLOAD), bucket] {
                gone(self.client.visit("s3", "Delete", Method::DELETE, &path, "").await)?;
            }
        }
        Ok(())
    }
}

/// What is not there needs no deleting.
fn gone<T>(deleted: Result<T, Error>) -> Result<(), Error> {
    match deleted {
        Err(error)
            if !["ResourceNotFoundException", "NoSuchBucket"].iter().any(|code| error.is_code(code)) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// The tour's own among `all`, by their names.
fn names(all: &Json, field: &str) -> Vec<String> {
    let all = all.as_array().into_iter().flatten();
    all.filter_map(|one| one[field].as_str())
        .filter(|name| name.starts_with(PREFIX))
        .map(str::to_owned)
        .collect()
}
