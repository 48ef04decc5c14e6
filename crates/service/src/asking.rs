//! Who asks a resource's policy, and what is known of the request: the same for every service that has such policies.
//!
//! Keys are those that AWS gives in every request of the kind
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>), as far as they are known.

use aws_auth::policy::{ACCESS_IDENTITIES, Asker, Decision, Keys, Policy, Question};

use crate::{Ctx, Sender};

/// A request, as policies see it.
#[derive(Clone, Debug)]
pub struct Asking {
    asker: Asker,
    keys: Keys,
}

impl Asking {
    /// Adds a key that only one service has, such as `aws:SourceOwner`.
    #[must_use]
    pub fn with(self, key: &str, value: impl Into<String>) -> Self {
        Self { keys: self.keys.with(key, value), ..self }
    }

    /// Whether `policy` allows `action` (`sqs:SendMessage`) with the `resource` of that ARN.
    pub fn is_let_in(&self, policy: &Policy, action: &str, resource: &str) -> bool {
        let question = Question { asker: &self.asker, action, resource, keys: &self.keys };
        policy.decide(question) == Decision::Allowed
    }
}

impl<S> Ctx<S> {
    /// The caller.
    pub fn asking(&self) -> Asking {
        let principal = &self.caller.principal;
        if self.caller.is_anonymous() {
            return Asking { asker: Asker::Anonymous, keys: self.keys() };
        }
        if *self.caller.account == *ACCESS_IDENTITIES {
            let (arn, canonical_user) = (principal.arn.clone(), principal.user_id.clone());
            return Asking { asker: Asker::AccessIdentity { arn, canonical_user }, keys: self.keys() };
        }
        self.asking_of(&self.caller.account, &principal.arn).with("aws:userid", principal.user_id.clone())
    }

    /// A user, a role or an account's root.
    pub fn asking_of(&self, account: &str, arn: &str) -> Asking {
        of_principal(self.keys(), account, arn)
    }

    /// A service that sends: with its role, if it has one, else on its own account.
    pub fn asking_as(&self, sender: &Sender) -> Asking {
        let keys = self
            .keys()
            .with("aws:SourceArn", sender.source_arn.clone())
            .with("aws:SourceAccount", sender.source_account.clone());
        match (&sender.role, sender.role_account()) {
            (Some(role), Some(account)) => of_principal(keys, account, role),
            _ => Asking {
                asker: Asker::Service(sender.service.clone()),
                keys: keys.with("aws:PrincipalIsAWSService", "true"),
            },
        }
    }

    fn keys(&self) -> Keys {
        let now = self.env.now().as_secs().to_string();
        Keys::default()
            .with("aws:RequestedRegion", self.caller.region.to_string())
            .with("aws:CurrentTime", now.clone())
            .with("aws:EpochTime", now)
    }
}

fn of_principal(keys: Keys, account: &str, arn: &str) -> Asking {
    let keys = keys
        .with("aws:PrincipalAccount", account)
        .with("aws:PrincipalArn", arn)
        .with("aws:PrincipalIsAWSService", "false");
    Asking { asker: Asker::Aws { account: account.to_owned(), arn: arn.to_owned() }, keys }
}

impl Sender {
    /// The account of the role that it sends with.
    pub fn role_account(&self) -> Option<&str> {
        self.role.as_deref().map(|role| role.split(':').nth(4).unwrap_or_default())
    }
}
