//! A folder of files, or a tar archive of one, in which single files are found by their names.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Files in one archive: an image's layers and a few beside.
const ENTRIES_MAX: usize = 10_000;
/// JSON documents are far smaller.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

pub(crate) enum Folder {
    Plain(PathBuf),
    Archive {
        path: PathBuf,
        /// Where each file begins, and its size.
        files: HashMap<String, (u64, u64)>,
    },
}

impl Folder {
    /// Reads an archive's list of files; blocks.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Ok(Self::Plain(path.to_owned()));
        }
        let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
        let mut files = HashMap::new();
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            if files.len() >= ENTRIES_MAX {
                return Err(io::Error::other("the archive has too many files"));
            }
            if entry.header().entry_type().is_file() {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let name = name.trim_start_matches("./").to_owned();
                files.insert(name, (entry.raw_file_position(), entry.size()));
            }
        }
        Ok(Self::Archive { path: path.to_owned(), files })
    }

    /// A file at its beginning, and its size.
    pub(crate) fn file(&self, name: &str) -> io::Result<Option<(File, u64)>> {
        match self {
            Self::Plain(folder) => {
                let stays = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                if !stays {
                    return Err(io::Error::other(format!("{name} leads out of the folder")));
                }
                match File::open(folder.join(name)) {
                    Ok(file) => {
                        let size = file.metadata()?.len();
                        Ok(Some((file, size)))
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Self::Archive { path, files } => {
                let Some((position, size)) = files.get(name) else { return Ok(None) };
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(*position))?;
                Ok(Some((file, *size)))
            }
        }
    }

    /// The whole of a small file.
    pub(crate) fn document(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some((file, size)) = self.file(name)? else { return Ok(None) };
        if size > DOCUMENT_BYTES_MAX {
            return Err(io::Error::other(format!("{name} is too large")));
        }
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}
