//! Deployment packages, sound ones; what is broken about the others is the test's affair.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A package that runs as `provided.al2023`; `content` tells it from others.
pub fn package(content: &str) -> Vec<u8> {
    package_of(&[("bootstrap", 0o755, content.as_bytes())])
}

/// A package of these files: name, mode, bytes.
pub fn package_of(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode))
            .expect("a name is a name");
        zip.write_all(bytes).expect("memory takes bytes");
    }
    zip.finish().expect("memory takes bytes").into_inner()
}
