//! The operations, those on one thing in one file; here is what those on any part of an API have in common.

pub(crate) mod apis;
pub(crate) mod authorizers;
pub(crate) mod deployments;
pub(crate) mod domains;
pub(crate) mod gateway_responses;
pub(crate) mod integrations;
pub(crate) mod keys;
pub(crate) mod mappings;
pub(crate) mod methods;
pub(crate) mod models;
pub(crate) mod openapi;
pub(crate) mod plans;
pub(crate) mod resources;
pub(crate) mod stages;
pub(crate) mod tags;
pub(crate) mod test_invoke_method;

use api_apigateway::PatchOperation;
use aws_wire::{AwsError, Result};
use execute_api::page::Page;
use kv::{Read, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{PartKey, RootKey, part};
use crate::patch::{self, Patch};
use crate::refusal::no_part;
use crate::{Ctx, api, page};

/// Letters of the ids of resources, authorizers and the like.
pub(crate) const ID_LENGTH: usize = 6;

/// A part of an API: in which table, of which API, its id or name, and what it is called.
struct Part<'a, V: 'static> {
    table: &'static Table<PartKey, V>,
    api_id: &'a str,
    id: &'a str,
    what: &'static str,
}

impl<V: Serialize + DeserializeOwned> Part<'_, V> {
    fn find(&self, cx: &Ctx, reader: &impl Read) -> Result<(RootKey, V)> {
        let (api, _) = api::find(cx, reader, self.api_id)?;
        let found = self.table.get(reader, &part(&api, self.id))?;
        Ok((api, found.ok_or_else(|| no_part(self.what))?))
    }

    async fn get(&self, cx: &Ctx) -> Result<V> {
        Ok(self.find(cx, &cx.kv.snapshot().await?)?.1)
    }

    async fn delete(&self, cx: &Ctx) -> Result<()> {
        cx.kv
            .transact(|tx| {
                let (api, _) = self.find(cx, tx)?;
                Ok(self.table.delete(tx, &part(&api, self.id))?)
            })
            .await
    }

    async fn patch(
        &self,
        cx: &Ctx,
        operations: Option<Vec<PatchOperation>>,
        change: impl Fn(V, &Patch) -> Result<V>,
    ) -> Result<V> {
        let patches = patch::read(operations)?;
        cx.kv
            .transact(|tx| {
                let (api, found) = self.find(cx, tx)?;
                let changed = patches.iter().try_fold(found, &change)?;
                self.table.put(tx, &part(&api, self.id), &changed)?;
                Ok::<_, AwsError>(changed)
            })
            .await
    }
}

async fn list<V: Serialize + DeserializeOwned>(
    cx: &Ctx,
    table: &Table<PartKey, V>,
    api_id: &str,
    page: (Option<i32>, Option<&str>),
) -> Result<Page<PartKey, V>> {
    let snapshot = cx.kv.snapshot().await?;
    let (api, _) = api::find(cx, &snapshot, api_id)?;
    page::rows(&snapshot, table, Span::prefix(&api), page, |id| part(&api, id), |key| &key.3)
}
