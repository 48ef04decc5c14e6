//! Texts with stars in them, each standing for any letters; a backslash takes a star's or its own meaning away.

/// The letters of a pattern; `None` is a star.
pub(crate) type Wildcard = Vec<Option<char>>;

/// # Errors
/// In AWS's words for two stars in a row, and for a backslash before anything else. Positions count the quote that the
/// text begins with, as AWS's do.
pub(crate) fn parse(text: &str) -> Result<Wildcard, String> {
    let mut parsed = Wildcard::new();
    let mut letters = (1..).zip(text.chars());
    while let Some((position, letter)) = letters.next() {
        match letter {
            '*' if parsed.last() == Some(&None) => {
                return Err(format!("Consecutive wildcard characters at pos {}", position - 1));
            }
            '*' => parsed.push(None),
            '\\' => match letters.next() {
                Some((_, letter @ ('*' | '\\'))) => parsed.push(Some(letter)),
                _ => return Err(format!("Invalid escape character at pos {position}")),
            },
            letter => parsed.push(Some(letter)),
        }
    }
    Ok(parsed)
}

/// In time of the two lengths' product at most: only the last star is ever tried again.
pub(crate) fn matches(pattern: &[Option<char>], text: &str) -> bool {
    let text = text.chars().collect::<Vec<_>>();
    let (mut at, mut in_text) = (0, 0);
    let mut star = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(Some(letter)) if *letter == text[in_text] => (at, in_text) = (at + 1, in_text + 1),
            Some(None) => {
                star = Some((at, in_text));
                at += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, in_text) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(Option::is_none)
}
