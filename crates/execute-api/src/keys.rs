//! Everything that both of API Gateway's services store together, one line each. Numbers and layouts are on disk for
//! ever.

use kv::Table;

use crate::domain::{Domain, Mapping};
use crate::owner::Owner;

/// Account, region, name in small letters.
pub type DomainKey = (String, String, String);
/// The same, and the path below which an API is; none is every path that no other has.
pub type MappingKey = (String, String, String, String);

/// Every custom domain name, until it is deleted; its mappings go with it.
pub const DOMAINS: Table<DomainKey, Domain> = Table::new(757, "custom domain names");
/// Whose a name is.
pub const DOMAIN_OWNERS: Table<String, Owner> = Table::new(758, "custom domain name owners");
pub const MAPPINGS: Table<MappingKey, Mapping> = Table::new(759, "custom domain name mappings");

/// The key of a mapping of this domain.
pub fn mapping((account, region, name): &DomainKey, path: &str) -> MappingKey {
    (account.clone(), region.clone(), name.clone(), path.to_owned())
}
