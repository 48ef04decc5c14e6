//! Mail addresses as requests name them.

use mail_parser::MessageParser;

use crate::refusal::{Decision, Refusal};

/// An address with the name before it, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub name: Option<String>,
    /// Its domain in small letters.
    pub address: String,
}

impl Mailbox {
    /// Reads `a@b.c` or `A Name <a@b.c>`.
    ///
    /// # Errors
    /// In the words of the mail library that AWS uses.
    pub(crate) fn parse(text: &str) -> Decision<Self> {
        let header = format!("From: {}\r\n\r\n", text.replace(['\r', '\n'], " "));
        let message = MessageParser::default().parse(header.as_bytes());
        let from = message.as_ref().and_then(|message| message.from());
        let mut all = from.into_iter().flat_map(|address| address.iter());
        let (Some(first), None) = (all.next(), all.next()) else {
            return Err(illegal("Illegal address"));
        };
        // A bare word is read as a name without an address.
        let given = first.address().or(first.name()).unwrap_or_default();
        let name = first.address().and(first.name()).map(str::to_owned);
        Ok(Self { name, address: check(given)? })
    }
}

fn illegal(why: &str) -> Refusal {
    Refusal::Invalid(why.to_owned())
}

/// An address as it is compared: only a domain's letters are alike in both cases.
///
/// # Errors
/// When it is none.
pub(crate) fn check(address: &str) -> Decision<String> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err(illegal("Missing final '@domain'"));
    };
    if local.is_empty() {
        return Err(illegal("Missing local name"));
    }
    if local.chars().any(|letter| letter.is_control() || letter.is_whitespace()) && !local.starts_with('"') {
        return Err(illegal("Local address contains control or whitespace"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(illegal("Local address starts with dot"));
    }
    check_domain(domain).map(|domain| format!("{local}@{domain}"))
}

/// # Errors
/// When it is no domain.
pub(crate) fn check_domain(domain: &str) -> Decision<String> {
    if domain.is_empty() {
        return Err(illegal("Missing domain"));
    }
    if domain.starts_with('.') || domain.ends_with('.') {
        return Err(illegal("Domain starts with dot"));
    }
    if domain.contains("..") {
        return Err(illegal("Domain contains dot-dot"));
    }
    let legal = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '.');
    if !domain.chars().all(legal) || domain.chars().count() > 253 {
        return Err(illegal("Domain contains illegal character"));
    }
    Ok(domain.to_lowercase())
}

/// What follows the `@`.
pub(crate) fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_name() {
        let check = |text: &str, name: Option<&str>, address: &str| {
            let found = Mailbox::parse(text).expect(text);
            assert_eq!((found.name.as_deref(), found.address.as_str()), (name, address), "{text}");
        };
        check("a@b.c", None, "a@b.c");
        check("A.B+c@Example.COM", None, "A.B+c@example.com");
        check("A Name <a@b.c>", Some("A Name"), "a@b.c");
        check("\"Doe, Jane\" <jane@b.c>", Some("Doe, Jane"), "jane@b.c");
        check("=?utf-8?q?J=C3=B6rg?= <j@b.c>", Some("Jörg"), "j@b.c");
        check("<a@b.c>", None, "a@b.c");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        let check = |text: &str, reason: &str| match Mailbox::parse(text) {
            Err(Refusal::Invalid(message)) => assert_eq!(message, reason, "{text}"),
            other => panic!("{text}: {other:?}"),
        };
        check("someone", "Missing final '@domain'");
        check("a@b@", "Missing domain");
        check("@b.c", "Missing local name");
        check("a@b..c", "Domain contains dot-dot");
        check("a@b_c.d", "Domain contains illegal character");
        check("a@.b", "Domain starts with dot");
        check("", "Illegal address");
        check("a@b.c, d@e.f", "Illegal address");
    }
}
