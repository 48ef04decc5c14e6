//! What becomes of a mail for a recipient: the addresses of SES's mailbox simulator, and everybody else's mailbox.

use crate::address;
use crate::mail::Fate;

/// Whose addresses end mails as their names say.
const SIMULATOR: &str = "simulator.amazonses.com";
/// The file that every scanner takes for a virus, in two halves, so that none takes this one for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

/// The simulator's verdict; `None` for an address that is not the simulator's. A label changes nothing.
pub(crate) fn simulated(recipient: &str) -> Option<Fate> {
    if address::domain(recipient) != SIMULATOR {
        return None;
    }
    let local = recipient.split(['@', '+']).next().unwrap_or_default();
    Some(match local.to_ascii_lowercase().as_str() {
        "success" | "ooto" => Fate::Delivered,
        "complaint" => Fate::Complained,
        "suppressionlist" => Fate::Suppressed,
        // `bounce`, and addresses that the simulator has not.
        _ => Fate::Bounced,
    })
}

/// Whether SES would refuse to send what is in a mail. No scanner runs here: only the test file is known.
pub(crate) fn is_infected(message: &mail_parser::Message<'_>) -> bool {
    let file = EICAR.concat();
    message
        .parts
        .iter()
        .any(|part| part.contents().windows(file.len()).any(|window| window == file.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_decides_by_name() {
        let check = |recipient: &str, expected| assert_eq!(simulated(recipient), expected, "{recipient}");
        check("success@simulator.amazonses.com", Some(Fate::Delivered));
        check("Success+label@simulator.amazonses.com", Some(Fate::Delivered));
        check("bounce+a@simulator.amazonses.com", Some(Fate::Bounced));
        check("complaint@simulator.amazonses.com", Some(Fate::Complained));
        check("suppressionlist@simulator.amazonses.com", Some(Fate::Suppressed));
        check("nobody@simulator.amazonses.com", Some(Fate::Bounced));
        check("bounce@example.com", None);
    }

    #[test]
    fn the_test_file_is_an_infection() {
        let raw = |body: &str| format!("From: a@b.c\r\n\r\n{body}\r\n");
        let infected = |body: &str| is_infected(&crate::mime::parse(raw(body).as_bytes()).expect("a mail"));
        assert!(infected(&EICAR.concat()));
        assert!(!infected(EICAR[0]));
        assert!(!infected("hello"));
    }
}
