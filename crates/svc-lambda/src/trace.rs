//! `X-Amzn-Trace-Id`: carries a request's trace, and how often its chain has passed each function, so that a chain
//! that bites its own tail is seen.
//!
//! `Root=1-…;Parent=…;Sampled=0;Lineage=68fd508a:5|c512fbe3:2`: of each function a hash and a count. SDKs of a function
//! send it on from `_X_AMZN_TRACE_ID`, percent-encoded where it is no URL's character. How AWS lays out Lineage is not
//! documented; an entry may have a number before its hash.

use std::fmt;

use env::Env;
use sha2::{Digest as _, Sha256};

use crate::Ctx;

/// Passes of one function after which a chain is a loop.
pub(crate) const PASSES_MAX: u32 = 16;
/// A longer header is taken for none.
const HEADER_BYTES_MAX: usize = 2048;
/// Functions that a chain remembers, those that it passed most.
const LINEAGE_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    root: String,
    parent: String,
    /// Whether `parent` is a segment of whoever called, or only made up.
    has_parent: bool,
    /// What whoever called has decided.
    sampled: Option<bool>,
    lineage: Vec<(String, u32)>,
}

impl Trace {
    /// The trace that a request goes on, or one that begins with it, not sampled.
    pub(crate) fn of(cx: &Ctx) -> Self {
        Self::begin(cx.trace.as_deref(), &cx.env)
    }

    /// As [`Trace::of`], of this header.
    pub(crate) fn begin(header: Option<&str>, env: &Env) -> Self {
        header.and_then(Self::parse).map_or_else(|| Self::new(env), |trace| trace.completed(env))
    }

    fn new(env: &Env) -> Self {
        let root = format!("1-{:08x}-{}", env.now().as_secs(), random_hex(env, 12));
        Self { root, parent: random_hex(env, 8), has_parent: false, sampled: None, lineage: Vec::new() }
    }

    /// A header may lack its parent.
    fn completed(mut self, env: &Env) -> Self {
        if self.parent.is_empty() {
            self.parent = random_hex(env, 8);
        }
        self
    }

    /// `None` without a root.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        if header.len() > HEADER_BYTES_MAX {
            return None;
        }
        let header = percent_encoding::percent_decode_str(header).decode_utf8().ok()?;
        let field = |name: &str| {
            let fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            let mut fields = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
            fields.next().map(|(_, value)| value)
        };
        let root = field("Root").filter(|root| is_root(root))?;
        let parent = field("Parent").filter(|parent| !parent.is_empty() && is_hex(parent));
        let lineage = field("Lineage").unwrap_or_default().split('|').filter_map(|entry| {
            let (rest, count) = entry.rsplit_once(':')?;
            let hash = rest.rsplit(':').next().filter(|hash| hash.len() == 8 && is_hex(hash))?;
            Some((hash.to_owned(), count.parse().ok()?))
        });
        Some(Self {
            root: root.to_owned(),
            parent: parent.unwrap_or_default().to_owned(),
            has_parent: parent.is_some_and(|parent| parent.len() == 16),
            sampled: match field("Sampled") {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            },
            lineage: lineage.take(LINEAGE_MAX).collect(),
        })
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The segment of whoever called.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.has_parent.then_some(self.parent.as_str())
    }

    /// What whoever called has decided; `None` when that is left to this side.
    pub(crate) fn sampled(&self) -> Option<bool> {
        self.sampled
    }

    /// The trace as it goes on below a segment that is kept.
    pub(crate) fn below(&self, segment: &str) -> Self {
        Self { parent: segment.to_owned(), has_parent: true, sampled: Some(true), ..self.clone() }
    }

    /// How often the chain has passed a function.
    pub(crate) fn passes(&self, function_arn: &str) -> u32 {
        if self.lineage.is_empty() {
            return 0;
        }
        let hash = hash(function_arn);
        self.lineage.iter().find(|(known, _)| *known == hash).map_or(0, |(_, count)| *count)
    }

    /// The header as this function gets it: with one pass more.
    pub(crate) fn through(&self, function_arn: &str) -> String {
        let mut trace = self.clone();
        let hash = hash(function_arn);
        match trace.lineage.iter_mut().find(|(known, _)| *known == hash) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => {
                if trace.lineage.len() == LINEAGE_MAX {
                    let fewest = trace.lineage.iter().enumerate().min_by_key(|(_, (_, count))| *count);
                    if let Some((position, _)) = fewest {
                        trace.lineage.remove(position);
                    }
                }
                trace.lineage.push((hash, 1));
            }
        }
        trace.to_string()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Root={};Parent={};Sampled={}",
            self.root,
            self.parent,
            u8::from(self.sampled == Some(true))
        )?;
        for (position, (hash, count)) in self.lineage.iter().enumerate() {
            write!(f, "{}{hash}:{count}", if position == 0 { ";Lineage=" } else { "|" })?;
        }
        Ok(())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len() <= 32
}

/// `1-5759e988-bd862e3fe1be46a994272793`
fn is_root(text: &str) -> bool {
    let parts = text.split('-').collect::<Vec<_>>();
    matches!(parts[..], ["1", time, random] if time.len() == 8 && random.len() == 24 && is_hex(time) && is_hex(random))
}

fn hash(function_arn: &str) -> String {
    hex(&Sha256::digest(function_arn)[..4])
}

pub(crate) fn random_hex(env: &Env, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    env.fill(&mut random);
    hex(&random)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn headers_are_read_and_written() {
        let check = |header: &str, expected: Option<&str>| {
            let trace = Trace::parse(header).map(|trace| trace.to_string());
            assert_eq!(trace.as_deref(), expected, "{header}");
        };
        let whole = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=68fd508a:5|c512fbe3:2");
        check(&whole, Some(&whole));
        check(&whole.replace('|', "%7C"), Some(&whole));
        check(&whole.replace("68fd", "1:68fd"), Some(&whole));
        check(&format!("Self=1-1-1;{ROOT}"), Some(&format!("{ROOT};Parent=;Sampled=0")));
        check(&format!("{ROOT};Lineage=x|1:2|68fd508a:-1"), Some(&format!("{ROOT};Parent=;Sampled=0")));
        check("Root=1-2-3", None);
        check("", None);
        check(&format!("{ROOT};{}", "x".repeat(HEADER_BYTES_MAX)), None);
    }

    #[test]
    fn passes_are_counted_for_each_function() {
        let mut header = ROOT.to_owned();
        for _ in 0..3 {
            header = Trace::parse(&header).expect("a trace").through("f");
        }
        header = Trace::parse(&header).expect("a trace").through("g");
        let trace = Trace::parse(&header).expect("a trace");
        assert_eq!((trace.passes("f"), trace.passes("g"), trace.passes("h")), (3, 1, 0));
    }

    #[test]
    fn a_long_chain_keeps_those_it_passed_most() {
        let mut header = Trace::parse(ROOT).expect("a trace").through("f");
        header = Trace::parse(&header).expect("a trace").through("f");
        for number in 0..100 {
            header = Trace::parse(&header).expect("a trace").through(&number.to_string());
            assert!(header.len() < HEADER_BYTES_MAX);
        }
        assert_eq!(Trace::parse(&header).expect("a trace").passes("f"), 2);
    }
}
