//! Policies, access controls and access identities: five kinds of things with the same operations.

use api_cloudfront::{
    CachePolicy, CachePolicyList, CachePolicySummary, CachePolicyType, CloudFrontOriginAccessIdentityList,
    CloudFrontOriginAccessIdentitySummary, CreateCachePolicyInput, CreateCachePolicyOutput,
    CreateCloudFrontOriginAccessIdentityInput, CreateCloudFrontOriginAccessIdentityOutput,
    CreateOriginAccessControlInput, CreateOriginAccessControlOutput, CreateOriginRequestPolicyInput,
    CreateOriginRequestPolicyOutput, CreateResponseHeadersPolicyInput, CreateResponseHeadersPolicyOutput,
    DeleteCachePolicyInput, DeleteCloudFrontOriginAccessIdentityInput, DeleteOriginAccessControlInput,
    DeleteOriginRequestPolicyInput, DeleteResponseHeadersPolicyInput, GetCachePolicyConfigInput,
    GetCachePolicyConfigOutput, GetCachePolicyInput, GetCachePolicyOutput,
    GetCloudFrontOriginAccessIdentityConfigInput, GetCloudFrontOriginAccessIdentityConfigOutput,
    GetCloudFrontOriginAccessIdentityInput, GetCloudFrontOriginAccessIdentityOutput,
    GetOriginAccessControlConfigInput, GetOriginAccessControlConfigOutput, GetOriginAccessControlInput,
    GetOriginAccessControlOutput, GetOriginRequestPolicyConfigInput, GetOriginRequestPolicyConfigOutput,
    GetOriginRequestPolicyInput, GetOriginRequestPolicyOutput, GetResponseHeadersPolicyConfigInput,
    GetResponseHeadersPolicyConfigOutput, GetResponseHeadersPolicyInput, GetResponseHeadersPolicyOutput,
    ListCachePoliciesInput, ListCachePoliciesOutput, ListCloudFrontOriginAccessIdentitiesInput,
    ListCloudFrontOriginAccessIdentitiesOutput, ListOriginAccessControlsInput,
    ListOriginAccessControlsOutput, ListOriginRequestPoliciesInput, ListOriginRequestPoliciesOutput,
    ListResponseHeadersPoliciesInput, ListResponseHeadersPoliciesOutput, OriginAccessControlList,
    OriginAccessControlSummary, OriginRequestPolicy, OriginRequestPolicyList, OriginRequestPolicySummary,
    OriginRequestPolicyType, ResponseHeadersPolicy, ResponseHeadersPolicyList, ResponseHeadersPolicySummary,
    ResponseHeadersPolicyType, UpdateCachePolicyInput, UpdateCachePolicyOutput,
    UpdateCloudFrontOriginAccessIdentityInput, UpdateCloudFrontOriginAccessIdentityOutput,
    UpdateOriginAccessControlInput, UpdateOriginAccessControlOutput, UpdateOriginRequestPolicyInput,
    UpdateOriginRequestPolicyOutput, UpdateResponseHeadersPolicyInput, UpdateResponseHeadersPolicyOutput,
};
use aws_wire::Result;
use env::Timestamp;

use crate::Ctx;
use crate::access::{AccessControls, AccessIdentities, canonical_user};
use crate::policies::{
    CachePolicies, OriginRequestPolicies, ResponseHeadersPolicies, cache_policies, origin_request_policies,
    response_headers_policies,
};
use crate::things::{self, Kind, Page, Tags, location};

/// The operations that make, read, change and delete one thing; their types differ in their names alone.
macro_rules! operations {
    (
        $kind:ident, $thing:ident, $config:ident, $path:literal;
        $create:ident($create_in:ident) -> $create_out:ident;
        $get:ident($get_in:ident) -> $get_out:ident;
        $get_config:ident($get_config_in:ident) -> $get_config_out:ident;
        $update:ident($update_in:ident) -> $update_out:ident;
        $delete:ident($delete_in:ident);
    ) => {
        pub(crate) async fn $create(cx: Ctx, input: $create_in) -> Result<$create_out> {
            let made = things::create::<$kind>(&cx, input.$config, Tags::new()).await?;
            Ok($create_out {
                location: Some(location(&cx, $path, &made.id)),
                e_tag: Some(made.record.etag.clone()),
                $thing: Some($kind::show(&cx, made)),
            })
        }

        pub(crate) async fn $get(cx: Ctx, input: $get_in) -> Result<$get_out> {
            let found = things::get::<$kind>(&cx, &input.id).await?;
            Ok($get_out { e_tag: Some(found.record.etag.clone()), $thing: Some($kind::show(&cx, found)) })
        }

        pub(crate) async fn $get_config(cx: Ctx, input: $get_config_in) -> Result<$get_config_out> {
            let found = things::get::<$kind>(&cx, &input.id).await?;
            Ok($get_config_out { e_tag: Some(found.record.etag), $config: Some(found.config) })
        }

        pub(crate) async fn $update(cx: Ctx, input: $update_in) -> Result<$update_out> {
            let if_match = input.if_match.as_deref();
            let updated = things::update::<$kind>(&cx, &input.id, if_match, input.$config).await?;
            Ok($update_out {
                e_tag: Some(updated.record.etag.clone()),
                $thing: Some($kind::show(&cx, updated)),
            })
        }

        pub(crate) async fn $delete(cx: Ctx, input: $delete_in) -> Result<()> {
            things::delete::<$kind>(&cx, &input.id, input.if_match.as_deref()).await
        }
    };
}

/// The list of a kind of policies: first AWS's, then the account's.
macro_rules! policies {
    (
        $kind:ident, $thing:ident, $config:ident, $shown:ident, $summary:ident, $type:ident, $managed:ident;
        $list:ident($list_in:ident) -> $list_out:ident { $field:ident: $of:ident }
    ) => {
        pub(crate) async fn $list(cx: Ctx, input: $list_in) -> Result<$list_out> {
            let last_modified_time = Timestamp::from_millis(0);
            let managed = $managed().into_iter().map(|(id, $config)| {
                let $thing = $shown { id: id.to_owned(), last_modified_time, $config };
                (id.to_owned(), $summary { r#type: $type::Managed, $thing })
            });
            let own = things::all::<$kind>(&cx.kv.snapshot().await?, &cx.caller.account)?;
            let own = own.into_iter().map(|thing| {
                (thing.id.clone(), $summary { r#type: $type::Custom, $thing: $kind::show(&cx, thing) })
            });
            let wanted = input.r#type;
            let all = managed.chain(own).filter(|(_, one)| wanted.is_none_or(|wanted| one.r#type == wanted));
            let mut all = all.collect::<Vec<_>>();
            all.sort_by(|(one, _), (other, _)| one.cmp(other));
            let page = Page::of(all, input.marker, input.max_items.as_deref())?;
            let quantity = page.quantity();
            Ok($list_out {
                $field: Some($of {
                    next_marker: page.next,
                    max_items: page.max,
                    quantity,
                    items: Page::some(page.items),
                }),
            })
        }
    };
}

operations! {
    CachePolicies, cache_policy, cache_policy_config, "cache-policy";
    create_cache_policy(CreateCachePolicyInput) -> CreateCachePolicyOutput;
    get_cache_policy(GetCachePolicyInput) -> GetCachePolicyOutput;
    get_cache_policy_config(GetCachePolicyConfigInput) -> GetCachePolicyConfigOutput;
    update_cache_policy(UpdateCachePolicyInput) -> UpdateCachePolicyOutput;
    delete_cache_policy(DeleteCachePolicyInput);
}

policies! {
    CachePolicies, cache_policy, cache_policy_config, CachePolicy, CachePolicySummary, CachePolicyType, cache_policies;
    list_cache_policies(ListCachePoliciesInput) -> ListCachePoliciesOutput { cache_policy_list: CachePolicyList }
}

operations! {
    OriginRequestPolicies, origin_request_policy, origin_request_policy_config, "origin-request-policy";
    create_origin_request_policy(CreateOriginRequestPolicyInput) -> CreateOriginRequestPolicyOutput;
    get_origin_request_policy(GetOriginRequestPolicyInput) -> GetOriginRequestPolicyOutput;
    get_origin_request_policy_config(GetOriginRequestPolicyConfigInput) -> GetOriginRequestPolicyConfigOutput;
    update_origin_request_policy(UpdateOriginRequestPolicyInput) -> UpdateOriginRequestPolicyOutput;
    delete_origin_request_policy(DeleteOriginRequestPolicyInput);
}

policies! {
    OriginRequestPolicies, origin_request_policy, origin_request_policy_config, OriginRequestPolicy, OriginRequestPolicySummary, OriginRequestPolicyType, origin_request_policies;
    list_origin_request_policies(ListOriginRequestPoliciesInput) -> ListOriginRequestPoliciesOutput { origin_request_policy_list: OriginRequestPolicyList }
}

operations! {
    ResponseHeadersPolicies, response_headers_policy, response_headers_policy_config, "response-headers-policy";
    create_response_headers_policy(CreateResponseHeadersPolicyInput) -> CreateResponseHeadersPolicyOutput;
    get_response_headers_policy(GetResponseHeadersPolicyInput) -> GetResponseHeadersPolicyOutput;
    get_response_headers_policy_config(GetResponseHeadersPolicyConfigInput) -> GetResponseHeadersPolicyConfigOutput;
    update_response_headers_policy(UpdateResponseHeadersPolicyInput) -> UpdateResponseHeadersPolicyOutput;
    delete_response_headers_policy(DeleteResponseHeadersPolicyInput);
}

policies! {
    ResponseHeadersPolicies, response_headers_policy, response_headers_policy_config, ResponseHeadersPolicy, ResponseHeadersPolicySummary, ResponseHeadersPolicyType, response_headers_policies;
    list_response_headers_policies(ListResponseHeadersPoliciesInput) -> ListResponseHeadersPoliciesOutput { response_headers_policy_list: ResponseHeadersPolicyList }
}

operations! {
    AccessControls, origin_access_control, origin_access_control_config, "origin-access-control";
    create_origin_access_control(CreateOriginAccessControlInput) -> CreateOriginAccessControlOutput;
    get_origin_access_control(GetOriginAccessControlInput) -> GetOriginAccessControlOutput;
    get_origin_access_control_config(GetOriginAccessControlConfigInput) -> GetOriginAccessControlConfigOutput;
    update_origin_access_control(UpdateOriginAccessControlInput) -> UpdateOriginAccessControlOutput;
    delete_origin_access_control(DeleteOriginAccessControlInput);
}

operations! {
    AccessIdentities, cloud_front_origin_access_identity, cloud_front_origin_access_identity_config, "origin-access-identity/cloudfront";
    create_cloud_front_origin_access_identity(CreateCloudFrontOriginAccessIdentityInput) -> CreateCloudFrontOriginAccessIdentityOutput;
    get_cloud_front_origin_access_identity(GetCloudFrontOriginAccessIdentityInput) -> GetCloudFrontOriginAccessIdentityOutput;
    get_cloud_front_origin_access_identity_config(GetCloudFrontOriginAccessIdentityConfigInput) -> GetCloudFrontOriginAccessIdentityConfigOutput;
    update_cloud_front_origin_access_identity(UpdateCloudFrontOriginAccessIdentityInput) -> UpdateCloudFrontOriginAccessIdentityOutput;
    delete_cloud_front_origin_access_identity(DeleteCloudFrontOriginAccessIdentityInput);
}

pub(crate) async fn list_origin_access_controls(
    cx: Ctx,
    input: ListOriginAccessControlsInput,
) -> Result<ListOriginAccessControlsOutput> {
    let all = things::all::<AccessControls>(&cx.kv.snapshot().await?, &cx.caller.account)?;
    let all = all.into_iter().map(|thing| {
        let config = thing.config;
        let summary = OriginAccessControlSummary {
            id: thing.id.clone(),
            description: config.description.unwrap_or_default(),
            name: config.name,
            signing_protocol: config.signing_protocol,
            signing_behavior: config.signing_behavior,
            origin_access_control_origin_type: config.origin_access_control_origin_type,
        };
        (thing.id, summary)
    });
    let page = Page::of(all, input.marker, input.max_items.as_deref())?;
    let quantity = page.quantity();
    Ok(ListOriginAccessControlsOutput {
        origin_access_control_list: Some(OriginAccessControlList {
            marker: page.marker,
            is_truncated: page.next.is_some(),
            next_marker: page.next,
            max_items: page.max,
            quantity,
            items: Page::some(page.items),
        }),
    })
}

pub(crate) async fn list_cloud_front_origin_access_identities(
    cx: Ctx,
    input: ListCloudFrontOriginAccessIdentitiesInput,
) -> Result<ListCloudFrontOriginAccessIdentitiesOutput> {
    let all = things::all::<AccessIdentities>(&cx.kv.snapshot().await?, &cx.caller.account)?;
    let all = all.into_iter().map(|thing| {
        let summary = CloudFrontOriginAccessIdentitySummary {
            id: thing.id.clone(),
            s3_canonical_user_id: canonical_user(&thing.id),
            comment: thing.config.comment,
        };
        (thing.id, summary)
    });
    let page = Page::of(all, input.marker, input.max_items.as_deref())?;
    let quantity = page.quantity();
    Ok(ListCloudFrontOriginAccessIdentitiesOutput {
        cloud_front_origin_access_identity_list: Some(CloudFrontOriginAccessIdentityList {
            marker: page.marker,
            is_truncated: page.next.is_some(),
            next_marker: page.next,
            max_items: page.max,
            quantity,
            items: Page::some(page.items),
        }),
    })
}
