//! The operations, those on one thing in one file.

pub(crate) mod apis;
pub(crate) mod authorizers;
pub(crate) mod connections;
pub(crate) mod deployments;
pub(crate) mod domains;
pub(crate) mod integration_responses;
pub(crate) mod integrations;
pub(crate) mod mappings;
pub(crate) mod openapi;
pub(crate) mod route_responses;
pub(crate) mod routes;
pub(crate) mod stages;
pub(crate) mod tags;

use aws_wire::Wire;

/// One answer as another's type: what creates, shows and changes a thing answers alike, but each has a type of its own.
/// A test holds their members to each other.
pub(crate) fn recast<A: Wire, B: Wire>(answer: A) -> B {
    B::from_value(answer.into_value())
}

#[cfg(test)]
mod tests {
    use api_apigatewayv2 as api;
    use aws_wire::Input;

    fn members<I: Input>() -> Vec<&'static str> {
        let output = I::OPERATION.io.expect("it is served").output;
        output.structure().expect("a structure").members.iter().map(|member| member.name).collect()
    }

    #[test]
    fn answers_about_one_thing_are_alike() {
        assert_eq!(members::<api::CreateApiInput>(), members::<api::GetApiInput>());
        assert_eq!(members::<api::CreateApiInput>(), members::<api::UpdateApiInput>());
        assert_eq!(members::<api::CreateRouteInput>(), members::<api::GetRouteInput>());
        assert_eq!(members::<api::CreateRouteInput>(), members::<api::UpdateRouteInput>());
        assert_eq!(members::<api::CreateIntegrationInput>(), members::<api::GetIntegrationInput>());
        assert_eq!(members::<api::CreateIntegrationInput>(), members::<api::UpdateIntegrationInput>());
        let response = members::<api::CreateIntegrationResponseInput>();
        assert_eq!(response, members::<api::GetIntegrationResponseInput>());
        assert_eq!(response, members::<api::UpdateIntegrationResponseInput>());
        assert_eq!(members::<api::CreateStageInput>(), members::<api::GetStageInput>());
        assert_eq!(members::<api::CreateStageInput>(), members::<api::UpdateStageInput>());
        assert_eq!(members::<api::CreateDeploymentInput>(), members::<api::GetDeploymentInput>());
        assert_eq!(members::<api::CreateDeploymentInput>(), members::<api::UpdateDeploymentInput>());
        assert_eq!(members::<api::CreateDomainNameInput>(), members::<api::GetDomainNameInput>());
        assert_eq!(members::<api::CreateDomainNameInput>(), members::<api::UpdateDomainNameInput>());
        assert_eq!(members::<api::CreateApiMappingInput>(), members::<api::GetApiMappingInput>());
        assert_eq!(members::<api::CreateApiMappingInput>(), members::<api::UpdateApiMappingInput>());
        assert_eq!(members::<api::CreateAuthorizerInput>(), members::<api::GetAuthorizerInput>());
        assert_eq!(members::<api::CreateAuthorizerInput>(), members::<api::UpdateAuthorizerInput>());
    }
}
