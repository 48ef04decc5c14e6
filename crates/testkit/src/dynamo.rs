//! DynamoDB in memory, and what its tests begin with.

use std::ops::Deref;

use serde_json::{Value as Json, json};
use svc_dynamodb::Config;

use crate::{Answer, Ground, Wire};

/// A platform with nothing but DynamoDB and its Streams; its jobs run.
pub struct Dynamo(Wire);

impl Deref for Dynamo {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl Dynamo {
    #[expect(clippy::new_without_default, reason = "it is no value, it is where a test begins")]
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let wire = Ground::new().serve(svc_dynamodb::services(config).into());
        wire.start_jobs();
        Self(wire)
    }

    pub async fn call(&self, operation: &str, body: Json) -> Answer {
        self.json("DynamoDB", operation, &body).await
    }

    pub async fn stream(&self, operation: &str, body: Json) -> Answer {
        self.json("DynamoDB Streams", operation, &body).await
    }

    /// Makes a table and waits until it is active.
    ///
    /// # Panics
    /// When it is not made.
    pub async fn table(&self, body: Json) {
        let name = body["TableName"].clone();
        let made = self.call("CreateTable", body).await.ok();
        assert_eq!(made["TableDescription"]["TableStatus"], "CREATING");
        self.active(name.as_str().expect("a table has a name")).await;
    }

    pub async fn active(&self, name: &str) {
        self.until("an active table", || async {
            let table = self.call("DescribeTable", json!({ "TableName": name })).await.ok()["Table"].clone();
            let indexes = table["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
            table["TableStatus"] == "ACTIVE" && indexes.iter().all(|index| index["IndexStatus"] == "ACTIVE")
        })
        .await;
    }

    /// With a table `tab` of a partition key `h` (S) and a sort key `r` (N).
    pub async fn with_table() -> Self {
        let dynamo = Self::new();
        dynamo.table(dynamo_table("tab", "h:S", Some("r:N"))).await;
        dynamo
    }

    pub async fn put(&self, item: Json) {
        self.call("PutItem", json!({ "TableName": "tab", "Item": item })).await.ok();
    }

    pub async fn get(&self, key: Json) -> Json {
        let body = json!({ "TableName": "tab", "Key": key, "ConsistentRead": true });
        self.call("GetItem", body).await.ok()["Item"].clone()
    }
}

/// `CreateTable` of a table on demand, with keys given as `name:type`.
///
/// # Panics
/// When a key is not given so.
pub fn dynamo_table(name: &str, hash: &str, range: Option<&str>) -> Json {
    let parts =
        [Some(hash), range].into_iter().flatten().map(|part| part.split_once(':').expect("name:type"));
    let parts = parts.collect::<Vec<_>>();
    let schema = parts.iter().zip(["HASH", "RANGE"]);
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": parts.iter().map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind })).collect::<Json>(),
        "KeySchema": schema.map(|((name, _), kind)| json!({ "AttributeName": name, "KeyType": kind })).collect::<Json>(),
    })
}
