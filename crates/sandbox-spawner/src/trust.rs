//! Adds the platform's own authority to what a sandbox trusts: wherever programs look that read the system's list.

use std::path::{Path, PathBuf};

use sandbox::Trust;
use sha1::{Digest as _, Sha1};

use crate::root::Entry;
use crate::wire::Authority;

/// The authority alone, below `/etc`: no host has anything there.
const ALONE: &str = "lambent/authority.pem";
/// Lists of all authorities, below `/etc`: of Debian and its relatives, and of Red Hat's.
const BUNDLES: [&str; 3] = [
    "ssl/certs/ca-certificates.crt",
    "pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "pki/tls/certs/ca-bundle.crt",
];
/// Folders that OpenSSL looks for a single authority in, by the hash of its name.
const FOLDERS: [&str; 2] = ["ssl/certs", "pki/tls/certs"];
/// Java's lists, which its installations have links to.
const KEY_STORES: [&str; 2] = ["ssl/certs/java/cacerts", "pki/ca-trust/extracted/java/cacerts"];

/// Adds `authority` to the entries of a new `/etc`.
pub(crate) fn add(authority: &Authority, etc: &mut Vec<(PathBuf, Entry)>) -> Trust {
    let mut bundle = None;
    for (path, entry) in etc.iter_mut() {
        let Entry::File(content) = entry else { continue };
        let is_one_of = |known: &[&str]| known.iter().any(|known| path == Path::new(known));
        if is_one_of(&BUNDLES) {
            if !content.ends_with(b"\n") {
                content.push(b'\n');
            }
            content.extend(authority.pem.as_bytes());
            bundle = bundle.or_else(|| Some(Path::new("/etc").join(&path)));
        } else if is_one_of(&KEY_STORES)
            && let Some(store) = with_certificate(content, &authority.der)
        {
            *content = store;
        }
    }
    let pem = || Entry::File(authority.pem.clone().into_bytes());
    let hashed = |folder: &str| Path::new(folder).join(format!("{}.0", authority.subject_hash));
    let is_there = |folder: &&str| etc.iter().any(|(path, _)| path.parent() == Some(Path::new(folder)));
    let folders: Vec<_> = FOLDERS.into_iter().filter(is_there).collect();
    etc.extend(folders.iter().map(|folder| (hashed(folder), pem())));
    // A host that trusts nobody: there is nothing to add to, and nothing in the way.
    if bundle.is_none() && folders.is_empty() && !etc.iter().any(|(path, _)| path == Path::new(FOLDERS[0])) {
        etc.push((PathBuf::from(BUNDLES[0]), pem()));
        etc.push((hashed(FOLDERS[0]), pem()));
    }
    etc.push((PathBuf::from(ALONE), pem()));
    Trust { authority: Path::new("/etc").join(ALONE), bundle }
}

/// Java's key store `store` with one certificate more; `None` if it isn't of the kind that is all certificates in a row.
///
/// The format is `sun.security.provider.JavaKeyStore`'s: a head with the number of entries, the entries, a digest.
fn with_certificate(store: &[u8], der: &[u8]) -> Option<Vec<u8>> {
    const HEAD: [u8; 8] = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];
    const DIGEST_BYTES: usize = 20;
    /// The password that everybody's store has: it keeps nothing secret.
    const PASSWORD: &str = "changeit";
    let entries = store.strip_prefix(&HEAD)?;
    let (count, entries) = entries.split_first_chunk::<4>()?;
    let entries = entries.get(..entries.len().checked_sub(DIGEST_BYTES)?)?;
    let text = |text: &str| [&u16::try_from(text.len()).unwrap_or(0).to_be_bytes(), text.as_bytes()].concat();
    let trusted = 2_u32.to_be_bytes();
    let never = 0_u64.to_be_bytes();
    let length = u32::try_from(der.len()).ok()?.to_be_bytes();
    let count = u32::from_be_bytes(*count).checked_add(1)?.to_be_bytes();
    let mut written =
        [&HEAD[..], &count, entries, &trusted, &text("lambent"), &never, &text("X.509")].concat();
    written.extend_from_slice(&length);
    written.extend_from_slice(der);
    let mut digest = Sha1::new();
    digest.update(PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    digest.update(b"Mighty Aphrodite");
    digest.update(&written);
    written.extend_from_slice(&digest.finalize());
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Authority {
        Authority { pem: "AUTHORITY\n".to_owned(), der: vec![1, 2, 3], subject_hash: "0a0b0c0d".to_owned() }
    }

    fn file(path: &str, text: &str) -> (PathBuf, Entry) {
        (path.into(), Entry::File(text.into()))
    }

    fn check(mut etc: Vec<(PathBuf, Entry)>, bundle: Option<&str>, expected: &[(&str, &str)]) {
        let trust = add(&authority(), &mut etc);
        assert_eq!(trust.bundle.as_deref(), bundle.map(Path::new));
        let files = etc.iter().filter_map(|(path, entry)| match entry {
            Entry::File(content) => {
                Some((path.to_str().expect("UTF-8"), std::str::from_utf8(content).expect("UTF-8")))
            }
            Entry::Link(_) => None,
        });
        assert_eq!(files.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_authority_is_added_wherever_programs_look() {
        let alone = (ALONE, "AUTHORITY\n");
        check(
            vec![file("ssl/certs/ca-certificates.crt", "A"), file("hosts", "")],
            Some("/etc/ssl/certs/ca-certificates.crt"),
            &[
                ("ssl/certs/ca-certificates.crt", "A\nAUTHORITY\n"),
                ("hosts", ""),
                ("ssl/certs/0a0b0c0d.0", "AUTHORITY\n"),
                alone,
            ],
        );
        // Red Hat's: one is a link to the other's folder.
        check(
            vec![
                ("ssl/certs".into(), Entry::Link("../pki/tls/certs".into())),
                ("pki/tls/certs/ca-bundle.crt".into(), Entry::Link("elsewhere".into())),
                file("pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "A\n"),
            ],
            Some("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
            &[
                ("pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "A\nAUTHORITY\n"),
                ("pki/tls/certs/0a0b0c0d.0", "AUTHORITY\n"),
                alone,
            ],
        );
        check(
            Vec::new(),
            None,
            &[
                ("ssl/certs/ca-certificates.crt", "AUTHORITY\n"),
                ("ssl/certs/0a0b0c0d.0", "AUTHORITY\n"),
                alone,
            ],
        );
        check(vec![("ssl/certs".into(), Entry::Link("/nowhere".into()))], None, &[alone]);
    }

    #[test]
    fn only_a_key_store_is_added_to() {
        let empty = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0][..], &[7; 20]].concat();
        let one = with_certificate(&empty, &[1, 2, 3]).expect("a store");
        assert_eq!(one[8..12], [0, 0, 0, 1]);
        let entry = b"\0\0\0\x02\0\x07lambent\0\0\0\0\0\0\0\0\0\x05X.509\0\0\0\x03\x01\x02\x03";
        assert_eq!(one[12..one.len() - 20], entry[..]);
        assert_eq!(with_certificate(&one, &[]).expect("a store")[8..12], [0, 0, 0, 2]);
        assert_eq!(with_certificate(&one[..20], &[]), None);
        assert_eq!(with_certificate(b"\x30\x82", &[]), None);
    }
}
