//! The API's names as Rust's.

/// `CreateFunctionRequest` → `create_function_request`, `KMSKeyArn` → `kms_key_arn`, `CodeSha256` → `code_sha256`.
pub fn snake(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<Vec<_>>();
    let mut out = String::new();
    for (position, letter) in letters.iter().enumerate() {
        let before = position.checked_sub(1).map(|p| letters[p]);
        let after = letters.get(position + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts_word {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A field's name: snake case, and a raw identifier where Rust has the word for itself.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    const KEYWORDS: [&str; 13] = [
        "type", "match", "ref", "mod", "move", "use", "where", "enum", "struct", "in", "for", "loop",
        "override",
    ];
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

pub fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// A type's name: as in the model, with a capital first.
pub fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// An enum's variant: `nodejs20.x` → `Nodejs20X`, `DEBUG` → `Debug`, `x86_64` → `X86_64`.
pub fn variant(value: &str) -> String {
    let mut out = String::new();
    let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let shouted = word.chars().all(|c| !c.is_ascii_lowercase());
        if out.ends_with(|c: char| c.is_ascii_digit()) && word.starts_with(|c: char| c.is_ascii_digit()) {
            out.push('_');
        }
        for (position, letter) in word.chars().enumerate() {
            out.push(match (position, shouted) {
                (0, _) => letter.to_ascii_uppercase(),
                (_, true) => letter.to_ascii_lowercase(),
                _ => letter,
            });
        }
    }
    // Neither numbers nor Rust's own word can be names.
    if out.starts_with(|c: char| c.is_ascii_digit()) || out == "Self" { format!("V{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_rust_writes_them() {
        for (name, expected) in [
            ("CreateFunctionRequest", "create_function_request"),
            ("KMSKeyArn", "kms_key_arn"),
            ("CodeSha256", "code_sha256"),
            ("logGroupName", "log_group_name"),
            ("S3ObjectVersion", "s3_object_version"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(name), expected);
        }
        for (value, expected) in [
            ("nodejs20.x", "Nodejs20X"),
            ("DEBUG", "Debug"),
            ("SELF", "VSelf"),
            ("x86_64", "X86_64"),
            ("PassThrough", "PassThrough"),
        ] {
            assert_eq!(variant(value), expected);
        }
    }
}
