//! Names of images: `host/repository:tag`, or `@sha256:…`.

use std::fmt;
use std::str::FromStr;

use blob::Digest;

/// An image by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// With its port, where it has one.
    pub host: String,
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

/// Where images of a host are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the platform's own folder of images; AWS's names of registries stand for it.
    Local,
    Registry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name of an image")]
pub struct ParseNameError;

const TAG_LENGTH_MAX: usize = 128;
const REPOSITORY_LENGTH_MAX: usize = 256;

impl FromStr for ImageName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => {
                let digest = digest.strip_prefix("sha256:").ok_or(ParseNameError)?;
                (text, Some(digest.parse().map_err(|_| ParseNameError)?))
            }
            None => (text, None),
        };
        let (host, rest) = text.split_once('/').ok_or(ParseNameError)?;
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let fits = is_host(host) && is_repository(repository) && tag.is_none_or(is_tag);
        if !fits {
            return Err(ParseNameError);
        }
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

fn is_host(host: &str) -> bool {
    let first = host.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[')
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

/// Lower-case words, between which are dots, dashes, underscores and slashes; so it never climbs as a path.
fn is_repository(repository: &str) -> bool {
    let word = |word: &str| {
        let ends =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        ends(word.bytes().next()) && ends(word.bytes().last()) && word.bytes().all(inner)
    };
    repository.len() <= REPOSITORY_LENGTH_MAX && repository.split('/').all(word)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_LENGTH_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || b".-".contains(&byte))
}

impl ImageName {
    pub fn place(&self) -> Place {
        let mut parts = self.host.split('.');
        let account = parts.next().unwrap_or_default();
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let rest = parts.collect::<Vec<_>>();
        if is_account && matches!(rest[..], ["dkr", "ecr", _, "amazonaws", "com"]) {
            return Place::Local;
        }
        Place::Registry
    }

    /// The tag that is meant where none is named.
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The same repository's image of that digest.
    pub fn resolved(&self, digest: Digest) -> String {
        format!("{}/{}@sha256:{digest}", self.host, self.repository)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@sha256:{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_or_refused() {
        let digest = "ab".repeat(32);
        for (text, place) in [
            ("000000000000.dkr.ecr.us-east-1.amazonaws.com/hello:1", Some(Place::Local)),
            ("000000000000.dkr.ecr.us-east-1.amazonaws.com/team/hello", Some(Place::Local)),
            ("localhost:5000/hello:latest", Some(Place::Registry)),
            ("127.0.0.1:5000/a/b-c_d.e:v1.0", Some(Place::Registry)),
            (&format!("localhost/hello@sha256:{digest}"), Some(Place::Registry)),
            ("[::1]:5000/hello", Some(Place::Registry)),
            ("registry.example.com/hello:1", Some(Place::Registry)),
            ("12345.dkr.ecr.us-east-1.amazonaws.com/hello", Some(Place::Registry)),
            ("hello:1", None),
            ("localhost/../hello", None),
            ("localhost/.hello", None),
            ("../hello", None),
            ("localhost//hello", None),
            ("localhost/hello:", None),
            ("localhost/hello:a/b", None),
            ("localhost/Hello", None),
            ("localhost/hello@sha256:ab", None),
        ] {
            let found = text.parse::<ImageName>();
            assert_eq!(found.as_ref().ok().map(ImageName::place), place, "{text}");
            if let Ok(found) = found {
                assert_eq!(found.to_string(), text);
            }
        }
    }
}
