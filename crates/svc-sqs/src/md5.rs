//! The MD5s that SDKs check: of a body, and of attributes as AWS lays them out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use crate::message::Attribute;

pub(crate) fn of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// In order of name: name, type, 1 for text or 2 for bytes, value; each but the mark with its length before it.
/// `None` without attributes.
pub(crate) fn of_attributes<'a>(
    attributes: impl Iterator<Item = (&'a String, &'a Attribute)>,
) -> Option<String> {
    let sorted = attributes.collect::<BTreeMap<_, _>>();
    if sorted.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in sorted {
        for text in [name, &attribute.data_type] {
            digest.update(length(text.as_bytes()));
            digest.update(text.as_bytes());
        }
        let (mark, value) = attribute.bytes();
        digest.update([mark]);
        digest.update(length(&value));
        digest.update(&value);
    }
    Some(hex(&digest.finalize()))
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Attribute {
    /// The mark of its kind, and its value's bytes.
    fn bytes(&self) -> (u8, Vec<u8>) {
        match (&self.binary, &self.string) {
            // What is stored was encoded here.
            (Some(binary), _) => (2, BASE64.decode(binary).unwrap_or_default()),
            (None, string) => (1, string.clone().unwrap_or_default().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_aws_computes_them() {
        assert_eq!(of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
        let text = |data_type: &str, value: &str| Attribute {
            data_type: data_type.to_owned(),
            string: Some(value.to_owned()),
            binary: None,
        };
        // Laid out by hand after AWS's description, and digested by another MD5.
        let attributes =
            BTreeMap::from([("n".to_owned(), text("Number", "1")), ("a".to_owned(), text("String", "b"))]);
        assert_eq!(of_attributes(attributes.iter()).as_deref(), Some("264f0721f31bf80dda837ee05a608156"));
        assert_eq!(of_attributes(BTreeMap::new().iter()), None);
    }
}
