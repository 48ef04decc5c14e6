//! Resources of an API: a tree of path segments.

use std::collections::BTreeMap;

use api_apigateway::{
    CreateResourceInput, DeleteResourceInput, GetResourceInput, GetResourcesInput, GetResourcesOutput,
    Resource as Shown, UpdateResourceInput, errors,
};
use aws_wire::{AwsError, Result};
use execute_api::address;
use kv::{Read, Span, Tx};

use super::{ID_LENGTH, Part, list};
use crate::api::{self, FORMAT};
use crate::keys::{RESOURCES, RootKey, part};
use crate::refusal::{bad_request, no_part, too_many};
use crate::resource::{self, Resource};
use crate::{Ctx, patch};

const RESOURCES_MAX: usize = 300;

type All = Vec<(String, Resource)>;

fn all(reader: &impl Read, api: &RootKey) -> Result<All> {
    let rows = RESOURCES.all(reader, &Span::prefix(api))?;
    Ok(rows.into_iter().map(|(key, resource)| (key.3, resource)).collect())
}

/// # Errors
/// 409 where a child of that name, or another that is a variable, is there already; 400 below a greedy variable.
fn check_sibling(all: &All, parent_id: &str, parent: &Resource, own_id: &str, name: &str) -> Result<()> {
    if parent.path.ends_with("+}") {
        return Err(bad_request(format!(
            "Cannot create a child of a resource with a greedy path variable: {}",
            parent.path
        )));
    }
    let siblings = all.iter().filter(|(id, one)| one.parent_id.as_deref() == Some(parent_id) && id != own_id);
    for part in siblings.filter_map(|(_, sibling)| sibling.path_part.as_deref()) {
        if part == name {
            return Err(errors::conflict_exception(format!(
                "Another resource with the same parent already has this name: {name}"
            )));
        }
        let is_variable = |part: &str| part.starts_with('{') && !part.ends_with("+}");
        if is_variable(part) && is_variable(name) {
            return Err(bad_request(format!(
                "A sibling ({part}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}

pub(crate) async fn create_resource(cx: Ctx, input: CreateResourceInput) -> Result<Shown> {
    resource::check_part(&input.path_part)?;
    let id = address::id(&cx.env, ID_LENGTH);
    let resource = cx
        .kv
        .transact(|tx| {
            let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
            let all = all(tx, &api)?;
            let parent =
                all.iter().find(|(id, _)| *id == input.parent_id).ok_or_else(|| no_part("Resource"))?;
            if all.len() >= RESOURCES_MAX {
                return Err(too_many("resources"));
            }
            check_sibling(&all, &input.parent_id, &parent.1, &id, &input.path_part)?;
            let resource = Resource {
                format: FORMAT,
                parent_id: Some(input.parent_id.clone()),
                path_part: Some(input.path_part.clone()),
                path: parent.1.below(&input.path_part),
                methods: BTreeMap::new(),
            };
            RESOURCES.put(tx, &part(&api, &id), &resource)?;
            Ok(resource)
        })
        .await?;
    Ok(resource.shown(&id, false))
}

fn embeds(embed: Option<&Vec<String>>) -> bool {
    embed.into_iter().flatten().any(|one| one == "methods")
}

pub(crate) async fn get_resource(cx: Ctx, input: GetResourceInput) -> Result<Shown> {
    let id = &input.resource_id;
    let found = Part { table: &RESOURCES, api_id: &input.rest_api_id, id, what: "Resource" }.get(&cx).await?;
    Ok(found.shown(id, embeds(input.embed.as_ref())))
}

pub(crate) async fn get_resources(cx: Ctx, input: GetResourcesInput) -> Result<GetResourcesOutput> {
    let page = (input.limit, input.position.as_deref());
    let (rows, position) = list(&cx, &RESOURCES, &input.rest_api_id, page).await?;
    let embedded = embeds(input.embed.as_ref());
    let items = rows.iter().map(|(key, resource)| resource.shown(&key.3, embedded)).collect();
    Ok(GetResourcesOutput { items: Some(items), position })
}

pub(crate) async fn update_resource(cx: Ctx, input: UpdateResourceInput) -> Result<Shown> {
    let patches = patch::read(input.patch_operations)?;
    let update = |tx: &mut Tx| {
        let (api, _) = api::find(&cx, tx, &input.rest_api_id)?;
        let resources = all(tx, &api)?;
        let found = resources.iter().find(|(id, _)| *id == input.resource_id);
        let mut changed = found.ok_or_else(|| no_part("Resource"))?.1.clone();
        if changed.parent_id.is_none() {
            return Err(bad_request("Root resource cannot be updated."));
        }
        for patch in &patches {
            match patch.segments()[..] {
                ["pathPart"] => changed.path_part = Some(patch.text()?),
                ["parentId"] => changed.parent_id = Some(patch.text()?),
                _ => return Err(patch.invalid()),
            }
        }
        let (name, parent_id) =
            (changed.path_part.clone().unwrap_or_default(), changed.parent_id.clone().unwrap_or_default());
        resource::check_part(&name)?;
        let parent = resources.iter().find(|(id, _)| *id == parent_id).ok_or_else(|| no_part("Resource"))?;
        if within(&resources, &input.resource_id, &parent_id) {
            return Err(bad_request("Resources cannot be moved below themselves"));
        }
        check_sibling(&resources, &parent_id, &parent.1, &input.resource_id, &name)?;
        changed.path = parent.1.below(&name);
        RESOURCES.put(tx, &part(&api, &input.resource_id), &changed)?;
        move_children(tx, &api, &resources, &input.resource_id, &changed)?;
        Ok::<_, AwsError>(changed)
    };
    let resource = cx.kv.transact(update).await?;
    Ok(resource.shown(&input.resource_id, false))
}

/// Whether `id` is `ancestor` or lies below it.
fn within(all: &All, ancestor: &str, id: &str) -> bool {
    let mut at = Some(id);
    while let Some(id) = at {
        if id == ancestor {
            return true;
        }
        at =
            all.iter().find(|(known, _)| known == id).and_then(|(_, resource)| resource.parent_id.as_deref());
    }
    false
}

fn move_children(tx: &mut Tx, api: &RootKey, all: &All, id: &str, parent: &Resource) -> Result<()> {
    for (child_id, child) in all.iter().filter(|(_, child)| child.parent_id.as_deref() == Some(id)) {
        let path = parent.below(child.path_part.as_deref().unwrap_or_default());
        let moved = Resource { path, ..child.clone() };
        RESOURCES.put(tx, &part(api, child_id), &moved)?;
        move_children(tx, api, all, child_id, &moved)?;
    }
    Ok(())
}

pub(crate) async fn delete_resource(cx: Ctx, input: DeleteResourceInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (api, found) = api::find(&cx, tx, &input.rest_api_id)?;
            if found.root_id == input.resource_id {
                return Err(bad_request("Root resource cannot be deleted."));
            }
            let all = all(tx, &api)?;
            if !all.iter().any(|(id, _)| *id == input.resource_id) {
                return Err(no_part("Resource"));
            }
            // What lies below goes with it.
            for (id, _) in all.iter().filter(|(id, _)| within(&all, &input.resource_id, id)) {
                RESOURCES.delete(tx, &part(&api, id))?;
            }
            Ok(())
        })
        .await
}
