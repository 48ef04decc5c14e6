//! URLs that we presign ourselves.

use super::*;

const HOST: &str = "localhost:4566";
const PATH: &str = "/_lambent/packages/ab";
const LIFE: Duration = Duration::from_secs(600);

fn url() -> String {
    let fetch = Fetch { host: HOST, path: PATH, account: "123456789012", region: "eu-west-1" };
    Presigner::new(sessions()).url(&fetch, THEN, LIFE).expect("a host is a host")
}

/// The request that a plain client makes of a URL.
fn request(url: &str) -> Request {
    let rest = url.strip_prefix("http://").expect("an URL");
    let (host, target) = rest.split_at(rest.find('/').expect("a path"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().expect("a header"));
    headers.insert("user-agent", "curl/8.0".parse().expect("a header"));
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Bytes::new(),
    }
}

async fn demand(mode: Mode, mut request: Request, now: Timestamp) -> Result<Identity, String> {
    let found = authenticator(mode).demand("s3", &mut request, now).await;
    found.map_err(|error| error.code.into_owned())
}

#[tokio::test]
async fn a_url_of_ours_opens_until_it_expires_in_every_mode() {
    for mode in [Mode::Open, Mode::Signed] {
        for now in [THEN, THEN.after(LIFE)] {
            let identity = demand(mode, request(&url()), now).await.expect("it is ours");
            assert_eq!((&*identity.account, &*identity.region), ("123456789012", "eu-west-1"));
        }
        let late = THEN.after(LIFE + Duration::from_secs(1));
        assert_eq!(demand(mode, request(&url()), late).await, Err("AccessDenied".to_owned()));
    }
}

#[tokio::test]
async fn whatever_is_changed_closes_it() {
    let good = url();
    for (from, to) in [
        ("packages/ab", "packages/ac"),
        ("Expires=600", "Expires=601"),
        ("eu-west-1", "eu-west-2"),
        ("localhost", "otherhost"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        assert_eq!(
            demand(Mode::Open, request(&changed), THEN).await,
            Err("SignatureDoesNotMatch".to_owned()),
            "{from}"
        );
    }
    let mut posted = request(&good);
    posted.method = Method::PUT;
    assert_eq!(demand(Mode::Open, posted, THEN).await, Err("SignatureDoesNotMatch".to_owned()));
    let (bare, _) = good.split_once('?').expect("a query");
    assert_eq!(demand(Mode::Open, request(bare), THEN).await, Err("AccessDenied".to_owned()));
    let mut more = request(&good);
    more.headers.insert("x-amz-acl", "public-read".parse().expect("a header"));
    assert_eq!(demand(Mode::Open, more, THEN).await, Err("AccessDenied".to_owned()));
}
