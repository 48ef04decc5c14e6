//! A resource: a segment of paths, with the methods that it answers; and which of many a request is for.

use std::collections::BTreeMap;

use api_apigateway as model;
use aws_wire::Result;
use serde::{Deserialize, Serialize};

use crate::integration::Integration;
use crate::patch::Patch;
use crate::refusal::bad_request;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resource {
    pub format: u32,
    /// None of the root.
    pub parent_id: Option<String>,
    pub path_part: Option<String>,
    /// Whole, such as `/pets/{id}`.
    pub path: String,
    /// By name, such as `GET` or `ANY`.
    pub methods: BTreeMap<String, Method>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Method {
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization: String,
    pub authorizer_id: Option<String>,
    /// Of which an access token must have one; without any, tokens say who somebody is.
    #[serde(default)]
    pub scopes: Vec<String>,
    pub api_key_required: bool,
    pub operation_name: Option<String>,
    /// Such as `method.request.querystring.page`, and whether a request must have it.
    pub request_parameters: BTreeMap<String, bool>,
    /// By content type, the model of a body.
    pub request_models: BTreeMap<String, String>,
    pub validator_id: Option<String>,
    /// By status.
    pub responses: BTreeMap<String, MethodResponse>,
    pub integration: Option<Integration>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MethodResponse {
    pub parameters: BTreeMap<String, bool>,
    pub models: BTreeMap<String, String>,
}

impl Resource {
    /// `embedded` says whether methods are shown whole.
    pub(crate) fn shown(&self, id: &str, embedded: bool) -> model::Resource {
        let methods = self.methods.iter().map(|(name, method)| {
            let shown = if embedded { method.shown(name) } else { nothing() };
            (name.clone(), shown)
        });
        model::Resource {
            id: Some(id.to_owned()),
            parent_id: self.parent_id.clone(),
            path_part: self.path_part.clone(),
            path: Some(self.path.clone()),
            resource_methods: Some(methods.collect::<BTreeMap<_, _>>()).filter(|methods| !methods.is_empty()),
        }
    }

    /// The path of a child with this part.
    pub(crate) fn below(&self, part: &str) -> String {
        format!("{}/{part}", self.path.trim_end_matches('/'))
    }

    /// The method of this name, or the one for any.
    pub(crate) fn method(&self, name: &str) -> Option<(&str, &Method)> {
        let found = self.methods.get_key_value(name).or_else(|| self.methods.get_key_value("ANY"));
        found.map(|(name, method)| (name.as_str(), method))
    }
}

/// A method of which only the name is told.
fn nothing() -> model::Method {
    model::Method {
        http_method: None,
        authorization_type: None,
        authorizer_id: None,
        api_key_required: None,
        request_validator_id: None,
        operation_name: None,
        request_parameters: None,
        request_models: None,
        method_responses: None,
        method_integration: None,
        authorization_scopes: None,
    }
}

/// A map; none where it is empty.
pub(crate) fn some<V>(map: BTreeMap<String, V>) -> Option<BTreeMap<String, V>> {
    (!map.is_empty()).then_some(map)
}

impl Method {
    pub(crate) fn shown(&self, name: &str) -> model::Method {
        let responses =
            self.responses.iter().map(|(status, response)| (status.clone(), response.shown(status)));
        model::Method {
            http_method: Some(name.to_owned()),
            authorization_type: Some(self.authorization.clone()),
            authorizer_id: self.authorizer_id.clone(),
            api_key_required: Some(self.api_key_required),
            request_validator_id: self.validator_id.clone(),
            operation_name: self.operation_name.clone(),
            request_parameters: some(self.request_parameters.clone()),
            request_models: some(self.request_models.clone()),
            method_responses: some(responses.collect()),
            method_integration: self.integration.as_ref().map(Integration::shown),
            authorization_scopes: Some(self.scopes.clone()).filter(|scopes| !scopes.is_empty()),
        }
    }

    /// # Errors
    /// 400 for a path that a method has not.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["authorizationType"] => self.authorization = patch.text()?,
            ["authorizerId"] => self.authorizer_id = patch.optional(),
            ["authorizationScopes"] => {
                let scope = patch.value().unwrap_or_default().to_owned();
                self.scopes.retain(|known| *known != scope);
                if !patch.is_remove() {
                    self.scopes.push(scope);
                }
            }
            ["apiKeyRequired"] => self.api_key_required = patch.flag()?,
            ["operationName"] => self.operation_name = patch.optional(),
            ["requestValidatorId"] => self.validator_id = patch.optional().filter(|id| !id.is_empty()),
            ["requestParameters", name] => patch.flag_entry(&mut self.request_parameters, name)?,
            ["requestModels", name] => patch.entry(&mut self.request_models, name)?,
            _ => return Err(patch.invalid()),
        }
        check_parameters(&self.request_parameters)
    }
}

/// # Errors
/// 400 for a name that is none of a request's.
pub(crate) fn check_parameters(parameters: &BTreeMap<String, bool>) -> Result<()> {
    let fits = |name: &String| {
        ["method.request.path.", "method.request.querystring.", "method.request.header."]
            .iter()
            .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
    };
    match parameters.keys().find(|name| !fits(name)) {
        Some(_) => Err(bad_request(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified]",
        )),
        None => Ok(()),
    }
}

impl MethodResponse {
    pub(crate) fn shown(&self, status: &str) -> model::MethodResponse {
        model::MethodResponse {
            status_code: Some(status.to_owned()),
            response_parameters: some(self.parameters.clone()),
            response_models: some(self.models.clone()),
        }
    }

    /// # Errors
    /// 400 for a path that a method's response has not.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["responseParameters", name] => patch.flag_entry(&mut self.parameters, name),
            ["responseModels", name] => patch.entry(&mut self.models, name),
            _ => Err(patch.invalid()),
        }
    }
}

/// # Errors
/// 400 for what can be no segment of a resource's path.
pub(crate) fn check_part(part: &str) -> Result<()> {
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-:~$@!+".contains(letter))
    };
    let variable = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let fits = match variable {
        Some(name) => plain(name.strip_suffix('+').unwrap_or(name)) && !name[..name.len() - 1].contains('+'),
        None => plain(part),
    };
    if fits {
        return Ok(());
    }
    Err(bad_request(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning \
         and the end.",
    ))
}

/// The resource of a path, and the path's variables, still percent-encoded as REST APIs have them. Literals go before
/// variables, and those before greedy ones, segment by segment.
pub(crate) fn choose<'a>(
    resources: &'a BTreeMap<String, Resource>,
    path: &str,
) -> Option<(&'a str, &'a Resource, BTreeMap<String, String>)> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    // A slash at the end makes no other resource.
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let path = if inner.is_empty() { Vec::new() } else { inner.split('/').collect() };
    let fitting = resources.iter().filter(|(_, resource)| !resource.methods.is_empty());
    let fitting = fitting.filter_map(|(id, resource)| {
        let (weights, variables) = fit(&resource.path, &path)?;
        Some((weights, id.as_str(), resource, variables))
    });
    let best = fitting.max_by(|(a, ..), (b, ..)| a.cmp(b));
    best.map(|(_, id, resource, variables)| (id, resource, variables))
}

fn fit(pattern: &str, path: &[&str]) -> Option<(Vec<u8>, BTreeMap<String, String>)> {
    let (mut weights, mut variables) = (Vec::new(), BTreeMap::new());
    let mut rest = path;
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        let (first, after) = rest.split_first()?;
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None if segment == *first => weights.push(2),
            None => return None,
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    variables.insert(name.to_owned(), rest.join("/"));
                    weights.push(0);
                    return Some((weights, variables));
                }
                None if first.is_empty() => return None,
                None => {
                    variables.insert(name.to_owned(), (*first).to_owned());
                    weights.push(1);
                }
            },
        }
        rest = after;
    }
    rest.is_empty().then_some((weights, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], request: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let resources = paths.iter().map(|path| {
            let resource = Resource {
                format: 1,
                parent_id: None,
                path_part: None,
                path: (*path).to_owned(),
                methods: BTreeMap::from([("ANY".to_owned(), Method::default())]),
            };
            ((*path).to_owned(), resource)
        });
        let resources = resources.collect::<BTreeMap<_, _>>();
        let found = choose(&resources, request);
        let found = found.as_ref().map(|(id, _, variables)| (*id, variables.clone()));
        let expected = expected.map(|(id, variables)| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            (id, variables.collect::<BTreeMap<_, _>>())
        });
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn the_most_specific_resource_is_taken() {
        let paths =
            ["/", "/pets", "/pets/{id}", "/pets/dog", "/pets/{id}/toys", "/pets/{proxy+}", "/{proxy+}"];
        check(&paths, "/", Some(("/", &[])));
        check(&paths, "/pets", Some(("/pets", &[])));
        check(&paths, "/pets/", Some(("/pets", &[])));
        check(&paths, "/pets/dog", Some(("/pets/dog", &[])));
        check(&paths, "/pets/a%20b", Some(("/pets/{id}", &[("id", "a%20b")])));
        check(&paths, "/pets/1/toys", Some(("/pets/{id}/toys", &[("id", "1")])));
        check(&paths, "/pets/1/x//y", Some(("/pets/{proxy+}", &[("proxy", "1/x//y")])));
        check(&paths, "/other/", Some(("/{proxy+}", &[("proxy", "other")])));
        check(&["/pets/{id}"], "/pets", None);
        check(&["/pets"], "/pets/1", None);
        check(&["/{proxy+}"], "/", None);
    }

    #[test]
    fn parts_are_segments_or_variables() {
        for part in ["a", "a.b-c_d", "{id}", "{proxy+}", "v1"] {
            assert!(check_part(part).is_ok(), "{part}");
        }
        for part in ["", "a/b", "{", "{}", "{a", "x{a}", "{a+b+}", "a b", "{+}"] {
            assert!(check_part(part).is_err(), "{part}");
        }
    }
}
