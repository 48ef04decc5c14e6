//! The six stops.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value as Json, json};

use super::guide::Guide;
use crate::{Error, package};

/// The one object that the tour stores.
pub(super) const UPLOAD: &str = "photo.jpg";
/// Above what Lambda takes in a request, and a size that it takes.
const TOO_LARGE: usize = 55 << 20;
const LARGE: usize = 30 << 20;

macro_rules! code {
    ($name:literal) => {
        include_str!(concat!("../../../../examples/tour/", $name, ".py"))
    };
}

pub(super) async fn show(guide: &mut Guide, stop: u8) -> Result<(), Error> {
    match stop {
        1 => cold_starts(guide).await,
        2 => timeouts(guide).await,
        3 => clients(guide).await,
        4 => permissions(guide).await,
        5 => events(guide).await,
        _ => packages(guide).await,
    }
}

async fn cold_starts(guide: &mut Guide) -> Result<(), Error> {
    guide.tell(
        "The mistake: an SDK and five clients at the top of the file, for calls that need none of them.",
    );
    guide.function("tour-imports-before", code!("imports_before"), json!({})).await?;
    cold_and_warm(guide, "before", "tour-imports-before").await?;
    guide.tell("The cure: what only some calls need is imported by the first of them.");
    guide.function("tour-imports-after", code!("imports_after"), json!({})).await?;
    cold_and_warm(guide, "after", "tour-imports-after").await?;
    guide.tell("Where all of it is needed: a provisioned environment has run its INIT before anybody calls.");
    let path = "/2015-03-31/functions/tour-imports-before/versions";
    let published = guide.lambda("PublishVersion", Method::POST, path, json!({})).await?;
    let version = published["Version"].as_str().unwrap_or_default().to_owned();
    guide.provisioned("tour-imports-before", &version).await?;
    let called = guide.call(&format!("tour-imports-before:{version}"), &json!({})).await?;
    guide.saw("provisioned_ms", called.ms, &format!("first call  {:8.1} ms", called.ms));
    Ok(())
}

async fn cold_and_warm(guide: &mut Guide, when: &str, function: &str) -> Result<(), Error> {
    let cold = guide.call(function, &json!({})).await?;
    let init_ms = cold.init_ms().unwrap_or_default();
    let words = format!("cold        {:8.1} ms, of it INIT {init_ms:.1} ms", cold.ms);
    guide.saw(&format!("init_{when}_ms"), init_ms, &words);
    let warm = guide.call(function, &json!({})).await?;
    guide.saw(&format!("warm_{when}_ms"), warm.ms, &format!("warm        {:8.1} ms", warm.ms));
    Ok(())
}

async fn timeouts(guide: &mut Guide) -> Result<(), Error> {
    let event = json!({ "seconds": 1.5 });
    guide.tell("The mistake: somebody that the function calls takes 1.5 s today; its timeout is 1 s.");
    guide.function("tour-timeout", code!("timeout"), json!({ "Timeout": 1 })).await?;
    let called = guide.attempt("tour-timeout", &event).await?;
    let error = called.json()["errorMessage"].as_str().unwrap_or_default().to_owned();
    guide.saw("before", error.as_str(), &error);
    guide.tell("The cure: a timeout from what the slowest call takes, and the time that is left asked for in the code.");
    let path = "/2015-03-31/functions/tour-timeout/configuration";
    guide.lambda("UpdateFunctionConfiguration", Method::PUT, path, json!({ "Timeout": 10 })).await?;
    crate::function::settle(&mut guide.client, "tour-timeout").await?;
    let called = guide.call("tour-timeout", &event).await?;
    guide.saw("after", called.json(), &called.payload);
    Ok(())
}

async fn clients(guide: &mut Guide) -> Result<(), Error> {
    let event = json!({ "table": guide.table().await? });
    let mut medians = Vec::new();
    for (when, tale, code) in [
        ("before", "The mistake: each call makes its own client.", code!("client_before")),
        ("after", "The cure: the client is made once, beside the handler.", code!("client_after")),
    ] {
        let name = format!("tour-client-{when}");
        guide.tell(tale);
        guide.function(&name, code, json!({})).await?;
        guide.call(&name, &event).await?;
        let mut all = Vec::new();
        for _ in 0..9 {
            all.push(guide.call(&name, &event).await?.ms);
        }
        all.sort_by(f64::total_cmp);
        let median = all[all.len() / 2];
        guide.saw(&format!("{when}_ms"), median, &format!("warm, the median of 9  {median:8.1} ms"));
        medians.push(median);
    }
    let times = medians[0] / medians[1];
    guide.saw("times", times, &format!("{times:.1} times as fast"));
    Ok(())
}

async fn permissions(guide: &mut Guide) -> Result<(), Error> {
    guide.tell("The mistake: a bucket is to invoke a function whose policy does not let it.");
    guide.function("tour-upload", code!("upload"), json!({})).await?;
    let bucket = guide.bucket().await?;
    let path = "/2015-03-31/functions/tour-upload/configuration";
    let configuration = guide.lambda("GetFunctionConfiguration", Method::GET, path, Json::Null).await?;
    let arn = configuration["FunctionArn"].as_str().unwrap_or_default().to_owned();
    let notification = format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CloudFunctionConfiguration>\
         <CloudFunction>{arn}</CloudFunction><Event>s3:ObjectCreated:*</Event>\
         </CloudFunctionConfiguration></NotificationConfiguration>"
    );
    let path = format!("/{bucket}?notification");
    let notify = "PutBucketNotificationConfiguration";
    match guide.client.visit("s3", notify, Method::PUT, &path, notification.clone()).await {
        Err(Error::Refused { code, message, .. }) => {
            guide.saw("before", code.as_str(), &format!("{code}: {message}"));
        }
        Err(error) => return Err(error),
        Ok(_) => return Err(Error::Said("S3 took a function that it may not invoke".to_owned())),
    }
    guide.tell("The cure: AddPermission, for this bucket of this account and nobody else.");
    let permission = json!({
        "StatementId": "bucket", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": format!("arn:aws:s3:::{bucket}"), "SourceAccount": guide.account(),
    });
    guide
        .lambda("AddPermission", Method::POST, "/2015-03-31/functions/tour-upload/policy", permission)
        .await?;
    guide.client.visit("s3", notify, Method::PUT, &path, notification).await?;
    guide.client.visit("s3", "PutObject", Method::PUT, &format!("/{bucket}/{UPLOAD}"), "a photo").await?;
    let line = guide.logged("tour-upload", "uploaded:").await?;
    guide.saw("after", line.as_str(), &format!("its log: {line}"));
    Ok(())
}

async fn events(guide: &mut Guide) -> Result<(), Error> {
    let table = guide.table().await?;
    let order = |number: &str, card: &str| json!({ "order": number, "card": card, "table": table });
    guide.tell("The mistake: an event is answered 202, fails, and is gone; only the log knows.");
    guide.function("tour-order", code!("order_before"), json!({})).await?;
    let config = "/2019-09-25/functions/tour-order/event-invoke-config";
    // Two more tries, a minute and two minutes later, would not mend this card.
    let tries = json!({ "MaximumRetryAttempts": 0 });
    guide.lambda("PutFunctionEventInvokeConfig", Method::PUT, config, tries).await?;
    let status = guide.send("tour-order", &order("1", "expired")).await?;
    guide.saw("status", status, &format!("answered {status}"));
    let line = guide.logged("tour-order", "has expired").await?;
    guide.saw("lost", line.as_str(), &format!("its log: {}", line.lines().next().unwrap_or_default()));
    guide.tell("The cure: a dead-letter queue keeps what failed, and why.");
    let (url, arn) = guide.queue().await?;
    let dead = json!({ "DeadLetterConfig": { "TargetArn": arn } });
    let path = "/2015-03-31/functions/tour-order/configuration";
    guide.lambda("UpdateFunctionConfiguration", Method::PUT, path, dead).await?;
    crate::function::settle(&mut guide.client, "tour-order").await?;
    guide.send("tour-order", &order("2", "expired")).await?;
    let letter = guide.received(&url).await?;
    let why = letter["MessageAttributes"]["ErrorMessage"]["StringValue"].as_str().unwrap_or_default();
    guide.saw(
        "dead_letter",
        why,
        &format!("in the queue: {}, because {why}", letter["Body"].as_str().unwrap_or_default()),
    );
    guide.tell("The mistake: an event that comes twice, as any may, counts twice.");
    let twice = order("3", "ada");
    guide.call("tour-order", &twice).await?;
    let charges = guide.call("tour-order", &twice).await?.json();
    guide.saw("charges_before", charges.clone(), &format!("one order, {charges} charges"));
    guide.tell("The cure: idempotency. The order's mark is written in one transaction with the charge.");
    guide.function("tour-order-once", code!("order_after"), json!({})).await?;
    let twice = order("4", "grace");
    guide.call("tour-order-once", &twice).await?;
    let charges = guide.call("tour-order-once", &twice).await?.json();
    guide.saw("charges_after", charges.clone(), &format!("one order, {charges} charge"));
    Ok(())
}

async fn packages(guide: &mut Guide) -> Result<(), Error> {
    let code = code!("package").as_bytes();
    let bringing = |bytes| package::stored(&[("lambda_function.py", code), ("model.bin", &vec![0; bytes])]);
    guide.tell("The mistake: the package brings everything. This one has 55 MB:");
    match guide.packed("tour-package-too-large", &bringing(TOO_LARGE)?, json!({})).await {
        Err(Error::Refused { code, message, .. }) => {
            guide.saw("too_large", code.as_str(), &format!("{code}: {message}"));
        }
        Err(error) => return Err(error),
        Ok(()) => return Err(Error::Said("a package of 55 MB was taken".to_owned())),
    }
    guide.tell("And with 30 MB, each change of a line sends and unpacks all of it:");
    let zip = bringing(LARGE)?;
    let began = Instant::now();
    guide.packed("tour-package-before", &zip, json!({})).await?;
    report(guide, "before", "tour-package-before", began, zip.len()).await?;
    guide.tell("The cure: what does not change is a layer, sent once; the package is the code alone.");
    let layer = package::stored(&[("model.bin", &vec![0; LARGE])])?;
    let layer = json!({ "Content": { "ZipFile": BASE64.encode(layer) } });
    let published =
        guide.lambda("PublishLayerVersion", Method::POST, "/2018-10-31/layers/tour-model/versions", layer);
    let layers = json!({ "Layers": [published.await?["LayerVersionArn"]] });
    let zip = package::stored(&[("lambda_function.py", code)])?;
    let began = Instant::now();
    guide.packed("tour-package-after", &zip, layers).await?;
    report(guide, "after", "tour-package-after", began, zip.len()).await
}

async fn report(
    guide: &mut Guide,
    when: &str,
    function: &str,
    began: Instant,
    bytes: usize,
) -> Result<(), Error> {
    let deployed_ms = began.elapsed().as_secs_f64() * 1000.0;
    let called = guide.call(function, &json!({})).await?;
    let words = format!("deployed in {deployed_ms:8.1} ms: {bytes} bytes; its model has {}", called.payload);
    guide.saw(&format!("{when}_ms"), deployed_ms, &words);
    Ok(())
}
