//! ACLs, and what a bucket keeps from being public.

use api_s3::{
    GetBucketAclInput, GetObjectAclInput, GetObjectInput, ListObjectVersionsInput, ListObjectsV2Input,
    PutBucketAclInput, PutObjectInput,
};
use aws_wire::Result;
use bytes::Bytes;
use service::Caller;
use testkit::S3;

const OTHER: &str = "111111111111";
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// A bucket with ACLs, of which nothing is blocked, and `k` in it.
async fn open() -> S3 {
    let s3 = S3::with_bucket().await;
    s3.ask("DELETE", "/b-1?publicAccessBlock", &[], "").await.is(204, "");
    controls(&s3, "ObjectWriter").await;
    s3.put("k", "owned").await;
    s3
}

async fn controls(s3: &S3, rule: &str) {
    let controls = format!(
        "<OwnershipControls><Rule><ObjectOwnership>{rule}</ObjectOwnership></Rule></OwnershipControls>"
    );
    s3.ask("PUT", "/b-1?ownershipControls", &[], controls).await.is(200, "");
}

async fn block(s3: &S3, what: &str) {
    let block =
        format!("<PublicAccessBlockConfiguration><{what}>true</{what}></PublicAccessBlockConfiguration>");
    s3.ask("PUT", "/b-1?publicAccessBlock", &[], block).await.is(200, "");
}

/// The canonical user of the other account, as it sees itself.
async fn canonical(s3: &S3, account: &str) -> String {
    let cx = s3.platform.ctx(Caller::root(account, "us-east-1"), "own".into());
    let name = format!("b-of-{account}");
    let made = api_s3::CreateBucketInput { bucket: name.clone(), ..Default::default() };
    cx.call(made).await.expect("a bucket of its own");
    let acl = cx.call(GetBucketAclInput { bucket: name, ..Default::default() }).await.expect("its ACL");
    acl.owner.and_then(|owner| owner.id).expect("an owner")
}

fn document(owner: &str, grants: &[(&str, &str, &str)]) -> String {
    let grants = grants.iter().map(|(kind, grantee, permission)| {
        let tag = if *kind == "Group" { "URI" } else { "ID" };
        format!(
            "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">\
             <{tag}>{grantee}</{tag}></Grantee><Permission>{permission}</Permission></Grant>"
        )
    });
    let grants = grants.collect::<String>();
    format!(
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{grants}</AccessControlList>\
         </AccessControlPolicy>"
    )
}

/// How the other account, or nobody, fares: reading `k`, its ACL, listing, writing, reading the bucket's ACL.
async fn fares(s3: &S3, caller: Caller) -> [bool; 5] {
    let cx = s3.platform.ctx(caller, "other".into());
    let bucket = || "b-1".to_owned();
    let key = || "k".to_owned();
    let is_done = |result: Result<()>| match result {
        Ok(()) => true,
        Err(error) if error.code == "AccessDenied" => false,
        Err(error) => panic!("{error:?}"),
    };
    let read = cx.call(GetObjectInput { bucket: bucket(), key: key(), ..Default::default() }).await;
    let acl = cx.call(GetObjectAclInput { bucket: bucket(), key: key(), ..Default::default() }).await;
    let list = cx.call(ListObjectsV2Input { bucket: bucket(), ..Default::default() }).await;
    let versions = cx.call(ListObjectVersionsInput { bucket: bucket(), ..Default::default() }).await;
    let body = Some(Bytes::from_static(b"x").into());
    let put =
        cx.call(PutObjectInput { bucket: bucket(), key: "in".to_owned(), body, ..Default::default() }).await;
    let bucket_acl = cx.call(GetBucketAclInput { bucket: bucket(), ..Default::default() }).await;
    let list = is_done(list.map(drop));
    assert_eq!(list, is_done(versions.map(drop)), "one permission is for both lists");
    [
        is_done(read.map(drop)),
        is_done(acl.map(drop)),
        list,
        is_done(put.map(drop)),
        is_done(bucket_acl.map(drop)),
    ]
}

fn other() -> Caller {
    Caller::root(OTHER, "us-east-1")
}

fn nobody() -> Caller {
    Caller::anonymous("us-east-1")
}

#[tokio::test]
async fn each_permission_is_for_what_it_says() {
    let s3 = open().await;
    let id = canonical(&s3, OTHER).await;
    assert_eq!(fares(&s3, other()).await, [false; 5]);
    let named = format!("id=\"{id}\"");
    for (header, on_bucket, on_object) in [
        ("x-amz-grant-read", [false, false, true, false, false], [true, false, false, false, false]),
        ("x-amz-grant-read-acp", [false, false, false, false, true], [false, true, false, false, false]),
        ("x-amz-grant-write", [false, false, false, true, false], [false; 5]),
        ("x-amz-grant-write-acp", [false; 5], [false; 5]),
        ("x-amz-grant-full-control", [false, false, true, true, true], [true, true, false, false, false]),
    ] {
        s3.ask("PUT", "/b-1?acl", &[(header, &named)], "").await.is(200, "");
        assert_eq!(fares(&s3, other()).await, on_bucket, "{header} on a bucket");
        assert_eq!(fares(&s3, nobody()).await, [false; 5], "{header} is for one");
        s3.ask("PUT", "/b-1?acl", &[("x-amz-acl", "private")], "").await.is(200, "");
        s3.ask("PUT", "/b-1/k?acl", &[(header, &named)], "").await.is(200, "");
        assert_eq!(fares(&s3, other()).await, on_object, "{header} on an object");
        s3.ask("PUT", "/b-1/k?acl", &[("x-amz-acl", "private")], "").await.is(200, "");
    }
    // Who may write an ACL may let in others.
    s3.ask("PUT", "/b-1?acl", &[("x-amz-grant-write-acp", &named)], "").await.is(200, "");
    let cx = s3.platform.ctx(other(), "other".into());
    let asked = PutBucketAclInput { bucket: "b-1".to_owned(), grant_read: Some(named), ..Default::default() };
    cx.call(asked).await.expect("it may");
    assert!(fares(&s3, other()).await[2]);
}

#[tokio::test]
async fn documents_are_shown_as_they_were_given() {
    let s3 = open().await;
    let (owner, id) =
        (s3.ask("GET", "/b-1?acl", &[], "").await.element("ID").to_owned(), canonical(&s3, OTHER).await);
    let grants = [("CanonicalUser", owner.as_str(), "FULL_CONTROL"), ("Group", AUTHENTICATED, "READ")];
    s3.ask("PUT", "/b-1/k?acl", &[], document(&owner, &grants)).await.is(200, "");
    let shown = s3.ask("GET", "/b-1/k?acl", &[], "").await;
    assert_eq!(shown.elements("Permission"), ["FULL_CONTROL", "READ"]);
    assert_eq!(shown.element("URI"), AUTHENTICATED);
    assert!(fares(&s3, other()).await[0]);
    assert!(!fares(&s3, nobody()).await[0]);
    // Without the owner's own grant too, which an owner does not need.
    s3.ask("PUT", "/b-1/k?acl", &[], document(&owner, &[("CanonicalUser", &id, "READ")])).await.is(200, "");
    assert_eq!(s3.ask("GET", "/b-1/k?acl", &[], "").await.elements("ID"), [owner.as_str(), &id]);
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "owned");
    for canned in ["public-read", "public-read-write"] {
        s3.ask("PUT", "/b-1/k?acl", &[("x-amz-acl", canned)], "").await.is(200, "");
        assert!(fares(&s3, nobody()).await[0], "{canned}");
    }
    // A new version has no ACL of the old one's, but what its own request says.
    s3.put("k", "owned").await;
    assert_eq!(s3.ask("GET", "/b-1/k?acl", &[], "").await.elements("Permission"), ["FULL_CONTROL"]);
    let everybody = format!("uri=\"{ALL_USERS}\", id=\"{id}\"");
    s3.ask("PUT", "/b-1/k", &[("x-amz-grant-read", &everybody)], "x").await.is_good();
    assert_eq!(s3.ask("GET", "/b-1/k?acl", &[], "").await.elements("Permission"), ["READ", "READ"]);
}

#[tokio::test]
async fn what_is_no_acl_changes_nothing() {
    let s3 = open().await;
    let owner = s3.ask("GET", "/b-1?acl", &[], "").await.element("ID").to_owned();
    let put = async |headers: &[(&str, &str)], body: String| s3.ask("PUT", "/b-1?acl", headers, body).await;
    put(&[], String::new()).await.refuses_as_s3(400, "MissingSecurityHeader");
    put(&[("x-amz-acl", "private")], document(&owner, &[])).await.refuses_as_s3(400, "UnexpectedContent");
    put(&[("x-amz-acl", "private"), ("x-amz-grant-read", &format!("id={owner}"))], String::new())
        .await
        .refuses_as_s3(400, "InvalidRequest");
    for (grantee, code) in [
        ("id=1", "InvalidArgument"),
        ("uri=\"http://example.com/\"", "InvalidArgument"),
        ("name=x", "InvalidArgument"),
        ("somebody", "InvalidArgument"),
        ("emailAddress=\"a@example.com\"", "UnresolvableGrantByEmailAddress"),
    ] {
        put(&[("x-amz-grant-read", grantee)], String::new()).await.refuses_as_s3(400, code);
    }
    put(&[], document(&"0".repeat(64), &[])).await.refuses_as_s3(403, "AccessDenied");
    put(&[], document("", &[("CanonicalUser", "1", "READ")])).await.refuses_as_s3(403, "AccessDenied");
    let ownerless = "<AccessControlPolicy><AccessControlList></AccessControlList></AccessControlPolicy>";
    put(&[], ownerless.to_owned()).await.refuses_as_s3(400, "MalformedACLError");
    assert_eq!(s3.ask("GET", "/b-1?acl", &[], "").await.elements("Permission"), ["FULL_CONTROL"]);
}

#[tokio::test]
async fn without_acls_only_the_owners_own_is_taken() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "x").await;
    let owner = s3.ask("GET", "/b-1?acl", &[], "").await.element("ID").to_owned();
    let owns = document(&owner, &[("CanonicalUser", &owner, "FULL_CONTROL")]);
    for path in ["/b-1?acl", "/b-1/k?acl"] {
        s3.ask("PUT", path, &[], owns.clone()).await.is(200, "");
        for header in [("x-amz-acl", "public-read"), ("x-amz-grant-read", &*format!("id={owner}"))] {
            s3.ask("PUT", path, &[header], "").await.refuses_as_s3(400, "AccessControlListNotSupported");
        }
    }
    // What was granted before counts no more, and a bucket's grants are in the way of having none.
    let s3 = open().await;
    s3.ask("PUT", "/b-1/k?acl", &[("x-amz-acl", "public-read")], "").await.is(200, "");
    controls(&s3, "BucketOwnerEnforced").await;
    assert!(!fares(&s3, nobody()).await[0]);
    controls(&s3, "BucketOwnerPreferred").await;
    assert!(fares(&s3, nobody()).await[0]);
    s3.ask("PUT", "/b-1?acl", &[("x-amz-acl", "public-read")], "").await.is(200, "");
    let enforced = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>";
    s3.ask("PUT", "/b-1?ownershipControls", &[], enforced)
        .await
        .refuses_as_s3(400, "InvalidBucketAclWithObjectOwnership");
}

#[tokio::test]
async fn a_new_bucket_keeps_everything_from_being_public() {
    let s3 = S3::with_bucket().await;
    let shown = s3.ask("GET", "/b-1?publicAccessBlock", &[], "").await;
    for name in ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"] {
        assert_eq!(shown.element(name), "true", "{name}");
    }
    let public = [("x-amz-acl", "public-read"), ("x-amz-object-ownership", "ObjectWriter")];
    s3.ask("PUT", "/b-2", &public, "").await.refuses_as_s3(400, "InvalidBucketAclWithBlockPublicAccessError");
    s3.ask("PUT", "/b-1?publicAccessBlock", &[], "<x").await.refuses_as_s3(400, "MalformedXML");
    block(&s3, "BlockPublicAcls").await;
    let shown = s3.ask("GET", "/b-1?publicAccessBlock", &[], "").await;
    assert_eq!((shown.element("BlockPublicAcls"), shown.element("BlockPublicPolicy")), ("true", "false"));
    s3.ask("DELETE", "/b-1?publicAccessBlock", &[], "").await.is(204, "");
    s3.ask("GET", "/b-1?publicAccessBlock", &[], "")
        .await
        .refuses_as_s3(404, "NoSuchPublicAccessBlockConfiguration");
}

#[tokio::test]
async fn each_block_keeps_what_it_says_from_being_public() {
    let s3 = open().await;
    block(&s3, "BlockPublicAcls").await;
    for header in [("x-amz-acl", "authenticated-read"), ("x-amz-grant-read", &*format!("uri={ALL_USERS}"))] {
        s3.ask("PUT", "/b-1/k", &[header], "new").await.refuses_as_s3(403, "AccessDenied");
        s3.ask("PUT", "/b-1?acl", &[header], "").await.refuses_as_s3(403, "AccessDenied");
    }
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "owned");

    block(&s3, "BlockPublicPolicy").await;
    s3.ask("PUT", "/b-1/k?acl", &[("x-amz-acl", "public-read")], "").await.is(200, "");
    assert!(fares(&s3, nobody()).await[0]);
    block(&s3, "IgnorePublicAcls").await;
    assert!(!fares(&s3, nobody()).await[0]);

    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket*","Resource":"arn:aws:s3:::b-1"}}"#;
    s3.ask("PUT", "/b-1?policy", &[], policy).await.is(200, "");
    assert!(fares(&s3, nobody()).await[2] && fares(&s3, other()).await[2]);
    block(&s3, "RestrictPublicBuckets").await;
    assert!(!fares(&s3, nobody()).await[2] && !fares(&s3, other()).await[2]);
    s3.ask("PUT", "/b-1?policy", &[], policy.replace(r#""*""#, r#"{"AWS":"111111111111"}"#))
        .await
        .is(200, "");
    assert!(!fares(&s3, nobody()).await[2] && fares(&s3, other()).await[2]);
}
