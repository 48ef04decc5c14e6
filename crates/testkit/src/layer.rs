//! Layers in temporary folders.

use std::path::PathBuf;

/// A layer that is gone when it is dropped.
pub struct Layer(tempfile::TempDir);

impl Layer {
    /// With a file for each of these external extensions; what they do is said to [`crate::Scripted::on_extension`].
    ///
    /// # Panics
    /// When there is no temporary folder.
    pub fn with_extensions(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("extensions")).expect("a folder can be made");
        for name in names {
            std::fs::write(folder.path().join("extensions").join(name), "").expect("a file can be written");
        }
        Self(folder)
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}
