//! Everything that SES stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::account::Account;
use crate::configuration_set::ConfigurationSet;
use crate::identity::Identity;
use crate::mail::Mail;
use crate::outbox::Parcel;
use crate::receipt::rule::RuleSet;
use crate::receipt::{Received, Task};
use crate::relay::Errand;
use crate::statistics::Counts;
use crate::suppression::Suppressed;
use crate::template::Template;

/// Random, so that rows of one moment are several.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type Named = (String, String, String);

/// Verified addresses and domains, until they are deleted.
pub(crate) const IDENTITIES: Table<Named, Identity> = Table::new(780, "mail identities");
/// Templates, until they are deleted.
pub(crate) const TEMPLATES: Table<Named, Template> = Table::new(781, "mail templates");
/// Configuration sets with their event destinations, until they are deleted.
pub(crate) const CONFIGURATION_SETS: Table<Named, ConfigurationSet> =
    Table::new(782, "mail configuration sets");
/// Addresses that nothing is sent to.
pub(crate) const SUPPRESSED: Table<Named, Suppressed> = Table::new(783, "suppressed mail addresses");
/// An account's settings in a region; absent while they are the defaults.
pub(crate) const ACCOUNTS: Table<(String, String), Account> = Table::new(784, "mail accounts");
/// Every mail that was sent, until somebody clears the mailbox: by its message id, which begins with its time.
pub(crate) const MAILS: Table<Named, Mail> = Table::new(785, "mails");
/// A mail's bytes in Base64, in parts, which go with it.
pub(crate) const CONTENTS: Table<(String, String, String, u32), String> =
    Table::new(786, "contents of mails");
/// What was sent in a quarter of an hour: its start in microseconds, and one of the parts that keep senders apart.
pub(crate) const STATISTICS: Table<(String, String, i64, u8), Counts> = Table::new(787, "mail statistics");
/// Events on their way: when, in microseconds, and which.
pub(crate) const OUTBOX: Table<(i64, Id), Parcel> = Table::new(788, "mail events under way");
/// Mails on their way to the relay, a row for each recipient: when, in microseconds, and which.
pub(crate) const RELAY: Table<(i64, Id), Errand> = Table::new(789, "mails for the relay");
/// Receipt rule sets with their rules, until they are deleted.
pub(crate) const RULE_SETS: Table<Named, RuleSet> = Table::new(790, "receipt rule sets");
/// The name of the rule set that is active.
pub(crate) const ACTIVE: Table<(String, String), String> = Table::new(791, "active receipt rule sets");
/// Mails that came in, until every rule has seen them; their bytes are in [`CONTENTS`].
pub(crate) const RECEIVED: Table<Named, Received> = Table::new(792, "received mails");
/// What rules have still to do with received mails: when, in microseconds, and which.
pub(crate) const TASKS: Table<(i64, Id), Task> = Table::new(793, "receipt rules under way");
