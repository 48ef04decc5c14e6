//! How a version's log is written, and which of its records are severe enough to be kept.

use serde_json::Value as Json;

/// How severe a record is; later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    /// By its name, or one that a language's own logger uses for it.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "TRACE" => Self::Trace,
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARN" | "WARNING" => Self::Warn,
            "ERROR" => Self::Error,
            "FATAL" | "CRITICAL" => Self::Fatal,
            _ => return None,
        })
    }
}

/// A function's `LoggingConfig`, apart from the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logging {
    #[default]
    Text,
    Json {
        /// The least severe level of the function's own records that is kept.
        application: Level,
        /// The same of the platform's records.
        system: Level,
    },
}

impl Logging {
    pub fn is_json(self) -> bool {
        self != Self::Text
    }

    /// Whether a record of the function's is kept; `told` is the level that it came with.
    pub(crate) fn keeps(self, told: Option<Level>, message: &str) -> bool {
        match self {
            Self::Text => true,
            // What has no level can't be judged.
            Self::Json { application, .. } => {
                told.or_else(|| level_of(message)).is_none_or(|level| level >= application)
            }
        }
    }
}

/// The level that a JSON record names.
fn level_of(message: &str) -> Option<Level> {
    Level::parse(json_object(message)?.get("level")?.as_str()?)
}

/// A message that is one JSON object.
pub(crate) fn json_object(message: &str) -> Option<Json> {
    let begins = message.trim_start().starts_with('{');
    begins.then(|| serde_json::from_str::<Json>(message).ok()).flatten().filter(Json::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_decide_in_json_only() {
        let json = Logging::Json { application: Level::Warn, system: Level::Info };
        for (logging, told, message, kept) in [
            (Logging::Text, Some(Level::Trace), r#"{"level":"TRACE"}"#, true),
            (json, None, r#"{"level":"INFO","message":"m"}"#, false),
            (json, None, r#"{"level":"warning"}"#, true),
            (json, None, r#"{"level":"critical"}"#, true),
            (json, None, r#"{"level":7}"#, true),
            (json, None, "INFO plain", true),
            (json, None, r#"{"level":"INFO""#, true),
            (json, Some(Level::Debug), "plain", false),
            (json, Some(Level::Error), r#"{"level":"INFO"}"#, true),
        ] {
            assert_eq!(logging.keeps(told, message), kept, "{logging:?} {told:?} {message}");
        }
    }
}
