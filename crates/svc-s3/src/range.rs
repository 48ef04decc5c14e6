//! The `Range` header.

use aws_wire::Result;

use crate::errors;

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u64,
    pub size_bytes: u64,
}

impl Span {
    pub(crate) fn content_range(self, whole: u64) -> String {
        let last = (self.start + self.size_bytes).saturating_sub(1);
        format!("bytes {}-{last}/{whole}", self.start)
    }
}

/// What `header` asks of an object of that size; `None` for what S3 ignores: several ranges, or what is no range.
///
/// # Errors
/// 416 for a range that begins behind the end.
pub(crate) fn read(header: &str, whole: u64) -> Result<Option<Span>> {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| (!text.is_empty()).then(|| text.trim().parse::<u64>().ok());
    let span = match (number(first), number(last)) {
        (Some(Some(first)), None) if first < whole => Span { start: first, size_bytes: whole - first },
        (Some(Some(first)), Some(Some(last))) if last < first => return Ok(None),
        (Some(Some(first)), Some(Some(last))) if first < whole => {
            Span { start: first, size_bytes: last.min(whole - 1) - first + 1 }
        }
        (None, Some(Some(count))) if count > 0 && whole > 0 => {
            let size_bytes = count.min(whole);
            Span { start: whole - size_bytes, size_bytes }
        }
        (Some(Some(_)), None | Some(Some(_))) | (None, Some(Some(_))) => {
            return Err(errors::invalid_range(header, whole));
        }
        _ => return Ok(None),
    };
    Ok(Some(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_s3_reads_them() {
        let check = |header: &str, expected: Option<(u64, u64)>| {
            let found = read(header, 10).expect("satisfiable").map(|span| (span.start, span.size_bytes));
            assert_eq!(found, expected, "{header}");
        };
        check("bytes=0-0", Some((0, 1)));
        check("bytes=2-5", Some((2, 4)));
        check("bytes=2-", Some((2, 8)));
        check("bytes=-3", Some((7, 3)));
        check("bytes=-30", Some((0, 10)));
        check("bytes=9-100", Some((9, 1)));
        check("bytes=5-2", None);
        check("bytes=a-b", None);
        check("bytes=0-1,3-4", None);
        check("lines=1-2", None);
        for refused in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(read(refused, 10).expect_err("behind the end").status, 416, "{refused}");
        }
        assert_eq!(read("bytes=0-", 0).expect_err("nothing there").status, 416);
    }
}
