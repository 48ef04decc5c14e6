//! Checksums of objects: CRCs and SHAs, of the whole or of the parts' checksums.

use api_s3::{ChecksumAlgorithm, ChecksumType};
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::errors;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a version or a part is known to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub algorithm: Algorithm,
    /// Base64; of a composite one with the number of parts behind a dash.
    pub value: String,
    /// Of the parts' checksums, not of the bytes.
    #[serde(default)]
    pub composite: bool,
}

impl Checksum {
    /// Whether it is of the bytes themselves, and taken of them about as fast as they are copied.
    pub(crate) fn is_cheap(&self) -> bool {
        !self.composite && self.algorithm.crc().is_some()
    }
}

pub(crate) const ALL: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The name of its field in a trailer.
    pub(crate) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    pub(crate) fn shown(self) -> ChecksumAlgorithm {
        match self {
            Self::Crc32 => ChecksumAlgorithm::Crc32,
            Self::Crc32c => ChecksumAlgorithm::Crc32c,
            Self::Crc64Nvme => ChecksumAlgorithm::Crc64nvme,
            Self::Sha1 => ChecksumAlgorithm::Sha1,
            Self::Sha256 => ChecksumAlgorithm::Sha256,
        }
    }

    /// # Errors
    /// 501 for the algorithms that are not served.
    pub(crate) fn of(asked: ChecksumAlgorithm, operation: &'static str) -> Result<Self> {
        let found = ALL.into_iter().find(|algorithm| algorithm.shown() == asked);
        found.ok_or_else(|| {
            let parameter = format!("ChecksumAlgorithm {}", asked.as_str());
            aws_wire::AwsError::parameter_not_implemented(operation, &parameter)
        })
    }

    fn crc(self) -> Option<(CrcAlgorithm, usize)> {
        match self {
            Self::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
            Self::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
            Self::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    fn size_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            crc => crc.crc().map_or(8, |(_, size_bytes)| size_bytes),
        }
    }

    /// What parts' checksums make by themselves where a client names no type.
    pub(crate) fn default_type(self) -> ChecksumType {
        if self == Self::Crc64Nvme { ChecksumType::FullObject } else { ChecksumType::Composite }
    }

    /// Whether the whole's checksum follows from its parts'.
    pub(crate) fn combines(self) -> bool {
        self.crc().is_some()
    }
}

/// One checksum at work.
pub(crate) enum Hasher {
    Crc(Box<crc_fast::Digest>, usize),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some((crc, size_bytes))) => Self::Crc(Box::new(crc_fast::Digest::new(crc)), size_bytes),
            (Algorithm::Sha1, _) => Self::Sha1(Sha1::new()),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(digest, _) => digest.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(digest, size_bytes) => digest.finalize().to_be_bytes()[8 - size_bytes..].to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A checksum that a client stated.
///
/// # Errors
/// 400 for what is none.
pub(crate) fn read(algorithm: Algorithm, text: &str) -> Result<Vec<u8>> {
    let bytes = BASE64.decode(text).ok().filter(|bytes| bytes.len() == algorithm.size_bytes());
    bytes.ok_or_else(|| {
        let header = algorithm.header();
        errors::invalid_request(format!("Value for {header} header is invalid."))
    })
}

/// What a client says that a body's checksums are; a trailer may say it later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    pub values: Vec<(Algorithm, String)>,
    /// Announced, perhaps for the trailer.
    pub announced: Option<Algorithm>,
}

impl Stated {
    /// # Errors
    /// 400 for more than one, or for what is no checksum; 501 for an algorithm that is not served.
    pub(crate) fn check(
        operation: &'static str,
        algorithm: Option<ChecksumAlgorithm>,
        values: [&Option<String>; 5],
    ) -> Result<Self> {
        let values = ALL.into_iter().zip(values);
        let values = values.filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)));
        let values = values.collect::<Vec<_>>();
        if values.len() > 1 {
            let message =
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
            return Err(errors::invalid_request(message));
        }
        for (algorithm, value) in &values {
            read(*algorithm, value)?;
        }
        let announced = algorithm.map(|asked| Algorithm::of(asked, operation)).transpose()?;
        Ok(Self { values, announced })
    }

    /// The algorithm to compute.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.values.first().map(|(algorithm, _)| *algorithm).or(self.announced)
    }
}

/// The checksum of an object in parts: each part's value and size.
pub(crate) fn of_parts(algorithm: Algorithm, composite: bool, parts: &[(Vec<u8>, u64)]) -> Checksum {
    if composite {
        let mut hasher = Hasher::new(algorithm);
        parts.iter().for_each(|(value, _)| hasher.update(value));
        let value = format!("{}-{}", base64(&hasher.finish()), parts.len());
        return Checksum { algorithm, value, composite: true };
    }
    let (crc, size_bytes) = algorithm.crc().expect("only CRCs are asked to combine");
    let number = |value: &[u8]| value.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut parts = parts.iter();
    let first = parts.next().map_or(0, |(value, _)| number(value));
    let whole = parts.fold(first, |whole, (value, size)| checksum_combine(crc, whole, number(value), *size));
    let value = base64(&whole.to_be_bytes()[8 - size_bytes..]);
    Checksum { algorithm, value, composite: false }
}

/// Sets the fields of a generated type that tell a checksum.
macro_rules! show_checksum {
    ($shown:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                $crate::checksum::Algorithm::Crc32 => $shown.checksum_crc32 = value,
                $crate::checksum::Algorithm::Crc32c => $shown.checksum_crc32_c = value,
                $crate::checksum::Algorithm::Crc64Nvme => $shown.checksum_crc64_nvme = value,
                $crate::checksum::Algorithm::Sha1 => $shown.checksum_sha1 = value,
                $crate::checksum::Algorithm::Sha256 => $shown.checksum_sha256 = value,
            }
        }
    };
}

/// The checksums that an input states, in the order of [`ALL`].
macro_rules! stated_checksums {
    ($input:expr) => {
        [
            &$input.checksum_crc32,
            &$input.checksum_crc32_c,
            &$input.checksum_crc64_nvme,
            &$input.checksum_sha1,
            &$input.checksum_sha256,
        ]
    };
}

/// Refuses the checksums that are not served, by name.
macro_rules! refuse_checksums {
    ($operation:literal, $input:expr) => {
        let unserved = [
            ("ChecksumSHA512", $input.checksum_sha512.is_some()),
            ("ChecksumMD5", $input.checksum_md5.is_some()),
            ("ChecksumXXHASH64", $input.checksum_xxhash64.is_some()),
            ("ChecksumXXHASH3", $input.checksum_xxhash3.is_some()),
            ("ChecksumXXHASH128", $input.checksum_xxhash128.is_some()),
        ];
        if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
            return Err(aws_wire::AwsError::parameter_not_implemented($operation, parameter));
        }
    };
}

pub(crate) use {refuse_checksums, show_checksum, stated_checksums};

impl Checksum {
    pub(crate) fn shown_type(&self) -> ChecksumType {
        if self.composite { ChecksumType::Composite } else { ChecksumType::FullObject }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn checksums_are_those_of_their_catalogues() {
        let check = |algorithm, expected: &str| {
            let found =
                of(algorithm, b"123456789").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            assert_eq!(found, expected, "{algorithm:?}");
        };
        check(Algorithm::Crc32, "cbf43926");
        check(Algorithm::Crc32c, "e3069283");
        check(Algorithm::Crc64Nvme, "ae8b14860a799888");
        check(Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        check(Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }

    #[test]
    fn crcs_of_parts_combine_to_the_crc_of_the_whole() {
        let whole = (0..100_000_u32).flat_map(u32::to_be_bytes).collect::<Vec<_>>();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = whole.chunks(77_777).map(|part| (of(algorithm, part), part.len() as u64));
            let combined = of_parts(algorithm, false, &parts.collect::<Vec<_>>());
            assert_eq!(combined.value, base64(&of(algorithm, &whole)), "{algorithm:?}");
        }
    }
}
