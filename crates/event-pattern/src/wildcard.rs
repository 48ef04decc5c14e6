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

/// The letters before the first star, and those behind the last.
pub(crate) fn ends(pattern: &[Option<char>]) -> (String, String) {
    let head = pattern.iter().map_while(|letter| *letter).collect();
    let tail = pattern.iter().rev().map_while(|letter| *letter).collect::<Vec<_>>();
    (head, tail.into_iter().rev().collect())
}

/// In time of the two lengths' product at most: only the last star is ever tried again.
pub(crate) fn matches(pattern: &[Option<char>], text: &str) -> bool {
    let (mut at, mut left) = (0, text.chars());
    // Where the pattern goes on behind the last star, and the text behind what that star stands for.
    let mut star = None;
    loop {
        let mut behind = left.clone();
        let Some(letter) = behind.next() else { break };
        match pattern.get(at) {
            Some(Some(wanted)) if *wanted == letter => (at, left) = (at + 1, behind),
            Some(None) => {
                at += 1;
                star = Some((at, left.clone()));
            }
            _ => {
                let Some((behind_star, taken)) = &mut star else { return false };
                taken.next();
                (at, left) = (*behind_star, taken.clone());
            }
        }
    }
    pattern[at..].iter().all(Option::is_none)
}
