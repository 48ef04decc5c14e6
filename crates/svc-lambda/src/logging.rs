//! A function's `LoggingConfig`: checked, merged with what was set before, stored and shown.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::Result;
use serde::{Deserialize, Serialize};

/// What both levels are when nobody says.
const DEFAULT_LEVEL: &str = "INFO";

/// The format of a function's log; the group is beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    #[default]
    Text,
    Json {
        application: String,
        system: String,
    },
}

impl Format {
    /// This format with what is asked for; what is not given stays.
    ///
    /// # Errors
    /// 400 for levels of a text log.
    pub(crate) fn with(&self, asked: Option<&api::LoggingConfig>) -> Result<Self> {
        let Some(asked) = asked else { return Ok(self.clone()) };
        let application = asked.application_log_level.as_ref().map(|level| level.as_str().to_owned());
        let system = asked.system_log_level.as_ref().map(|level| level.as_str().to_owned());
        let is_json = match &asked.log_format {
            Some(format) => *format == api::LogFormat::Json,
            None => *self != Self::Text,
        };
        if !is_json && (application.is_some() || system.is_some()) {
            return Err(errors::invalid_parameter_value_exception(
                "Log level is not supported when LogFormat is set to Text. Remove log level from your request or change \
                 the LogFormat to JSON and try again.",
            ));
        }
        if !is_json {
            return Ok(Self::Text);
        }
        let default = || DEFAULT_LEVEL.to_owned();
        let (old_application, old_system) = match self {
            Self::Json { application, system } => (application.clone(), system.clone()),
            Self::Text => (default(), default()),
        };
        Ok(Self::Json {
            application: application.unwrap_or(old_application),
            system: system.unwrap_or(old_system),
        })
    }

    /// As the API shows it.
    pub(crate) fn shown(&self, group: &str) -> api::LoggingConfig {
        let log_group = Some(group.to_owned());
        match self {
            Self::Text => api::LoggingConfig {
                log_format: Some(api::LogFormat::Text),
                log_group,
                ..api::LoggingConfig::default()
            },
            Self::Json { application, system } => api::LoggingConfig {
                log_format: Some(api::LogFormat::Json),
                application_log_level: application.parse().ok(),
                system_log_level: system.parse().ok(),
                log_group,
            },
        }
    }

    /// As execution has it.
    pub(crate) fn honoured(&self) -> execution::Logging {
        match self {
            Self::Text => execution::Logging::Text,
            Self::Json { application, system } => {
                let level = |name: &str| execution::Level::parse(name).unwrap_or(execution::Level::Info);
                execution::Logging::Json { application: level(application), system: level(system) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(format: Option<&str>, application: Option<&str>, system: Option<&str>) -> api::LoggingConfig {
        api::LoggingConfig {
            log_format: format.and_then(|text| text.parse().ok()),
            application_log_level: application.and_then(|text| text.parse().ok()),
            system_log_level: system.and_then(|text| text.parse().ok()),
            log_group: None,
        }
    }

    fn json(application: &str, system: &str) -> Format {
        Format::Json { application: application.to_owned(), system: system.to_owned() }
    }

    #[test]
    fn updates_are_partial() {
        let check = |from: &Format, asked: api::LoggingConfig, expected: Option<Format>| {
            assert_eq!(from.with(Some(&asked)).ok(), expected, "{from:?} with {asked:?}");
        };
        let (text, kept) = (Format::Text, json("DEBUG", "WARN"));
        check(&text, asked(None, None, None), Some(Format::Text));
        check(&text, asked(Some("JSON"), None, None), Some(json("INFO", "INFO")));
        check(&text, asked(Some("JSON"), Some("TRACE"), Some("DEBUG")), Some(json("TRACE", "DEBUG")));
        check(&text, asked(None, Some("TRACE"), None), None);
        check(&text, asked(Some("Text"), None, Some("WARN")), None);
        check(&kept, asked(None, None, None), Some(kept.clone()));
        check(&kept, asked(None, Some("FATAL"), None), Some(json("FATAL", "WARN")));
        check(&kept, asked(Some("JSON"), None, Some("INFO")), Some(json("DEBUG", "INFO")));
        check(&kept, asked(Some("Text"), None, None), Some(Format::Text));
        check(&kept, asked(Some("Text"), Some("INFO"), None), None);
        assert_eq!(kept.with(None).ok(), Some(kept));
    }
}
