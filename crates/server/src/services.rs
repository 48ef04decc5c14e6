//! Which services run, one line each.

use service::Service;

pub fn all(
    lambda: svc_lambda::Config,
    dynamodb: svc_dynamodb::Config,
    kinesis: svc_kinesis::Config,
    s3: svc_s3::Config,
    ses: svc_ses::Config,
    balancers: svc_elbv2::Config,
    collector: Option<svc_xray::Collector>,
) -> Vec<Service> {
    let mut services = vec![
        svc_cloudfront::service(),
        svc_elbv2::service(balancers),
        svc_events::service(),
        svc_kinesis::service(kinesis),
        svc_lambda::service(lambda),
        svc_apigateway::service(),
        svc_logs::service(),
        svc_scheduler::service(),
        svc_sns::service(),
        svc_sqs::service(),
        svc_sts::service(),
        svc_xray::service(collector),
        svc_s3::service(s3),
    ];
    services.extend(svc_apigatewayv2::services());
    services.extend(svc_dynamodb::services(dynamodb));
    services.extend(svc_ses::services(ses));
    services
}

#[cfg(test)]
mod tests {
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
        check(&svc_apigateway::service());
        svc_apigatewayv2::services().iter().for_each(check);
        check(&svc_logs::service());
        check(&svc_scheduler::service());
        svc_ses::services(svc_ses::Config::default()).iter().for_each(check);
        check(&svc_sns::service());
        check(&svc_sqs::service());
        check(&svc_sts::service());
        check(&svc_xray::service(None));
    }
}
