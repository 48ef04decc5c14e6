//! What both APIs refuse alike, and how each says it.

use api_ses::errors as v1;
use api_sesv2::errors as v2;
use aws_wire::AwsError;

/// Why a mail was not taken, or a thing not found.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The mail is not one that SES sends.
    Rejected(String),
    /// A parameter is not what it may be.
    Invalid(String),
    NoConfigurationSet(String),
    NoTemplate(String),
    AccountPaused,
    ConfigurationSetPaused(String),
    /// The store's, or one that is already in an API's words.
    Other(AwsError),
}

pub(crate) type Decision<T> = std::result::Result<T, Refusal>;

impl From<kv::Error> for Refusal {
    fn from(error: kv::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        Self::Other(error)
    }
}

impl Refusal {
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Rejected(message) | Self::Invalid(message) => message.clone(),
            Self::NoConfigurationSet(name) => format!("Configuration set <{name}> does not exist."),
            Self::NoTemplate(name) => format!("Template {name} does not exist"),
            Self::AccountPaused => "Email sending is disabled for this account.".to_owned(),
            Self::ConfigurationSetPaused(name) => {
                format!("Email sending is disabled for the configuration set <{name}>.")
            }
            Self::Other(error) => error.message.clone().unwrap_or_default(),
        }
    }

    /// As the API of 2010 says it.
    pub(crate) fn v1(self) -> AwsError {
        let message = self.message();
        match self {
            Self::Rejected(_) => v1::message_rejected(message),
            Self::Invalid(_) => invalid(message),
            Self::NoConfigurationSet(name) => {
                v1::configuration_set_does_not_exist_exception(message).with("ConfigurationSetName", name)
            }
            Self::NoTemplate(name) => {
                v1::template_does_not_exist_exception(message).with("TemplateName", name)
            }
            Self::AccountPaused => v1::account_sending_paused_exception(message),
            Self::ConfigurationSetPaused(name) => {
                v1::configuration_set_sending_paused_exception(message).with("ConfigurationSetName", name)
            }
            Self::Other(error) => error,
        }
    }

    /// As the API of 2019 says it.
    pub(crate) fn v2(self) -> AwsError {
        let message = self.message();
        match self {
            Self::Rejected(_) => v2::message_rejected(message),
            Self::Invalid(_) => v2::bad_request_exception(message),
            Self::NoConfigurationSet(_) | Self::NoTemplate(_) => v2::not_found_exception(message),
            Self::AccountPaused | Self::ConfigurationSetPaused(_) => v2::sending_paused_exception(message),
            Self::Other(error) => error,
        }
    }
}

/// 400 `InvalidParameterValue`, which the model of 2010 does not list.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::common("InvalidParameterValue", 400, message)
}
