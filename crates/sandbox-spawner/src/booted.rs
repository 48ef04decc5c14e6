//! The daemon's half of programs that are started ahead.

use std::sync::Arc;

use sandbox::{Booted, Error, Pending, Result, Spec, Started, Template};
use tokio::sync::oneshot;

use crate::cgroup::Layout;
use crate::client::{Expected, KillUnlessStarted, Link, check, gone};
use crate::template;
use crate::wire::Request;

/// Starts a program ahead; resolves once it says that it is ready.
pub(crate) async fn boot(link: &Arc<Link>, layout: &Arc<Layout>, spec: Spec) -> Result<Box<dyn Booted>> {
    if !link.given().boots {
        return Err(Error::Unsupported {
            what: "booting ahead",
            missing: "the daemon has to be root".to_owned(),
        });
    }
    ready(link, layout, spec, None, |id, spec| Request::Boot { id, spec }).await
}

/// Asks for something that waits; resolves once it is ready.
pub(crate) async fn ready(
    link: &Arc<Link>,
    layout: &Arc<Layout>,
    spec: Spec,
    template: Option<Arc<Waiting>>,
    request: impl FnOnce(u64, Box<Spec>) -> Request,
) -> Result<Box<dyn Booted>> {
    check(&spec, link.given())?;
    let (sender, ready) = oneshot::channel();
    let id = link.expect_new(Expected { booted: Some(sender), ..Expected::default() })?;
    // Whatever comes of it: from here on dropping it ends it.
    let mut waiting = Waiting {
        link: Arc::clone(link),
        layout: Arc::clone(layout),
        id,
        spec: spec.clone(),
        template,
        memory_bytes: None,
        is_claimed: false,
    };
    link.post(&request(id, Box::new(spec)))?;
    let group = ready.await.unwrap_or_else(|_| Err(gone()))?;
    waiting.memory_bytes = group.and_then(|name| layout.group(&name).memory_now());
    Ok(Box::new(waiting))
}

/// A program that waits, or is about to; or a copy that does not run yet.
pub(crate) struct Waiting {
    link: Arc<Link>,
    layout: Arc<Layout>,
    id: u64,
    spec: Spec,
    /// What it is a copy of, where that is a program started ahead.
    template: Option<Arc<Waiting>>,
    memory_bytes: Option<u64>,
    /// It is somebody else's to end.
    is_claimed: bool,
}

impl Waiting {
    fn is_for(&self, spec: &Spec) -> bool {
        let own = self.spec.env.clone();
        if self.spec.is_nobodys() {
            return spec.booting(own) == self.spec;
        }
        Spec { id: self.spec.id.clone(), env: own, ..spec.clone() } == self.spec
    }
}

impl Booted for Waiting {
    fn memory_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }

    fn is_alive(&self) -> bool {
        self.link.expect(self.id, |_| Some(())).is_some()
    }

    fn into_template(self: Box<Self>) -> Pending<'static, Result<Box<dyn Template>>> {
        Box::pin(async move {
            // The spawner tells it to fork.
            let told = Box::new(|| ());
            let snapshot = template::take(&self.link, Arc::clone(&self.layout), self.id, told).await?;
            Ok(Box::new(snapshot.of(*self)) as Box<dyn Template>)
        })
    }

    fn claim(mut self: Box<Self>, spec: Spec) -> Pending<'static, Result<Started>> {
        Box::pin(async move {
            check(&spec, self.link.given())?;
            if !spec.companions.programs.is_empty() || !self.is_for(&spec) {
                return Err(Error::InvalidSpec("the program was not started for such a sandbox".to_owned()));
            }
            let (answer, answered) = oneshot::channel();
            let template = self.template.take();
            let expected = self.link.expect(self.id, |expected| {
                (expected.answer, expected.cpu_millis) = (Some(answer), spec.cpu_millis);
                expected.template = template;
                Some(())
            });
            expected.ok_or_else(|| Error::Spawner("the program started ahead has ended".to_owned()))?;
            let abandoned = KillUnlessStarted::new(&self.link, self.id);
            self.is_claimed = true;
            self.link.post(&Request::Claim { id: self.id, spec: Box::new(spec) })?;
            let started = answered.await.unwrap_or_else(|_| Err(gone()));
            abandoned.settled();
            started
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_claimed {
            self.link.forget(self.id);
            // Fails only when the spawner is gone, and then so is the program.
            let _ = self.link.post(&Request::Kill { id: self.id });
        }
    }
}

/// Memory that the host could give to more processes, in bytes, by the kernel's own estimate.
pub fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}
