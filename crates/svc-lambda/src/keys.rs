//! Everything that Lambda stores, one line each. Numbers and layouts are on disk for ever.

use env::Timestamp;
use kv::Table;

use crate::alias::Alias;
use crate::asynchronous::config::{EventInvokeConfig, RecursionConfig};
use crate::asynchronous::event::Work;
use crate::code_signing::CodeSigningConfig;
use crate::concurrency::Reserved;
use crate::event_source_mapping::EventSourceMapping;
use crate::function::Function;
use crate::layer::{Layer, LayerVersion};
use crate::policy::ResourcePolicy;
use crate::provisioned::Config;
use crate::published::Published;
use crate::url::{FunctionUrl, UrlOwner};

/// Account, region, function name.
pub(crate) type FunctionKey = (String, String, String);
/// A function's key and a version's number.
pub(crate) type VersionKey = (String, String, String, u64);
/// A function's key and an alias' name.
pub(crate) type AliasKey = (String, String, String, String);
/// A function's key and a qualifier: a version's number or an alias' name.
pub(crate) type ProvisionedKey = (String, String, String, String);

/// A function's key, when the work is due, and an id of its own.
pub(crate) type WorkKey = (String, String, String, Timestamp, String);
/// A function's key, and `$LATEST` or an alias' name.
pub(crate) type UrlKey = (String, String, String, String);
/// Account, region, layer name.
pub(crate) type LayerKey = (String, String, String);
/// A layer's key and a version's number.
pub(crate) type LayerVersionKey = (String, String, String, u64);

/// Every function, until it is deleted.
pub(crate) const FUNCTIONS: Table<FunctionKey, Function> = Table::new(100, "lambda functions");
/// Every published version, until it or its function is deleted.
pub(crate) const VERSIONS: Table<VersionKey, Published> = Table::new(101, "lambda versions");
/// Every alias, until it or its function is deleted.
pub(crate) const ALIASES: Table<AliasKey, Alias> = Table::new(102, "lambda aliases");
/// Reserved concurrency, until it is given back or its function is deleted.
pub(crate) const RESERVED: Table<FunctionKey, Reserved> = Table::new(140, "lambda reserved concurrency");
/// Provisioned concurrency, until it, its version, its alias or its function is deleted.
pub(crate) const PROVISIONED: Table<ProvisionedKey, Config> =
    Table::new(141, "lambda provisioned concurrency");

/// A function's key and a qualifier; none is empty.
pub(crate) type PolicyKey = (String, String, String, String);
/// Account, region, a code signing configuration's id.
pub(crate) type CodeSigningKey = (String, String, String);
/// A code signing configuration's key and a function's name.
pub(crate) type CodeSignedKey = (String, String, String, String);
/// Account, region, UUID.
pub(crate) type MappingKey = (String, String, String);

/// Every policy of a function, version or alias, until it loses its last statement or what it is of.
pub(crate) const POLICIES: Table<PolicyKey, ResourcePolicy> = Table::new(150, "lambda policies");
/// Every code signing configuration, until it is deleted.
pub(crate) const CODE_SIGNING_CONFIGS: Table<CodeSigningKey, CodeSigningConfig> =
    Table::new(151, "lambda code signing configs");
/// The id of a function's code signing configuration, while it has one.
pub(crate) const FUNCTION_CODE_SIGNING: Table<FunctionKey, String> =
    Table::new(152, "lambda functions' code signing");
/// The functions of a code signing configuration: table 152 the other way round.
pub(crate) const CODE_SIGNED_FUNCTIONS: Table<CodeSignedKey, ()> =
    Table::new(153, "lambda code signed functions");
/// Every event source mapping, until its deletion is done.
pub(crate) const EVENT_SOURCE_MAPPINGS: Table<MappingKey, EventSourceMapping> =
    Table::new(154, "lambda event source mappings");
/// The UUID of the one mapping of a source and a function, by account, region and what `identity` made of the two.
pub(crate) const MAPPING_IDENTITIES: Table<MappingKey, String> = Table::new(155, "lambda mapping identities");
/// Events to be run and records to be delivered, until they are.
pub(crate) const WORK: Table<WorkKey, Work> = Table::new(120, "lambda event work");
/// How a qualifier's events are treated, until that is deleted, or the qualifier or function is.
pub(crate) const EVENT_INVOKE_CONFIGS: Table<AliasKey, EventInvokeConfig> =
    Table::new(121, "lambda event invoke configs");
/// What a loop does to a function, until the function is deleted.
pub(crate) const RECURSION_CONFIGS: Table<FunctionKey, RecursionConfig> =
    Table::new(122, "lambda recursion configs");
/// Every function URL, until it, its alias or its function is deleted.
pub(crate) const URLS: Table<UrlKey, FunctionUrl> = Table::new(110, "lambda function urls");
/// Whose URL it is, by the URL's id; as long as the URL.
pub(crate) const URL_OWNERS: Table<String, UrlOwner> = Table::new(111, "lambda function url owners");
/// Every layer that ever had a version.
pub(crate) const LAYERS: Table<LayerKey, Layer> = Table::new(130, "lambda layers");
/// Every version of a layer, until it is deleted.
pub(crate) const LAYER_VERSIONS: Table<LayerVersionKey, LayerVersion> =
    Table::new(131, "lambda layer versions");
