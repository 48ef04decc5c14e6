//! What distributions, policies, access controls and access identities have in common: a configuration as AWS's model
//! has it, and an `ETag` that whoever changes or deletes it must name.

use std::collections::BTreeMap;

use api_cloudfront::errors;
use aws_wire::json::{self, Naming};
use aws_wire::schema::{Operation, Shape};
use aws_wire::{AwsError, Result, Wire};
use env::{Env, Timestamp};
use kv::{Read, Span, Table, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Ctx;
use crate::keys::Key;

pub(crate) type Tags = BTreeMap<String, String>;

/// A thing as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub etag: String,
    pub modified_ms: i64,
    /// As JSON, with the names of AWS's model.
    pub config: Json,
    /// Of a distribution: the first label of its host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A thing that was found or made.
#[derive(Clone, Debug)]
pub(crate) struct Thing<C> {
    pub id: String,
    pub record: Record,
    pub config: C,
}

impl<C> Thing<C> {
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.record.modified_ms)
    }
}

/// One that is named as the new one would be.
pub(crate) enum Clash<C> {
    /// The request came before.
    Same(Thing<C>),
    Other(AwsError),
}

/// As [`Kind::clash`], where clients name things by a reference that never changes. `taken` is the refusal of one that
/// stands for another configuration already, that of the thing with this id.
pub(crate) fn clash_by_reference<C: Clone + PartialEq>(
    all: &[Thing<C>],
    own: Option<&str>,
    config: &C,
    reference: fn(&C) -> &str,
    taken: impl FnOnce(&str) -> AwsError,
) -> Option<Clash<C>> {
    if let Some(own) = own {
        let before = all.iter().find(|thing| thing.id == own)?;
        return (reference(&before.config) != reference(config)).then(|| {
            Clash::Other(errors::illegal_update("The caller reference cannot be changed in an update."))
        });
    }
    let same = all.iter().find(|thing| reference(&thing.config) == reference(config))?;
    Some(if same.config == *config { Clash::Same(same.clone()) } else { Clash::Other(taken(&same.id)) })
}

/// A kind of things.
pub(crate) trait Kind {
    type Config: Wire + Clone + PartialEq + Send + Sync + 'static;
    /// As answers show one.
    type Shown;
    const TABLE: Table<Key, Record>;
    /// How many an account has.
    const MAX: usize;

    /// The operation that reads a configuration, whose output has its shape.
    fn reads() -> &'static Operation;
    fn missing() -> AwsError;
    fn too_many() -> AwsError;
    fn new_id(env: &Env) -> String;
    fn show(cx: &Ctx, thing: Thing<Self::Config>) -> Self::Shown;

    /// A thing that everybody has.
    fn managed(_id: &str) -> Option<Self::Config> {
        None
    }

    /// Whether another of the account's has this configuration's name; `own` is the id of the one that is changed.
    fn clash(
        all: &[Thing<Self::Config>],
        own: Option<&str>,
        config: &Self::Config,
    ) -> Option<Clash<Self::Config>>;

    /// # Errors
    /// For what AWS refuses of a configuration, and 501 for what is not honoured.
    fn check(reader: &impl Read, account: &str, config: &Self::Config) -> Result<()>;

    /// What else is stored with a thing. `before` is none for a new one, `after` for one that is deleted.
    ///
    /// # Errors
    /// Where another has it.
    fn settle(
        _tx: &mut Tx,
        _key: &Key,
        _before: Option<&Thing<Self::Config>>,
        _after: Option<&Thing<Self::Config>>,
    ) -> Result<()> {
        Ok(())
    }

    /// # Errors
    /// Where it is used.
    fn check_unused(reader: &impl Read, account: &str, thing: &Thing<Self::Config>) -> Result<()>;
}

/// `E` and thirteen capital letters and digits, as AWS's ids and `ETag`s are.
pub(crate) fn capital_id(env: &Env) -> String {
    format!("E{}", execute_api::address::id(env, 13).to_ascii_uppercase())
}

fn shape<K: Kind>() -> &'static Shape {
    let output = K::reads().io.expect("the operation is served").output.structure();
    let output = output.expect("an operation's output is a structure");
    output.members[output.payload.expect("a configuration is the whole answer")].shape
}

/// # Errors
/// For a row that is none.
fn read<K: Kind>(id: String, record: Record) -> Result<Thing<K::Config>> {
    let value = json::decode(record.config.to_string().as_bytes(), shape::<K>(), Naming::AwsJson);
    let value = value.map_err(|error| AwsError::internal(format!("read a configuration: {error}")))?;
    let value = value.ok_or_else(|| AwsError::internal("read a configuration: there is none"))?;
    Ok(Thing { id, record, config: K::Config::from_value(value) })
}

pub(crate) fn to_json<K: Kind>(config: &K::Config) -> Json {
    json::to_json(&config.clone().into_value(), shape::<K>(), None, Naming::AwsJson)
}

pub(crate) fn key(cx: &Ctx, id: &str) -> Key {
    (cx.caller.account.to_string(), id.to_owned())
}

/// One of an account's, or of everybody's.
///
/// # Errors
/// Those of the store.
pub(crate) fn find<K: Kind>(reader: &impl Read, account: &str, id: &str) -> Result<Option<Thing<K::Config>>> {
    if let Some(config) = K::managed(id) {
        let record = Record {
            etag: format!("E{}", id.replace('-', "")[..13].to_ascii_uppercase()),
            modified_ms: 0,
            config: Json::Null,
            label: String::new(),
            tags: Tags::new(),
        };
        return Ok(Some(Thing { id: id.to_owned(), record, config }));
    }
    let found = K::TABLE.get(reader, &(account.to_owned(), id.to_owned()))?;
    found.map(|record| read::<K>(id.to_owned(), record)).transpose()
}

/// All of an account's, in the order of their ids.
///
/// # Errors
/// Those of the store.
pub(crate) fn all<K: Kind>(reader: &impl Read, account: &str) -> Result<Vec<Thing<K::Config>>> {
    let rows = K::TABLE.all(reader, &Span::prefix(&(account,)))?;
    rows.into_iter().map(|((_, id), record)| read::<K>(id, record)).collect()
}

/// # Errors
/// 404 without it.
pub(crate) async fn get<K: Kind>(cx: &Ctx, id: &str) -> Result<Thing<K::Config>> {
    find::<K>(&cx.kv.snapshot().await?, &cx.caller.account, id)?.ok_or_else(K::missing)
}

/// # Errors
/// For what AWS refuses.
pub(crate) async fn create<K: Kind>(cx: &Ctx, config: K::Config, tags: Tags) -> Result<Thing<K::Config>> {
    check_quantities(&to_json::<K>(&config))?;
    let (id, etag, now) = (K::new_id(&cx.env), capital_id(&cx.env), cx.env.now().as_millis());
    let label = format!("d{}", execute_api::address::id(&cx.env, 13));
    let account = cx.caller.account.to_string();
    let made = cx.kv.transact(|tx| {
        let known = all::<K>(tx, &account)?;
        match K::clash(&known, None, &config) {
            Some(Clash::Same(thing)) => return Ok(thing),
            Some(Clash::Other(error)) => return Err(error),
            None => {}
        }
        if known.len() >= K::MAX {
            return Err(K::too_many());
        }
        K::check(tx, &account, &config)?;
        let record = Record {
            etag: etag.clone(),
            modified_ms: now,
            config: to_json::<K>(&config),
            label: label.clone(),
            tags: tags.clone(),
        };
        let key = (account.clone(), id.clone());
        let thing = Thing { id: id.clone(), record, config: config.clone() };
        K::settle(tx, &key, None, Some(&thing))?;
        K::TABLE.put(tx, &key, &thing.record)?;
        Ok::<_, AwsError>(thing)
    });
    let made = made.await?;
    cx.state.names.changed(cx).await?;
    Ok(made)
}

/// # Errors
/// For what AWS refuses, and where it is another than the caller knows.
pub(crate) async fn update<K: Kind>(
    cx: &Ctx,
    id: &str,
    if_match: Option<&str>,
    config: K::Config,
) -> Result<Thing<K::Config>> {
    check_quantities(&to_json::<K>(&config))?;
    let (etag, now, key) = (capital_id(&cx.env), cx.env.now().as_millis(), key(cx, id));
    let updated = cx.kv.transact(|tx| {
        let before = named::<K>(tx, &key.0, id, if_match)?;
        match K::clash(&all::<K>(tx, &key.0)?, Some(id), &config) {
            Some(Clash::Other(error)) => return Err(error),
            Some(Clash::Same(_)) | None => {}
        }
        K::check(tx, &key.0, &config)?;
        let record = Record {
            etag: etag.clone(),
            modified_ms: now,
            config: to_json::<K>(&config),
            ..before.record.clone()
        };
        let after = Thing { id: id.to_owned(), record, config: config.clone() };
        K::settle(tx, &key, Some(&before), Some(&after))?;
        K::TABLE.put(tx, &key, &after.record)?;
        Ok::<_, AwsError>(after)
    });
    let updated = updated.await?;
    cx.state.names.changed(cx).await?;
    Ok(updated)
}

/// # Errors
/// Where it is used, or another than the caller knows.
pub(crate) async fn delete<K: Kind>(cx: &Ctx, id: &str, if_match: Option<&str>) -> Result<()> {
    let key = key(cx, id);
    let deleted = cx.kv.transact(|tx| {
        let thing = named::<K>(tx, &key.0, id, if_match)?;
        K::check_unused(tx, &key.0, &thing)?;
        K::settle(tx, &key, Some(&thing), None)?;
        Ok::<_, AwsError>(K::TABLE.delete(tx, &key)?)
    });
    deleted.await?;
    cx.state.names.changed(cx).await
}

/// The thing that a change is for.
///
/// # Errors
/// 400 for everybody's, 404 without it, 400 and 412 for another `ETag` than its own.
fn named<K: Kind>(
    reader: &impl Read,
    account: &str,
    id: &str,
    if_match: Option<&str>,
) -> Result<Thing<K::Config>> {
    if K::managed(id).is_some() {
        return Err(errors::illegal_update("You cannot update or delete a managed policy."));
    }
    let thing = find::<K>(reader, account, id)?.ok_or_else(K::missing)?;
    match if_match {
        None | Some("") => Err(errors::invalid_if_match_version(
            "The If-Match version is missing or not valid for the resource.",
        )),
        Some(etag) if etag != thing.record.etag => Err(errors::precondition_failed(
            "The request failed because it didn't meet the preconditions in one or more request-header fields.",
        )),
        Some(_) => Ok(thing),
    }
}

/// # Errors
/// 400 for a list that is said to be of another length than it is.
fn check_quantities(config: &Json) -> Result<()> {
    match config {
        Json::Object(members) => {
            if let Some(quantity) = members.get("Quantity").and_then(Json::as_u64) {
                let items = members.get("Items").and_then(Json::as_array).map_or(0, Vec::len);
                if quantity != items as u64 {
                    return Err(errors::inconsistent_quantities(
                        "The value of Quantity and the size of Items don't match.",
                    ));
                }
            }
            members.values().try_for_each(check_quantities)
        }
        Json::Array(items) => items.iter().try_for_each(check_quantities),
        _ => Ok(()),
    }
}

/// A part of a list.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    pub marker: String,
    pub next: Option<String>,
    pub max: i32,
}

impl<T> Page<T> {
    /// Of items in the order of their ids, those behind the marker.
    ///
    /// # Errors
    /// 400 for no number.
    pub(crate) fn of(
        items: impl IntoIterator<Item = (String, T)>,
        marker: Option<String>,
        max: Option<&str>,
    ) -> Result<Self> {
        const MAX: i32 = 100;
        let invalid = || errors::invalid_argument("The parameter MaxItems is not valid.");
        let max = max.map_or(Ok(MAX), |text| text.parse().map_err(|_| invalid()))?;
        let count = usize::try_from(max).ok().filter(|count| *count > 0).ok_or_else(invalid)?;
        let marker = marker.unwrap_or_default();
        let mut rest = items.into_iter().filter(|(id, _)| marker.is_empty() || *id > marker);
        let mut page = rest.by_ref().take(count).collect::<Vec<_>>();
        let next = rest.next().is_some().then(|| page.last().map(|(id, _)| id.clone())).flatten();
        let items = page.drain(..).map(|(_, item)| item).collect();
        Ok(Self { items, marker, next, max })
    }

    pub(crate) fn quantity(&self) -> i32 {
        i32::try_from(self.items.len()).unwrap_or(i32::MAX)
    }

    /// As lists have them: none where there is nothing.
    pub(crate) fn some(items: Vec<T>) -> Option<Vec<T>> {
        (!items.is_empty()).then_some(items)
    }
}

/// Where a new thing is.
pub(crate) fn location(cx: &Ctx, path: &str, id: &str) -> String {
    format!("http://{}/2020-05-31/{path}/{id}", cx.host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_those_of_their_lists() {
        let check = |config: Json, is_good: bool| assert_eq!(check_quantities(&config).is_ok(), is_good);
        check(json!({ "A": { "Quantity": 0 }, "B": [{ "Quantity": 1, "Items": [1] }] }), true);
        check(json!({ "A": { "Quantity": 1 } }), false);
        check(json!({ "B": [{ "Quantity": 1, "Items": [1, 2] }] }), false);
    }

    #[test]
    fn pages_follow_each_other() {
        let items = || ["a", "b", "c"].map(|id| (id.to_owned(), id));
        let first = Page::of(items(), None, Some("2")).expect("a page");
        assert_eq!((first.items, first.next.as_deref()), (vec!["a", "b"], Some("b")));
        let second = Page::of(items(), first.next, Some("2")).expect("a page");
        assert_eq!((second.items, second.next, second.marker.as_str()), (vec!["c"], None, "b"));
        assert!(Page::of(items(), None, Some("x")).is_err());
        assert!(Page::of(items(), None, Some("0")).is_err());
    }
}
