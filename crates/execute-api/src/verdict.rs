//! What Lambda authorizers say: read, asked, and remembered for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_auth::policy::{Asker, Decision, Keys, Policy, Question};
use serde_json::{Map, Value as Json};

/// Answers that are remembered; when there are more, those whose time is over are forgotten, or else all.
const REMEMBERED_MAX: usize = 10_000;
/// What calling a method of an API is, for policies.
const ACTION: &str = "execute-api:Invoke";

/// An authorizer's answer.
#[derive(Debug)]
pub struct Verdict {
    pub principal_id: String,
    /// What it tells the integration.
    pub context: Map<String, Json>,
    /// Of an API whose clients' keys come from their authorizer.
    pub usage_key: Option<String>,
    rights: Rights,
}

#[derive(Debug)]
enum Rights {
    Policy(Policy),
    Simple(bool),
}

/// What a verdict means for one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    Allowed,
    /// By a statement that denies.
    Denied,
    NotMentioned,
}

impl Verdict {
    /// One with a policy; `None` where an answer makes no sense, which AWS takes for a failure of the authorizer.
    pub fn with_policy(payload: &[u8]) -> Option<Self> {
        let Json::Object(answer) = serde_json::from_slice(payload).ok()? else { return None };
        let principal_id = answer.get("principalId")?.as_str()?.to_owned();
        let mut document = answer.get("policyDocument")?.clone();
        let statements = match document.get_mut("Statement")? {
            Json::Array(statements) => statements.iter_mut().collect(),
            one => vec![one],
        };
        for statement in statements {
            // It is about whom it was asked about.
            statement.as_object_mut()?.entry("Principal").or_insert_with(|| "*".into());
        }
        Some(Self {
            principal_id,
            context: scalars(answer.get("context"))?,
            usage_key: answer.get("usageIdentifierKey").and_then(Json::as_str).map(str::to_owned),
            rights: Rights::Policy(Policy::parse(&document).ok()?),
        })
    }

    /// A simple one: `{"isAuthorized": true}`.
    pub fn simple(payload: &[u8]) -> Option<Self> {
        let Json::Object(answer) = serde_json::from_slice(payload).ok()? else { return None };
        let context = match answer.get("context") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(context)) => context.clone(),
            Some(_) => return None,
        };
        Some(Self {
            principal_id: String::new(),
            context,
            usage_key: None,
            rights: Rights::Simple(answer.get("isAuthorized")?.as_bool()?),
        })
    }

    /// Whether it lets a caller do what this ARN names.
    pub fn rule(&self, method_arn: &str, keys: &Keys) -> Ruling {
        match &self.rights {
            Rights::Simple(true) => Ruling::Allowed,
            Rights::Simple(false) => Ruling::NotMentioned,
            Rights::Policy(policy) => {
                let question =
                    Question { asker: &Asker::Anonymous, action: ACTION, resource: method_arn, keys };
                match policy.decide(question) {
                    Decision::Allowed => Ruling::Allowed,
                    Decision::Denied => Ruling::Denied,
                    Decision::NotMentioned => Ruling::NotMentioned,
                }
            }
        }
    }
}

/// A context, whose values must be texts, numbers or booleans.
fn scalars(context: Option<&Json>) -> Option<Map<String, Json>> {
    match context {
        None | Some(Json::Null) => Some(Map::new()),
        Some(Json::Object(context)) => {
            let fits = context.values().all(|value| !value.is_object() && !value.is_array());
            fits.then(|| context.clone())
        }
        Some(_) => None,
    }
}

/// Verdicts by whom they are about.
#[derive(Default)]
pub struct Verdicts(Mutex<HashMap<Asked, (Duration, Arc<Verdict>)>>);

/// The authorizer of a stage, and what it was shown of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub api_id: String,
    pub stage: String,
    pub authorizer_id: String,
    pub identity: Vec<String>,
}

impl Verdicts {
    /// # Panics
    /// When another panicked meanwhile.
    pub fn get(&self, question: &Asked, now: Duration) -> Option<Arc<Verdict>> {
        let known = self.0.lock().expect("nothing panics while it is held");
        known.get(question).filter(|(until, _)| *until > now).map(|(_, verdict)| Arc::clone(verdict))
    }

    /// # Panics
    /// When another panicked meanwhile.
    pub fn remember(&self, question: Asked, verdict: Arc<Verdict>, now: Duration, for_how_long: Duration) {
        let mut known = self.0.lock().expect("nothing panics while it is held");
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(question, (now + for_how_long, verdict));
    }

    /// Forgets what was said for a stage.
    ///
    /// # Panics
    /// When another panicked meanwhile.
    pub fn forget(&self, api_id: &str, stage: &str) {
        let mut known = self.0.lock().expect("nothing panics while it is held");
        known.retain(|question, _| question.api_id != api_id || question.stage != stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/pets";

    fn check(payload: &str, expected: Option<Ruling>) {
        let verdict = Verdict::with_policy(payload.as_bytes());
        let found = verdict.map(|verdict| verdict.rule(ARN, &Keys::default()));
        assert_eq!(found, expected, "{payload}");
    }

    fn policy(effect: &str, resource: &str) -> String {
        format!(
            r#"{{"principalId":"u","policyDocument":{{"Version":"2012-10-17","Statement":[
                {{"Action":"execute-api:Invoke","Effect":"{effect}","Resource":"{resource}"}}]}}}}"#
        )
    }

    #[test]
    fn policies_are_asked_for_the_method() {
        check(&policy("Allow", ARN), Some(Ruling::Allowed));
        check(&policy("Allow", "arn:aws:execute-api:*:*:abc/*/GET/*"), Some(Ruling::Allowed));
        check(&policy("Allow", "*"), Some(Ruling::Allowed));
        check(&policy("Deny", "*"), Some(Ruling::Denied));
        check(&policy("Allow", "arn:aws:execute-api:*:*:abc/*/POST/*"), Some(Ruling::NotMentioned));
    }

    #[test]
    fn nonsense_is_no_verdict() {
        for payload in [
            "",
            "null",
            r#"{"principalId":"u"}"#,
            r#"{"policyDocument":{"Statement":[]}}"#,
            r#"{"principalId":"u","policyDocument":{"Statement":[]}}"#,
            r#"{"principalId":"u","policyDocument":{"Statement":["x"]}}"#,
        ] {
            check(payload, None);
        }
        let nested =
            policy("Allow", "*").replace(r#"{"principalId""#, r#"{"context":{"a":{}},"principalId""#);
        check(&nested, None);
    }

    #[test]
    fn verdicts_are_forgotten_in_time() {
        let verdicts = Verdicts::default();
        let question = Asked {
            api_id: "a".to_owned(),
            stage: "s".to_owned(),
            authorizer_id: "z".to_owned(),
            identity: vec!["token".to_owned()],
        };
        let verdict = Arc::new(Verdict::simple(br#"{"isAuthorized":true}"#).expect("a verdict"));
        let second = Duration::from_secs(1);
        verdicts.remember(question.clone(), verdict, second, second);
        assert!(verdicts.get(&question, second).is_some());
        assert!(verdicts.get(&question, 2 * second).is_none());
        verdicts.forget("a", "s");
        assert!(verdicts.get(&question, second).is_none());
    }
}
