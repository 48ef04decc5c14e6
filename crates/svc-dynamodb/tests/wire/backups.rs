//! Backups and point-in-time recovery over the wire.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Answer, Dynamo, EPOCH_MS, dynamo_table as table};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/tab";

/// A table `tab` with an index of each kind.
async fn indexed() -> Dynamo {
    let dynamo = Dynamo::new();
    let mut body = table("tab", "h:S", Some("r:N"));
    let more = [("g", "S"), ("l", "N")];
    let more = more.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    body["AttributeDefinitions"].as_array_mut().expect("as it was made").extend(more);
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let all = json!({ "ProjectionType": "ALL" });
    body["GlobalSecondaryIndexes"] =
        json!([{ "IndexName": "global", "KeySchema": keys("g", "l"), "Projection": all }]);
    body["LocalSecondaryIndexes"] =
        json!([{ "IndexName": "local", "KeySchema": keys("h", "l"), "Projection": all }]);
    dynamo.table(body).await;
    dynamo
}

fn key(n: u32) -> Json {
    json!({ "h": { "S": (n % 7).to_string() }, "r": { "N": n.to_string() } })
}

fn item(n: u32, value: u32) -> Json {
    let mut item = key(n);
    item["g"] = json!({ "S": (n % 3).to_string() });
    item["l"] = json!({ "N": value.to_string() });
    item
}

async fn delete(dynamo: &Dynamo, n: u32) {
    dynamo.call("DeleteItem", json!({ "TableName": "tab", "Key": key(n) })).await.ok();
}

/// All items of a table or an index: the value `l` by `r`.
async fn all(dynamo: &Dynamo, table: &str, index: Option<&str>) -> BTreeMap<u32, u32> {
    let number = |item: &Json, name: &str| item[name]["N"].as_str().and_then(|n| n.parse().ok());
    let (mut found, mut start) = (BTreeMap::new(), Json::Null);
    loop {
        let mut body = json!({ "TableName": table, "Limit": 50 });
        if let Some(index) = index {
            body["IndexName"] = index.into();
        }
        if !start.is_null() {
            body["ExclusiveStartKey"] = start;
        }
        let page = dynamo.call("Scan", body).await.ok();
        for item in page["Items"].as_array().expect("items") {
            found.insert(number(item, "r").expect("a key"), number(item, "l").expect("a value"));
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            return found;
        }
    }
}

/// The items everywhere: the table and both of its indexes hold the same.
async fn everywhere(dynamo: &Dynamo, table: &str) -> BTreeMap<u32, u32> {
    let items = all(dynamo, table, None).await;
    for index in ["global", "local"] {
        assert_eq!(all(dynamo, table, Some(index)).await, items, "{index}");
    }
    items
}

async fn backup(dynamo: &Dynamo, name: &str) -> String {
    let made = dynamo.call("CreateBackup", json!({ "TableName": "tab", "BackupName": name })).await.ok();
    assert_eq!(made["BackupDetails"]["BackupStatus"], "CREATING");
    made["BackupDetails"]["BackupArn"].as_str().expect("an ARN").to_owned()
}

async fn describe(dynamo: &Dynamo, arn: &str) -> Json {
    let body = json!({ "BackupArn": arn });
    dynamo.call("DescribeBackup", body).await.ok()["BackupDescription"].clone()
}

async fn available(dynamo: &Dynamo, arn: &str) {
    dynamo
        .until("a backup", || async {
            describe(dynamo, arn).await["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        })
        .await;
}

async fn restore(dynamo: &Dynamo, arn: &str, name: &str, mut more: Json) -> Answer {
    more["BackupArn"] = arn.into();
    more["TargetTableName"] = name.into();
    dynamo.call("RestoreTableFromBackup", more).await
}

async fn recover(dynamo: &Dynamo, name: &str, mut more: Json) -> Answer {
    more["SourceTableName"] = "tab".into();
    more["TargetTableName"] = name.into();
    dynamo.call("RestoreTableToPointInTime", more).await
}

async fn set_recovery(dynamo: &Dynamo, set: Json) -> Json {
    let body = json!({ "TableName": "tab", "PointInTimeRecoverySpecification": set });
    let answer = dynamo.call("UpdateContinuousBackups", body).await.ok();
    answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"].clone()
}

async fn gone(dynamo: &Dynamo, name: &str) {
    dynamo.call("DeleteTable", json!({ "TableName": name })).await.ok();
    dynamo
        .until("no table", || async {
            dynamo.call("DescribeTable", json!({ "TableName": name })).await.status == 400
        })
        .await;
}

#[tokio::test]
async fn a_backup_is_the_table_as_it_was_and_outlives_it() {
    let dynamo = indexed().await;
    for n in 0..200 {
        dynamo.put(item(n, 1)).await;
    }
    // Nothing is copied yet: all of these changes come between the backup and its copy.
    dynamo.stop_jobs().await;
    let arn = backup(&dynamo, "first").await;
    for n in 0..100 {
        dynamo.put(item(n, 2)).await;
        dynamo.put(item(n, 3)).await;
    }
    for n in 90..120 {
        delete(&dynamo, n).await;
    }
    for n in 200..400 {
        dynamo.put(item(n, 2)).await;
    }
    let unfinished = restore(&dynamo, &arn, "early", json!({})).await;
    unfinished.refuses(400, "BackupInUseException", &format!("Backup is being created: {arn}"));
    dynamo.start_jobs();
    available(&dynamo, &arn).await;
    // With nothing to read it any more the past is forgotten.
    dynamo.clock.advance(Duration::from_secs(61));
    dynamo.until("no past", || async { dynamo.rows(610).await + dynamo.rows(611).await == 0 }).await;
    let described = describe(&dynamo, &arn).await;
    assert_eq!(described["BackupDetails"]["BackupType"], "USER");
    assert_eq!(described["SourceTableDetails"]["ItemCount"], 200);
    assert_eq!(described["SourceTableFeatureDetails"]["GlobalSecondaryIndexes"][0]["IndexName"], "global");
    gone(&dynamo, "tab").await;

    let answer = restore(&dynamo, &arn, "again", json!({})).await.ok()["TableDescription"].clone();
    assert_eq!(answer["TableStatus"], "CREATING");
    assert_eq!(answer["RestoreSummary"]["SourceBackupArn"], arn);
    assert_eq!(answer["RestoreSummary"]["RestoreInProgress"], true);
    dynamo.active("again").await;
    assert_eq!(everywhere(&dynamo, "again").await, (0..200).map(|n| (n, 1)).collect());
    let twice = restore(&dynamo, &arn, "again", json!({})).await;
    twice.refuses(400, "TableAlreadyExistsException", "Table already exists: again");

    let deleted = dynamo.call("DeleteBackup", json!({ "BackupArn": arn })).await.ok();
    assert_eq!(deleted["BackupDescription"]["BackupDetails"]["BackupStatus"], "DELETED");
    dynamo
        .until("no rows of it", || async {
            dynamo.rows(612).await + dynamo.rows(613).await + dynamo.rows(614).await == 0
        })
        .await;
    let missing = dynamo.call("DescribeBackup", json!({ "BackupArn": arn })).await;
    missing.refuses(400, "BackupNotFoundException", &format!("Backup not found: {arn}"));
    assert_eq!(everywhere(&dynamo, "again").await.len(), 200);
}

#[tokio::test]
async fn work_that_was_broken_off_goes_on() {
    let dynamo = indexed().await;
    for n in 0..300 {
        dynamo.put(item(n, 1)).await;
    }
    let arn = backup(&dynamo, "first").await;
    let mut round = 0;
    while describe(&dynamo, &arn).await["BackupDetails"]["BackupStatus"] != "AVAILABLE" {
        dynamo.stop_jobs().await;
        dynamo.put(item(round, 9)).await;
        round += 1;
        dynamo.start_jobs();
        tokio::task::yield_now().await;
    }
    dynamo.stop_jobs().await;
    restore(&dynamo, &arn, "again", json!({})).await.ok();
    let set = json!({ "PointInTimeRecoveryEnabled": true });
    let body = json!({ "TableName": "again", "PointInTimeRecoverySpecification": set });
    dynamo.call("UpdateContinuousBackups", body).await.refuses(
        400,
        "ContinuousBackupsUnavailableException",
        "Backups are being enabled for the table: again. Please retry later",
    );
    dynamo.start_jobs();
    let status = || async {
        let described = dynamo.call("DescribeTable", json!({ "TableName": "again" })).await.ok();
        described["Table"]["TableStatus"] == "ACTIVE"
    };
    for _ in 0..50 {
        dynamo.stop_jobs().await;
        dynamo.start_jobs();
        tokio::task::yield_now().await;
    }
    dynamo.until("an active table", status).await;
    assert_eq!(everywhere(&dynamo, "again").await, (0..300).map(|n| (n, 1)).collect());
}

#[tokio::test]
async fn a_restored_table_may_differ() {
    let dynamo = indexed().await;
    dynamo.put(item(1, 1)).await;
    let arn = backup(&dynamo, "first").await;
    available(&dynamo, &arn).await;
    let plain = json!({
        "BillingModeOverride": "PROVISIONED",
        "ProvisionedThroughputOverride": { "ReadCapacityUnits": 2, "WriteCapacityUnits": 3 },
        "GlobalSecondaryIndexOverride": [], "LocalSecondaryIndexOverride": [],
    });
    restore(&dynamo, &arn, "plain", plain).await.ok();
    dynamo.active("plain").await;
    let described = dynamo.call("DescribeTable", json!({ "TableName": "plain" })).await.ok()["Table"].clone();
    assert_eq!(described["ProvisionedThroughput"]["WriteCapacityUnits"], 3);
    assert_eq!(described["GlobalSecondaryIndexes"], Json::Null);
    assert_eq!(described["AttributeDefinitions"].as_array().map(Vec::len), Some(2));
    assert_eq!(described["RestoreSummary"]["RestoreInProgress"], false);
    assert_eq!(all(&dynamo, "plain", None).await, [(1, 1)].into());

    let other = json!({ "GlobalSecondaryIndexOverride": [{
        "IndexName": "global", "Projection": { "ProjectionType": "KEYS_ONLY" },
        "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }, { "AttributeName": "l", "KeyType": "RANGE" }],
    }] });
    restore(&dynamo, &arn, "other", other).await.refuses(
        400,
        "ValidationException",
        "One or more parameter values were invalid: The index global of the override does not match an index of the \
         source table",
    );
    let units = restore(&dynamo, &arn, "other", json!({ "BillingModeOverride": "PROVISIONED" })).await;
    assert_eq!(units.status, 400);
    let encrypted = json!({ "SSESpecificationOverride": { "Enabled": true } });
    assert_eq!(restore(&dynamo, &arn, "other", encrypted).await.status, 501);
    assert_eq!(dynamo.call("DescribeTable", json!({ "TableName": "other" })).await.status, 400);
}

#[tokio::test]
async fn backups_are_listed() {
    let dynamo = indexed().await;
    let mut arns = Vec::new();
    for name in ["one", "two", "three"] {
        arns.push(backup(&dynamo, name).await);
        dynamo.clock.advance(Duration::from_secs(1));
    }
    let list = async |body: Json| dynamo.call("ListBackups", body).await.ok();
    let names = |list: &Json| {
        let summaries = list["BackupSummaries"].as_array().expect("a list").iter();
        summaries.map(|one| one["BackupName"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list(json!({ "TableName": "tab" })).await), ["one", "two", "three"]);
    assert!(names(&list(json!({ "TableName": "other" })).await).is_empty());
    assert!(names(&list(json!({ "BackupType": "SYSTEM" })).await).is_empty());
    let first = list(json!({ "Limit": 2 })).await;
    assert_eq!(
        (names(&first), &first["LastEvaluatedBackupArn"]),
        (vec!["one".into(), "two".into()], &json!(arns[1]))
    );
    let second = list(json!({ "ExclusiveStartBackupArn": arns[1] })).await;
    assert_eq!((names(&second), &second["LastEvaluatedBackupArn"]), (vec!["three".into()], &Json::Null));
    let seconds = EPOCH_MS / 1000 + 1;
    assert_eq!(names(&list(json!({ "TimeRangeLowerBound": seconds })).await), ["two", "three"]);
    assert_eq!(names(&list(json!({ "TimeRangeUpperBound": seconds })).await), ["one"]);
    let none = dynamo.call("CreateBackup", json!({ "TableName": "none", "BackupName": "one" })).await;
    none.refuses(400, "TableNotFoundException", "Table not found: none");
}

#[tokio::test]
async fn a_table_is_recovered_as_of_any_second() {
    let dynamo = indexed().await;
    let unavailable = recover(&dynamo, "early", json!({ "UseLatestRestorableTime": true })).await;
    let message = "Point in time recovery is not enabled for table 'tab'";
    unavailable.refuses(400, "PointInTimeRecoveryUnavailableException", message);
    dynamo.put(item(1000, 0)).await;
    let set = set_recovery(&dynamo, json!({ "PointInTimeRecoveryEnabled": true })).await;
    assert_eq!(
        (&set["PointInTimeRecoveryStatus"], &set["RecoveryPeriodInDays"]),
        (&json!("ENABLED"), &json!(35))
    );

    // The table after each second.
    let (mut now, mut states) = (BTreeMap::from([(1000, 0)]), Vec::new());
    for second in 0..20 {
        dynamo.clock.advance(Duration::from_secs(1));
        for n in second * 5..second * 5 + 9 {
            dynamo.put(item(n, second)).await;
            now.insert(n, second);
        }
        delete(&dynamo, second * 3).await;
        now.remove(&(second * 3));
        // Between the writes of this second and of the next.
        dynamo.clock.advance(Duration::from_millis(500));
        states.push((dynamo.env.now().as_millis(), now.clone()));
        dynamo.clock.advance(Duration::from_millis(500));
    }
    for second in [0, 7, 13, 19] {
        let (at_ms, state) = &states[second];
        let name = format!("at-{second}");
        let seconds = json!(f64::from(u32::try_from(at_ms / 1000).expect("now")) + 0.845);
        let answer = recover(&dynamo, &name, json!({ "RestoreDateTime": seconds })).await.ok();
        assert_eq!(answer["TableDescription"]["RestoreSummary"]["SourceTableArn"], ARN);
        // What is written meanwhile is not seen.
        dynamo.put(item(2000, 1)).await;
        dynamo.active(&name).await;
        assert_eq!(&everywhere(&dynamo, &name).await, state, "{second}");
    }
    recover(&dynamo, "latest", json!({ "UseLatestRestorableTime": true })).await.ok();
    delete(&dynamo, 2000).await;
    dynamo.active("latest").await;
    assert_eq!(everywhere(&dynamo, "latest").await.get(&2000), Some(&1));

    for (body, code, message) in [
        (
            json!({ "RestoreDateTime": EPOCH_MS / 1000 - 5 }),
            "InvalidRestoreTimeException",
            "An invalid restore time was specified. RestoreDateTime must be between EarliestRestorableDateTime and \
             LatestRestorableDateTime.",
        ),
        (
            json!({ "RestoreDateTime": EPOCH_MS / 1000, "UseLatestRestorableTime": true }),
            "ValidationException",
            "Both RestoreDateTime and UseLatestRestorableTime cannot be specified at the same time",
        ),
        (
            json!({}),
            "ValidationException",
            "Either RestoreDateTime or UseLatestRestorableTime must be specified",
        ),
    ] {
        recover(&dynamo, "bad", body).await.refuses(400, code, message);
    }
}

#[tokio::test]
async fn the_past_is_forgotten_after_the_period_and_when_recovery_ends() {
    let dynamo = indexed().await;
    set_recovery(&dynamo, json!({ "PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 2 })).await;
    dynamo.put(item(1, 1)).await;
    dynamo.clock.advance(Duration::from_secs(36 * 60 * 60));
    dynamo.put(item(1, 2)).await;
    dynamo.put(item(2, 2)).await;
    assert_eq!(dynamo.rows(610).await, 3);
    dynamo.clock.advance(Duration::from_secs(24 * 60 * 60));
    dynamo
        .until("one forgotten", || async { dynamo.rows(610).await == 2 && dynamo.rows(611).await == 2 })
        .await;
    let at = (EPOCH_MS / 1000) + 35 * 60 * 60;
    recover(&dynamo, "then", json!({ "RestoreDateTime": at })).await.ok();
    dynamo.active("then").await;
    assert_eq!(everywhere(&dynamo, "then").await, [(1, 1)].into());

    let set = set_recovery(&dynamo, json!({ "PointInTimeRecoveryEnabled": false })).await;
    assert_eq!(set, json!({ "PointInTimeRecoveryStatus": "DISABLED" }));
    dynamo.put(item(3, 3)).await;
    dynamo.clock.advance(Duration::from_secs(61));
    dynamo.until("all forgotten", || async { dynamo.rows(610).await + dynamo.rows(611).await == 0 }).await;
    let described = dynamo.call("DescribeContinuousBackups", json!({ "TableName": "tab" })).await.ok();
    assert_eq!(described["ContinuousBackupsDescription"]["ContinuousBackupsStatus"], "ENABLED");
    let none = dynamo.call("DescribeContinuousBackups", json!({ "TableName": "none" })).await;
    none.refuses(400, "TableNotFoundException", "Table not found: none");
}

#[tokio::test]
async fn a_deleted_table_that_could_be_recovered_leaves_a_backup() {
    let dynamo = indexed().await;
    set_recovery(&dynamo, json!({ "PointInTimeRecoveryEnabled": true })).await;
    for n in 0..100 {
        dynamo.put(item(n, 1)).await;
    }
    gone(&dynamo, "tab").await;
    let list = dynamo.call("ListBackups", json!({ "BackupType": "SYSTEM" })).await.ok();
    let summary = &list["BackupSummaries"][0];
    assert_eq!(summary["BackupName"], "tab$DeletedTableBackup");
    let arn = summary["BackupArn"].as_str().expect("an ARN").to_owned();
    available(&dynamo, &arn).await;
    dynamo
        .until("nothing else of it", || async {
            dynamo.rows(602).await + dynamo.rows(607).await + dynamo.rows(610).await + dynamo.rows(611).await
                == 0
        })
        .await;
    restore(&dynamo, &arn, "tab", json!({})).await.ok();
    dynamo.active("tab").await;
    assert_eq!(everywhere(&dynamo, "tab").await.len(), 100);
    dynamo.clock.advance(Duration::from_secs(35 * 24 * 60 * 60 + 61));
    dynamo.until("no backup", || async { dynamo.rows(612).await + dynamo.rows(613).await == 0 }).await;
}
