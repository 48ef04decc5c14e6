//! Pages of a list: at most a hundred, and where the next begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

const LENGTH_MAX: usize = 100;

/// How many a page has, when a client wants so many.
pub fn length(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LENGTH_MAX).min(LENGTH_MAX)
}

/// What a client gives to go on behind `last`.
pub fn token(last: &str) -> String {
    BASE64.encode(last)
}

/// What [`token`] was made of; `None` for what is no such token.
pub fn after(token: &str) -> Option<String> {
    BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// Cuts names or rows to a page; gives the token that the next one wants.
pub fn cut<T>(rows: &mut Vec<T>, length: usize, name: impl Fn(&T) -> &str) -> Option<String> {
    let more = rows.len() > length;
    rows.truncate(length);
    rows.last().filter(|_| more).map(|last| token(name(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_page_says_where_the_next_begins() {
        let mut names = vec!["a", "b", "c"];
        let next = cut(&mut names, 2, |name| name).expect("there is more");
        assert_eq!((names.as_slice(), after(&next).as_deref()), (&["a", "b"][..], Some("b")));
        assert_eq!(cut(&mut names, 2, |name| name), None);
        assert_eq!(after("!"), None);
    }
}
