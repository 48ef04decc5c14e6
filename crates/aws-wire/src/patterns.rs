//! An API's URI patterns by method and first part: an API has a hundred, and every request meets those of all APIs.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::schema::Operation;

/// Where an API's operations are found by what a request's path begins with; made when it is first asked for.
#[derive(Debug)]
pub struct Patterns(OnceLock<Index>);

#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By method and by the pattern's first part, where that is literal.
    literal: HashMap<(&'static str, &'static str), Vec<&'static Operation>>,
    /// Those that begin with a label, or have no part at all.
    open: Vec<&'static Operation>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self::new()
    }
}

impl Patterns {
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn of(&self, operations: &[&'static Operation]) -> &Index {
        self.0.get_or_init(|| Index::new(operations))
    }
}

impl Index {
    fn new(operations: &[&'static Operation]) -> Self {
        let mut index = Self::default();
        for operation in operations {
            let path = operation.uri.split('?').next().unwrap_or_default();
            match path.split('/').find(|part| !part.is_empty()) {
                Some(first) if !first.starts_with('{') => {
                    index.literal.entry((operation.method, first)).or_default().push(operation);
                }
                _ => index.open.push(operation),
            }
        }
        index
    }

    pub(crate) fn candidates<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
    ) -> impl Iterator<Item = &'static Operation> + 'a {
        let path = path.strip_prefix('/').unwrap_or(path);
        let first = path.split('/').next().unwrap_or_default();
        let literal = self.literal.get(&(method, first)).into_iter().flatten();
        let open = self.open.iter().filter(move |operation| operation.method == method);
        literal.chain(open).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_fit_is_looked_at() {
        let operation = |name, method, uri| -> &'static Operation {
            Box::leak(Box::new(Operation { name, method, uri, status: 200, io: None }))
        };
        let index = Index::new(&[
            operation("Get", "GET", "/things/{Id}"),
            operation("Put", "PUT", "/things/{Id}?what"),
            operation("List", "GET", "/things/"),
            operation("Other", "GET", "/others?list-type=2"),
            operation("Any", "GET", "/{Key+}"),
            operation("Root", "GET", "/?list"),
        ]);
        let check = |method: &str, path: &str, expected: &[&str]| {
            let found = index.candidates(method, path).map(|operation| operation.name).collect::<Vec<_>>();
            assert_eq!(found, expected, "{method} {path}");
        };
        check("GET", "/things/1", &["Get", "List", "Any", "Root"]);
        check("GET", "/things", &["Get", "List", "Any", "Root"]);
        check("PUT", "/things/1", &["Put"]);
        check("GET", "/others", &["Other", "Any", "Root"]);
        check("GET", "/", &["Any", "Root"]);
        check("DELETE", "/things/1", &[]);
    }
}
