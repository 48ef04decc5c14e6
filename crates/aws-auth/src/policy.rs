//! IAM policies: read strictly, asked plainly. Nothing here knows a service.
//!
//! [`Policy::parse`] refuses what IAM refuses; [`Policy::decide`] answers whether a document allows, denies or does not
//! mention a request. An explicit Deny wins over every Allow. Who asks is an [`Asker`], what is known about the request
//! are its [`Keys`].

mod condition;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use condition::Condition;
use pattern::{Pattern, arn_matches};

/// The language's current version; only in it do policy variables mean anything.
const VERSION: &str = "2012-10-17";
const OLD_VERSION: &str = "2008-10-17";
/// What ARNs of CloudFront's origin access identities have in the place of an account.
pub const ACCESS_IDENTITIES: &str = "cloudfront";

/// A document that is no policy, in IAM's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

type Result<T> = std::result::Result<T, Malformed>;

fn malformed<T>(message: impl Into<String>) -> Result<T> {
    Err(Malformed(message.into()))
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A service on its own account, such as `s3.amazonaws.com`.
    Service(String),
    /// A user, a role's session or an account's root.
    Aws {
        account: String,
        arn: String,
    },
    /// An origin access identity of CloudFront, which policies name by either.
    AccessIdentity {
        arn: String,
        canonical_user: String,
    },
    Anonymous,
}

/// What is known about a request, by condition key. Their names' case does not count.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    /// Adds a value; a key may have several.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// What is asked of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub asker: &'a Asker,
    /// Such as `lambda:InvokeFunction`.
    pub action: &'a str,
    /// An ARN.
    pub resource: &'a str,
    pub keys: &'a Keys,
}

/// A policy's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// By a statement that denies.
    Denied,
    /// No statement applies, which is a denial unless another policy allows.
    NotMentioned,
}

/// A policy of a resource: each statement names principals.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    allows: bool,
    principal: Choice<Principals>,
    action: Choice<Vec<String>>,
    resource: Choice<Vec<String>>,
    conditions: Vec<Condition>,
    /// Whether `${…}` is a variable.
    variables: bool,
}

/// An element or its `Not…` form.
#[derive(Clone, Debug)]
struct Choice<T> {
    negated: bool,
    of: T,
}

#[derive(Clone, Debug, Default)]
struct Principals {
    anybody: bool,
    aws: Vec<String>,
    services: Vec<String>,
    canonical_users: Vec<String>,
}

impl Policy {
    /// Reads a resource's policy.
    ///
    /// # Errors
    /// When IAM would refuse the document.
    pub fn parse(document: &Json) -> Result<Self> {
        let Json::Object(document) = document else { return malformed("Syntax errors in policy.") };
        check_members(document, &["Version", "Id", "Statement"])?;
        let variables = match document.get("Version") {
            None => false,
            Some(Json::String(version)) if version == VERSION => true,
            Some(Json::String(version)) if version == OLD_VERSION => false,
            Some(_) => {
                return malformed("The policy must contain a valid version string");
            }
        };
        if document.get("Id").is_some_and(|id| !id.is_string()) {
            return malformed("Syntax errors in policy.");
        }
        let statements = match document.get("Statement") {
            Some(Json::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
            Some(statement @ Json::Object(_)) => vec![statement],
            _ => return malformed("Syntax errors in policy."),
        };
        let mut sids =
            statements.iter().filter_map(|statement| statement["Sid"].as_str()).collect::<Vec<_>>();
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair[0] == pair[1]) {
            return malformed("Statement IDs (SID) in a single policy must be unique.");
        }
        let statements = statements.into_iter().map(|statement| Statement::parse(statement, variables));
        Ok(Self { statements: statements.collect::<Result<_>>()? })
    }

    /// Whether it allows what is asked.
    pub fn decide(&self, question: Question<'_>) -> Decision {
        let mut decision = Decision::NotMentioned;
        for statement in self.statements.iter().filter(|statement| statement.applies(question)) {
            if !statement.allows {
                return Decision::Denied;
            }
            decision = Decision::Allowed;
        }
        decision
    }

    /// The actions that its statements name, with or without `Not`.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| statement.action.of.iter().map(String::as_str))
    }

    /// Whether every statement is about `resource`, if not about others too.
    pub fn is_about(&self, resource: &str) -> bool {
        let none = Keys::default();
        self.statements.iter().all(|statement| {
            statement.resource.negated
                || statement.resource.of.iter().any(|pattern| {
                    // A variable may stand for anything.
                    pattern.contains("${") || statement.resource_matches(pattern, resource, &none)
                })
        })
    }
}

impl Statement {
    fn parse(statement: &Json, variables: bool) -> Result<Self> {
        let Json::Object(members) = statement else { return malformed("Syntax errors in policy.") };
        let known = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        check_members(members, &known)?;
        if members.get("Sid").is_some_and(|sid| !sid.is_string()) {
            return malformed("Syntax errors in policy.");
        }
        let allows = match members.get("Effect") {
            Some(Json::String(effect)) if effect == "Allow" => true,
            Some(Json::String(effect)) if effect == "Deny" => false,
            Some(Json::String(effect)) => return malformed(format!("Invalid effect: {effect}")),
            Some(_) => return malformed("Syntax errors in policy."),
            None => return malformed("Missing required field Effect"),
        };
        let principal = choice(members, "Principal", "Missing required field Principal")?;
        let action = choice(members, "Action", "Policy statement must contain actions.")?;
        let resource = choice(members, "Resource", "Policy statement must contain resources.")?;
        let action = Choice { negated: action.negated, of: texts(action.of)? };
        for name in &action.of {
            if name != "*"
                && name.split_once(':').is_none_or(|(vendor, rest)| vendor.is_empty() || rest.is_empty())
            {
                return malformed(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                );
            }
        }
        let resource = Choice { negated: resource.negated, of: texts(resource.of)? };
        for arn in &resource.of {
            if arn != "*" && (!arn.starts_with("arn:") || arn.split(':').count() < 6) {
                return malformed(format!("Resource {arn} must be in ARN format or \"*\"."));
            }
        }
        Ok(Self {
            allows,
            principal: Choice { negated: principal.negated, of: Principals::parse(principal.of)? },
            action,
            resource,
            conditions: Condition::parse_all(members.get("Condition"))?,
            variables,
        })
    }

    fn applies(&self, question: Question<'_>) -> bool {
        let Question { asker, action, resource, keys } = question;
        let named = |pattern: &String| {
            Pattern::literal(&pattern.to_ascii_lowercase()).matches(&action.to_ascii_lowercase())
        };
        self.principal.of.include(asker) != self.principal.negated
            && self.action.of.iter().any(named) != self.action.negated
            && self.resource.of.iter().any(|pattern| self.resource_matches(pattern, resource, keys))
                != self.resource.negated
            && self.conditions.iter().all(|condition| condition.holds(keys, self.variables))
    }

    fn resource_matches(&self, pattern: &str, resource: &str, keys: &Keys) -> bool {
        arn_matches(pattern, resource, self.variables.then_some(keys))
    }
}

impl Principals {
    fn parse(principal: &Json) -> Result<Self> {
        let members = match principal {
            Json::String(everybody) if everybody == "*" => {
                return Ok(Self { anybody: true, ..Self::default() });
            }
            Json::Object(members) if !members.is_empty() => members,
            _ => return malformed("Invalid principal in policy"),
        };
        let mut principals = Self::default();
        for (kind, names) in members {
            for name in texts(names)? {
                let invalid = || malformed(format!("Invalid principal in policy: \"{kind}\":\"{name}\""));
                match kind.as_str() {
                    "AWS" if name == "*" => principals.anybody = true,
                    "AWS" if is_account(&name) => principals.aws.push(format!("arn:aws:iam::{name}:root")),
                    "AWS" if is_principal_arn(&name) => principals.aws.push(name),
                    "Service" if is_service(&name) => principals.services.push(name),
                    "CanonicalUser" if !name.is_empty() => principals.canonical_users.push(name),
                    // Nobody is signed in through them here, so they name nobody.
                    "Federated" if !name.is_empty() => {}
                    _ => return invalid(),
                }
            }
        }
        Ok(principals)
    }

    fn include(&self, asker: &Asker) -> bool {
        self.anybody
            || match asker {
                Asker::Service(name) => self.services.contains(name),
                Asker::Aws { account, arn } => self.aws.iter().any(|named| is_same(named, account, arn)),
                Asker::AccessIdentity { arn, canonical_user } => {
                    self.aws.contains(arn) || self.canonical_users.contains(canonical_user)
                }
                Asker::Anonymous => false,
            }
    }
}

/// Whether `named` is the asker: itself, the role of its session, or its whole account.
fn is_same(named: &str, account: &str, arn: &str) -> bool {
    let Some((_, rest)) = named.split_once("::") else { return false };
    let Some((of, entity)) = rest.split_once(':') else { return false };
    if of != account {
        return false;
    }
    let role = || {
        // A session's ARN has no path; names of roles are unique in an account without it.
        let (_, session) = arn.split_once(":assumed-role/")?;
        let name = entity.strip_prefix("role/")?.rsplit('/').next()?;
        Some(session.split('/').next() == Some(name))
    };
    named == arn || entity == "root" || role() == Some(true)
}

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `arn:aws:iam::123456789012:user/me`, a role, a session, an account's root.
pub fn is_principal_arn(text: &str) -> bool {
    let parts = text.splitn(6, ':').collect::<Vec<_>>();
    let [arn, partition, service, region, account, entity] = parts.as_slice() else { return false };
    *arn == "arn"
        && partition.starts_with("aws")
        && matches!(*service, "iam" | "sts")
        && region.is_empty()
        && (is_account(account) || (*account == ACCESS_IDENTITIES && entity.starts_with("user/")))
        && !entity.is_empty()
        && !entity.contains(['*', '?'])
}

/// Such as `events.amazonaws.com`.
pub fn is_service(text: &str) -> bool {
    let ends = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"];
    let name = ends.iter().find_map(|end| text.strip_suffix(end));
    name.is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    })
}

fn check_members(members: &Map<String, Json>, known: &[&str]) -> Result<()> {
    match members.keys().find(|member| !known.contains(&member.as_str())) {
        Some(_) => malformed("Syntax errors in policy."),
        None => Ok(()),
    }
}

/// `name` or `Notname`, of which there must be one.
fn choice<'a>(members: &'a Map<String, Json>, name: &str, missing: &str) -> Result<Choice<&'a Json>> {
    match (members.get(name), members.get(&format!("Not{name}"))) {
        (Some(of), None) => Ok(Choice { negated: false, of }),
        (None, Some(of)) => Ok(Choice { negated: true, of }),
        (None, None) => malformed(missing),
        (Some(_), Some(_)) => malformed("Syntax errors in policy."),
    }
}

/// One text or a list of them.
fn texts(value: &Json) -> Result<Vec<String>> {
    let texts = match value {
        Json::String(text) => return Ok(vec![text.clone()]),
        Json::Array(items) if !items.is_empty() => items.iter().map(|item| item.as_str().map(str::to_owned)),
        _ => return malformed("Syntax errors in policy."),
    };
    texts.collect::<Option<_>>().map_or_else(|| malformed("Syntax errors in policy."), Ok)
}
