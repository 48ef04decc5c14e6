//! Pages of a list: how many, and where the next begins.

use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::refusal::invalid;

/// What a page has when its client does not say; the model bounds what a client may say.
const LENGTH: usize = 400;

/// Of `items`, in the order of their keys, those behind the marker, and the marker of the next page.
///
/// # Errors
/// 400 for what is no marker of ours.
pub(crate) fn of<T>(
    mut items: Vec<(String, T)>,
    marker: Option<&str>,
    size: Option<i32>,
) -> Result<(Vec<T>, Option<String>)> {
    let length = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(LENGTH);
    let after = marker.map(|marker| {
        let last = BASE64.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        last.ok_or_else(|| invalid(format!("Marker '{marker}' is not valid")))
    });
    let after = after.transpose()?;
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut rest = items.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let page = rest.by_ref().take(length).collect::<Vec<_>>();
    let next = match (rest.next(), page.last()) {
        (Some(_), Some((key, _))) => Some(BASE64.encode(key)),
        _ => None,
    };
    Ok((page.into_iter().map(|(_, item)| item).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let items = || ["c", "a", "b"].map(|key| (key.to_owned(), key)).to_vec();
        let (first, next) = of(items(), None, Some(2)).expect("a page");
        assert_eq!(first, ["a", "b"]);
        let (second, end) = of(items(), next.as_deref(), Some(2)).expect("a page");
        assert_eq!((second, end), (vec!["c"], None));
        assert_eq!(of(items(), None, Some(3)).expect("a page").1, None);
        assert!(of(items(), Some("%"), None).is_err());
    }
}
