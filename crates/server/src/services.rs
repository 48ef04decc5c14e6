//! Which services run, one line each.

use std::sync::Arc;

use execute_api::Front;
use service::Service;

/// What the services that have settings are given.
pub struct Configs {
    pub lambda: svc_lambda::Config,
    pub dynamodb: svc_dynamodb::Config,
    pub kinesis: svc_kinesis::Config,
    pub s3: svc_s3::Config,
    pub ses: svc_ses::Config,
    pub balancers: svc_elbv2::Config,
    pub collector: Option<svc_xray::Collector>,
    pub pollers: Arc<event_sources::Pollers>,
    pub front: Arc<Front>,
}

pub fn all(configs: Configs) -> Vec<Service> {
    let mut services = vec![
        svc_cloudfront::service(),
        svc_elbv2::service(configs.balancers),
        svc_events::service(),
        svc_kinesis::service(configs.kinesis),
        svc_lambda::service(configs.lambda),
        svc_apigateway::service(Arc::clone(&configs.front)),
        svc_logs::service(),
        svc_pipes::service(configs.pollers),
        svc_scheduler::service(),
        svc_sns::service(),
        svc_sqs::service(),
        svc_sts::service(),
        svc_xray::service(configs.collector),
        svc_s3::service(configs.s3),
    ];
    services.extend(svc_apigatewayv2::services(configs.front));
    services.extend(svc_dynamodb::services(configs.dynamodb));
    services.extend(svc_ses::services(configs.ses));
    services
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_wire::schema;

    /// The coverage page is written from the models; here it is held to what has a handler.
    fn check(service: &service::Service) {
        let api: &schema::Service = service.api();
        for operation in api.operations {
            let listed = operation.io.is_some();
            assert_eq!(service.serves(operation.name), listed, "{}:{}", api.name, operation.name);
        }
    }

    #[test]
    fn every_listed_operation_has_a_handler_and_no_other() {
        svc_dynamodb::services(svc_dynamodb::Config::default()).iter().for_each(check);
        check(&svc_elbv2::service(svc_elbv2::Config::default()));
        check(&svc_cloudfront::service());
        check(&svc_events::service());
        check(&svc_kinesis::service(svc_kinesis::Config::default()));
        check(&svc_apigateway::service(Arc::default()));
        svc_apigatewayv2::services(Arc::default()).iter().for_each(check);
        check(&svc_logs::service());
        check(&svc_pipes::service(Arc::default()));
        check(&svc_scheduler::service());
        svc_ses::services(svc_ses::Config::default()).iter().for_each(check);
        check(&svc_sns::service());
        check(&svc_sqs::service());
        check(&svc_sts::service());
        check(&svc_xray::service(None));
    }
}
