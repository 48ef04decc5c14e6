//! Listeners: creating, listing, changing and deleting them, each with its port.

use api_elbv2::{
    Certificate, CreateListenerInput, CreateListenerOutput, DeleteListenerInput, DeleteListenerOutput,
    DescribeListenerAttributesInput, DescribeListenerAttributesOutput, DescribeListenersInput,
    DescribeListenersOutput, ListenerAttribute, ModifyListenerAttributesInput,
    ModifyListenerAttributesOutput, ModifyListenerInput, ModifyListenerOutput,
    MutualAuthenticationAttributes, ProtocolEnum, errors,
};
use aws_wire::{AwsError, Result};
use kv::{Read, Span, Tx};

use super::account::LISTENERS_MAX;
use crate::arn;
use crate::attributes::{self, Attributes, OF_LISTENER};
use crate::keys::{self, LISTENERS, ListenerKey, NameKey, PORTS};
use crate::listener::{self, Listener};
use crate::refusal::{invalid, not_honoured};
use crate::tags::{self, Tags};
use crate::{Ctx, action, load_balancer, page, ports};

/// What a request says of how clients connect.
struct Wanted<'a> {
    protocol: Option<&'a ProtocolEnum>,
    ssl_policy: &'a Option<String>,
    certificates: &'a Option<Vec<Certificate>>,
    alpn_policy: &'a Option<Vec<String>>,
    mutual: Option<&'a MutualAuthenticationAttributes>,
}

impl Wanted<'_> {
    /// # Errors
    /// 501 for what has TLS, 400 for what no such load balancer has.
    fn check(&self, operation: &str) -> Result<()> {
        match self.protocol {
            None | Some(ProtocolEnum::Http) => {}
            Some(ProtocolEnum::Https) => {
                return Err(AwsError::parameter_not_implemented(operation, "Protocol HTTPS"));
            }
            Some(other) => {
                return Err(errors::unsupported_protocol_exception(format!(
                    "Protocol '{}' is not supported by application load balancers",
                    other.as_str()
                )));
            }
        }
        let given = [
            ("SslPolicy", self.ssl_policy.is_some()),
            ("Certificates", self.certificates.as_ref().is_some_and(|all| !all.is_empty())),
            ("AlpnPolicy", self.alpn_policy.as_ref().is_some_and(|all| !all.is_empty())),
            ("MutualAuthentication", self.mutual.is_some_and(|with| with.mode.as_deref() != Some("off"))),
        ];
        not_honoured(operation, &given)
    }
}

pub(crate) async fn create_listener(cx: Ctx, input: CreateListenerInput) -> Result<CreateListenerOutput> {
    const OPERATION: &str = "CreateListener";
    let wanted = Wanted {
        protocol: input.protocol.as_ref(),
        ssl_policy: &input.ssl_policy,
        certificates: &input.certificates,
        alpn_policy: &input.alpn_policy,
        mutual: input.mutual_authentication.as_ref(),
    };
    wanted.check(OPERATION)?;
    if input.protocol.is_none() {
        return Err(invalid("A listener protocol must be specified"));
    }
    let port = input.port.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| invalid("A listener port must be specified"))?;
    let tags = tags::read(input.tags)?;
    let (id, default_rule) = (arn::new_id(&cx.env), arn::new_id(&cx.env));
    let action = action::read(OPERATION, input.default_actions)?;
    let balancer_arn = &input.load_balancer_arn;
    // Before a port is opened for it.
    let (key, balancer) = load_balancer::named(&cx, &cx.kv.snapshot().await?, balancer_arn)?;
    let made = Listener {
        port,
        balancer: balancer.id,
        action,
        default_rule,
        rules: Vec::new(),
        attributes: Attributes::new(),
        tags,
        default_tags: Tags::new(),
    };
    let store = cx.kv.transact(|tx| {
        load_balancer::named(&cx, tx, balancer_arn)?;
        action::check_groups(&cx, tx, balancer_arn, &made.action)?;
        let all = of(tx, &key)?;
        if let Some((key, present)) = all.iter().find(|(_, listener)| listener.port == port) {
            return if present.action == made.action && present.tags == made.tags {
                Ok((key.clone(), present.clone()))
            } else {
                Err(duplicate(balancer_arn))
            };
        }
        if all.len() >= LISTENERS_MAX {
            return Err(errors::too_many_listeners_exception(
                "The maximum number of listeners has been reached on the load balancer",
            ));
        }
        let key = keys::listener(&key, &id);
        LISTENERS.put(tx, &key, &made)?;
        take_port(tx, &key, port)?;
        Ok::<_, AwsError>((key, made.clone()))
    });
    let (key, stored) = ports::changing(&cx, Some(port), store).await?;
    cx.state.checks.news.raise();
    Ok(CreateListenerOutput { listeners: Some(vec![stored.show(&key)]) })
}

fn duplicate(balancer_arn: &str) -> AwsError {
    errors::duplicate_listener_exception(format!(
        "A listener already exists on this port for this load balancer '{balancer_arn}'"
    ))
}

/// The listeners of a load balancer.
fn of(reader: &impl Read, (account, region, name): &NameKey) -> Result<Vec<(ListenerKey, Listener)>> {
    let all = Span::prefix(&(account.as_str(), region.as_str(), name.as_str()));
    Ok(LISTENERS.all(reader, &all)?)
}

fn take_port(tx: &mut Tx, (account, region, name, id): &ListenerKey, port: u16) -> Result<()> {
    Ok(PORTS.put(tx, &(port, account.as_str(), region.as_str(), name.as_str()), id)?)
}

fn leave_port(tx: &mut Tx, (account, region, name, _): &ListenerKey, port: u16) -> Result<()> {
    Ok(PORTS.delete(tx, &(port, account.as_str(), region.as_str(), name.as_str()))?)
}

/// The listener; one that is not there is refused.
pub(crate) async fn delete_listener(cx: Ctx, input: DeleteListenerInput) -> Result<DeleteListenerOutput> {
    let delete = cx.kv.transact(|tx| {
        let (key, found) = listener::named(&cx, tx, &input.listener_arn)?;
        leave_port(tx, &key, found.port)?;
        Ok::<_, AwsError>(LISTENERS.delete(tx, &key)?)
    });
    ports::changing(&cx, None, delete).await?;
    cx.state.checks.news.raise();
    Ok(DeleteListenerOutput {})
}

pub(crate) async fn describe_listeners(
    cx: Ctx,
    input: DescribeListenersInput,
) -> Result<DescribeListenersOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let found = match (input.load_balancer_arn, input.listener_arns) {
        (Some(arn), None) => {
            let (key, _) = load_balancer::named(&cx, &snapshot, &arn)?;
            of(&snapshot, &key)?
        }
        (None, Some(arns)) => {
            arns.iter().map(|arn| listener::named(&cx, &snapshot, arn)).collect::<Result<Vec<_>>>()?
        }
        _ => return Err(invalid("You must specify either listener ARNs or a load balancer ARN")),
    };
    let shown = found.iter().map(|(key, one)| (format!("{}/{}", key.2, key.3), one.show(key))).collect();
    let (listeners, next_marker) = page::of(shown, input.marker.as_deref(), input.page_size)?;
    Ok(DescribeListenersOutput { listeners: Some(listeners), next_marker })
}

pub(crate) async fn modify_listener(cx: Ctx, input: ModifyListenerInput) -> Result<ModifyListenerOutput> {
    const OPERATION: &str = "ModifyListener";
    let wanted = Wanted {
        protocol: input.protocol.as_ref(),
        ssl_policy: &input.ssl_policy,
        certificates: &input.certificates,
        alpn_policy: &input.alpn_policy,
        mutual: input.mutual_authentication.as_ref(),
    };
    wanted.check(OPERATION)?;
    let port = input.port.and_then(|port| u16::try_from(port).ok());
    let action = input.default_actions.filter(|all| !all.is_empty());
    let action = action.map(|actions| action::read(OPERATION, actions)).transpose()?;
    // Before a port is opened for it.
    listener::named(&cx, &cx.kv.snapshot().await?, &input.listener_arn)?;
    let store = cx.kv.transact(|tx| {
        let (key, mut found) = listener::named(&cx, tx, &input.listener_arn)?;
        let balancer = keys::load_balancer(&key);
        let balancer_arn = arn::load_balancer(&balancer, &found.balancer);
        if let Some(port) = port.filter(|port| *port != found.port) {
            if of(tx, &balancer)?.iter().any(|(_, other)| other.port == port) {
                return Err(duplicate(&balancer_arn));
            }
            leave_port(tx, &key, found.port)?;
            take_port(tx, &key, port)?;
            found.port = port;
        }
        if let Some(action) = &action {
            action::check_groups(&cx, tx, &balancer_arn, action)?;
            found.action = action.clone();
        }
        LISTENERS.put(tx, &key, &found)?;
        Ok::<_, AwsError>((key, found))
    });
    let (key, stored) = ports::changing(&cx, port, store).await?;
    cx.state.checks.news.raise();
    Ok(ModifyListenerOutput { listeners: Some(vec![stored.show(&key)]) })
}

fn show_attributes(set: &Attributes) -> Vec<ListenerAttribute> {
    let all = attributes::all(OF_LISTENER, set).into_iter();
    all.map(|(key, value)| ListenerAttribute { key: Some(key), value: Some(value) }).collect()
}

pub(crate) async fn describe_listener_attributes(
    cx: Ctx,
    input: DescribeListenerAttributesInput,
) -> Result<DescribeListenerAttributesOutput> {
    let (_, found) = listener::named(&cx, &cx.kv.snapshot().await?, &input.listener_arn)?;
    Ok(DescribeListenerAttributesOutput { attributes: Some(show_attributes(&found.attributes)) })
}

pub(crate) async fn modify_listener_attributes(
    cx: Ctx,
    input: ModifyListenerAttributesInput,
) -> Result<ModifyListenerAttributesOutput> {
    let set = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = listener::named(&cx, tx, &input.listener_arn)?;
            let given = input.attributes.iter().map(|one| (one.key.clone(), one.value.clone()));
            attributes::set("ModifyListenerAttributes", OF_LISTENER, &mut found.attributes, given)?;
            LISTENERS.put(tx, &key, &found)?;
            Ok::<_, AwsError>(found.attributes)
        })
        .await?;
    Ok(ModifyListenerAttributesOutput { attributes: Some(show_attributes(&set)) })
}
