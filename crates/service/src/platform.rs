//! All services of one process, and the road to each.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_wire::schema::{Operation, Service as Api};
use aws_wire::{AwsError, Request, Response, Result, Value, protocol};
use env::Env;
use kv::Kv;
use tokio::task::JoinSet;

use crate::arrivals::Board;
use crate::register::Target;
use crate::{Caller, Ctx, Delivery, Edge, Sender, Service, Site, TargetArn, Undelivered};

/// Where the platform is for a client that does not say how it came.
const DEFAULT_HOST: &str = "localhost:4566";

/// The services of this process. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    apis: Vec<&'static Api>,
    /// In an order of their own, so that jobs start in the same one each time.
    services: BTreeMap<&'static str, Service>,
    kv: Kv,
    env: Env,
    arrivals: Arc<Board>,
}

impl Platform {
    /// # Panics
    /// When two services have one name.
    pub fn new(kv: Kv, env: Env, services: Vec<Service>) -> Self {
        let apis = services.iter().map(|service| service.api).collect::<Vec<_>>();
        let services =
            services.into_iter().map(|service| (service.api.id, service)).collect::<BTreeMap<_, _>>();
        assert_eq!(services.len(), apis.len(), "two services have one name");
        Self(Arc::new(Inner { apis, services, kv, env, arrivals: Arc::default() }))
    }

    pub fn apis(&self) -> &[&'static Api] {
        &self.0.apis
    }

    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.0.services.values()
    }

    /// The site that `request` is for, and the service that has it.
    pub fn site(&self, request: &Request) -> Option<(&'static Api, Arc<dyn Site>)> {
        let sites = self.services().flat_map(|service| service.sites.iter().map(|site| (service.api, site)));
        sites.filter(|(_, site)| site.claims(request)).map(|(api, site)| (api, Arc::clone(site))).next()
    }

    /// What `api` does in a way of its own at the edge of the wire.
    pub fn edge(&self, api: &Api) -> Option<&Arc<dyn Edge>> {
        self.0.services.get(api.id)?.edge.as_ref()
    }

    /// The API that has the host of `request` for itself, and the path that host and path stand for.
    pub fn own_host(&self, request: &Request) -> Option<(&'static Api, String)> {
        let edges = self.services().filter_map(|service| Some((service.api, service.edge.as_ref()?)));
        edges.filter_map(|(api, edge)| Some((api, edge.path(request)?))).next()
    }

    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// The surroundings of a request that begins here.
    pub fn ctx(&self, caller: Caller, request_id: Arc<str>) -> Ctx {
        let Inner { kv, env, .. } = &*self.0;
        Ctx {
            caller,
            sender: None,
            request_id,
            trace: None,
            host: DEFAULT_HOST.into(),
            kv: kv.clone(),
            env: env.clone(),
            state: Arc::new(()),
            is_patient: false,
            platform: self.clone(),
        }
    }

    /// Runs `operation` of the service that has it.
    ///
    /// # Errors
    /// What the operation answers; 501 `NotImplementedException` when it has no handler here.
    pub async fn dispatch(&self, api: &Api, operation: &Operation, cx: Ctx, input: Value) -> Result<Value> {
        let handler = self.0.services.get(api.id).and_then(|service| service.handlers.get(operation.name));
        match handler {
            Some(handler) => handler(cx, input).await,
            None => Err(AwsError::not_implemented(api.name, operation.name)),
        }
    }

    /// Answers a request whose caller is known, from its bytes to an answer's.
    pub(crate) async fn answer(&self, api: &'static Api, cx: Ctx, request: &Request) -> Result<Response> {
        let routed = protocol::route(api, request)?;
        let operation = routed.operation;
        let io = operation.io.ok_or_else(|| AwsError::not_implemented(api.name, operation.name))?;
        let mut input = routed.decode(io, request)?;
        if let (Value::Structure(slots), Some(at)) = (&mut input, routed.streamed()) {
            slots[at] = Some(Value::Stream(request.body.clone().into()));
        }
        let request_id = Arc::clone(&cx.request_id);
        let output = self.dispatch(api, operation, cx, input).await?;
        Ok(routed.encode(api, io, output, &request_id))
    }

    pub(crate) fn arrivals(&self) -> &Arc<Board> {
        &self.0.arrivals
    }

    pub(crate) async fn check_target(&self, target: &TargetArn, cx: Ctx) -> Result<(), Undelivered> {
        let receiver = self.receiver(target)?;
        (receiver.check)(cx, target.clone()).await
    }

    pub(crate) async fn check_sender(
        &self,
        target: &TargetArn,
        sender: Sender,
        cx: Ctx,
    ) -> Result<(), Undelivered> {
        self.check_target(target, cx.clone()).await?;
        let kind = target.service();
        match self.0.services.values().find_map(|service| service.doors.get(kind)) {
            Some(door) => door(cx, (target.clone(), sender)).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn deliver(&self, delivery: Delivery, cx: Ctx) -> Result<(), Undelivered> {
        let receiver = self.receiver(&delivery.target)?;
        (receiver.deliver)(cx, delivery).await
    }

    /// The service that has targets of this kind.
    fn receiver(&self, target: &TargetArn) -> Result<&Target, Undelivered> {
        let kind = target.service();
        let receiver = self.0.services.values().find_map(|service| service.targets.get(kind));
        receiver.ok_or_else(|| Undelivered::NotServed { service: kind.to_owned() })
    }

    /// Lets every service read what it keeps in memory; nobody may call before.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prepare(&self, caller: &Caller) -> kv::Result<()> {
        for preparation in self.0.services.values().flat_map(|service| &service.preparations) {
            preparation(self.ctx(caller.clone(), "prepare".into())).await?;
        }
        Ok(())
    }

    /// Starts every service's background jobs; they end when the set is dropped.
    pub fn start_jobs(&self, caller: &Caller) -> JoinSet<()> {
        let mut jobs = JoinSet::new();
        for (name, job) in self.0.services.values().flat_map(|service| &service.jobs) {
            tracing::debug!(name, "start job");
            jobs.spawn(job(self.ctx(caller.clone(), (*name).into())));
        }
        jobs
    }
}
