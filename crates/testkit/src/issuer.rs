//! An issuer of tokens of the test's own, which serves discovery and keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A key that signs nothing but tests' tokens.
const KEY: &[u8] = include_bytes!("issuer.der");

fn key() -> RsaKeyPair {
    RsaKeyPair::from_der(KEY).expect("a key")
}

/// Its one key is called `k`.
pub struct Issuer {
    /// Such as `http://127.0.0.1:40000`.
    pub url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Issuer {
    /// # Panics
    /// When no port is free.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let own = url.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, own.clone()));
            }
        });
        Self { url, server }
    }

    /// A token that the issuer's key signs, whatever it says.
    ///
    /// # Panics
    /// Never.
    pub fn token(header: &Json, claims: &Json) -> String {
        let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let key = key();
        let mut signature = vec![0; key.public().modulus_len()];
        let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        signed.expect("a signature");
        format!("{text}.{}", BASE64.encode(signature))
    }
}

/// One request: discovery, or keys at any path of those of OpenID Connect and of user pools.
async fn serve(stream: TcpStream, own: String) {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    if stream.read_line(&mut first).await.is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim().is_empty() => break,
            Ok(_) => {}
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let body = if path == "/.well-known/openid-configuration" {
        json!({ "issuer": own, "jwks_uri": format!("{own}/keys") })
    } else if path == "/keys" || path.ends_with("/.well-known/jwks.json") {
        let components = RsaPublicKeyComponents::<Vec<u8>>::from(key().public_key());
        json!({ "keys": [{
            "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
            "n": BASE64.encode(&components.n), "e": BASE64.encode(&components.e),
        }] })
    } else {
        Json::Null
    };
    let body = body.to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // Who asked may be gone.
    let _ = stream.write_all(answer.as_bytes()).await;
}
