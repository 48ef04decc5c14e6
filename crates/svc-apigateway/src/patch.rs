//! Patch operations, in which REST APIs say every change: `{"op": "replace", "path": "/name", "value": "x"}`.

use std::collections::BTreeMap;
use std::str::FromStr;

use api_apigateway::{Op, PatchOperation};
use aws_wire::Result;

use crate::refusal::bad_request;

/// One operation, read.
pub(crate) struct Patch {
    op: Op,
    path: String,
    /// Its segments, with `~1` and `~0` for slash and tilde.
    segments: Vec<String>,
    value: Option<String>,
}

/// # Errors
/// 400 for what is no patch, and for operations that are nowhere supported.
pub(crate) fn read(operations: Option<Vec<PatchOperation>>) -> Result<Vec<Patch>> {
    operations.unwrap_or_default().into_iter().map(Patch::check).collect()
}

/// A change of something that parts can be copied within.
pub(crate) enum Change {
    Patch(Patch),
    /// From one path to another, as segments of names.
    Copy {
        from: String,
        to: String,
    },
}

/// # Errors
/// 400 for what is no patch, and for operations that are not supported.
pub(crate) fn read_with_copies(operations: Option<Vec<PatchOperation>>) -> Result<Vec<Change>> {
    let read = |operation: PatchOperation| {
        if operation.op != Some(Op::Copy) {
            return Patch::check(operation).map(Change::Patch);
        }
        let path = |path: Option<String>| path.unwrap_or_default();
        Ok(Change::Copy { from: path(operation.from), to: path(operation.path) })
    };
    operations.unwrap_or_default().into_iter().map(read).collect()
}

impl Patch {
    fn check(operation: PatchOperation) -> Result<Self> {
        let op = operation.op.ok_or_else(|| bad_request("Invalid null or empty patch operation"))?;
        if !matches!(op, Op::Add | Op::Remove | Op::Replace) {
            return Err(bad_request(
                "Invalid patch operation specified. Must be one of: [add, remove, replace]",
            ));
        }
        let path = operation.path.unwrap_or_default();
        let segments = path.strip_prefix('/').map(|path| path.split('/')).into_iter().flatten();
        let segments =
            segments.map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect::<Vec<_>>();
        if segments.is_empty() {
            return Err(bad_request(format!("Invalid patch path '{path}' specified")));
        }
        Ok(Self { op, path, segments, value: operation.value })
    }

    pub(crate) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    pub(crate) fn is_add(&self) -> bool {
        self.op == Op::Add
    }

    pub(crate) fn is_remove(&self) -> bool {
        self.op == Op::Remove
    }

    /// The operation's refusal: there is nothing at its path that it could be done to.
    pub(crate) fn invalid(&self) -> aws_wire::AwsError {
        bad_request(format!(
            "Invalid patch path  '{}' specified for op '{}'. Please choose supported operations",
            self.path,
            self.op.as_str()
        ))
    }

    /// What is to stand there.
    ///
    /// # Errors
    /// 400 where something is to be taken away that must be.
    pub(crate) fn text(&self) -> Result<String> {
        if self.is_remove() {
            return Err(self.invalid());
        }
        Ok(self.value.clone().unwrap_or_default())
    }

    /// What is to stand there, if anything.
    pub(crate) fn optional(&self) -> Option<String> {
        if self.is_remove() { None } else { self.value.clone() }
    }

    /// # Errors
    /// 400 for another value.
    pub(crate) fn flag(&self) -> Result<bool> {
        Ok(self.text()?.eq_ignore_ascii_case("true"))
    }

    /// # Errors
    /// 400 for what is no such number.
    pub(crate) fn number<T: FromStr>(&self) -> Result<T> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| bad_request(format!("Invalid value '{text}' specified for path '{}'", self.path)))
    }

    /// Sets or takes away what a map has at `key`.
    ///
    /// # Errors
    /// 400 for taking away what is not there.
    pub(crate) fn entry(&self, map: &mut BTreeMap<String, String>, key: &str) -> Result<()> {
        if !self.is_remove() {
            map.insert(key.to_owned(), self.text()?);
            return Ok(());
        }
        map.remove(key).map(drop).ok_or_else(|| self.nothing())
    }

    /// The same of a map of flags.
    ///
    /// # Errors
    /// 400 for taking away what is not there.
    pub(crate) fn flag_entry(&self, map: &mut BTreeMap<String, bool>, key: &str) -> Result<()> {
        if !self.is_remove() {
            map.insert(key.to_owned(), self.flag()?);
            return Ok(());
        }
        map.remove(key).map(drop).ok_or_else(|| self.nothing())
    }

    /// Adds to or takes from a list what the path's last segment names.
    ///
    /// # Errors
    /// 400 for taking away what is not there.
    pub(crate) fn member(&self, list: &mut Vec<String>, value: &str) -> Result<()> {
        if !self.is_remove() {
            if !list.iter().any(|known| known == value) {
                list.push(value.to_owned());
            }
            return Ok(());
        }
        let before = list.len();
        list.retain(|known| known != value);
        if list.len() == before { Err(self.nothing()) } else { Ok(()) }
    }

    /// What the operation gives, also one that takes away.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    pub(crate) fn nothing(&self) -> aws_wire::AwsError {
        bad_request(format!("Cannot remove path '{}': there is nothing at it", self.path))
    }
}
