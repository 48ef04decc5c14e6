//! The daemon's half of templates: has the spawner take a snapshot of a sandbox, and starts copies of it.

use std::sync::Arc;

use sandbox::{Booted, Error, Pending, Result, Spec, Started, Template};
use tokio::sync::oneshot;

use crate::booted::{self, Waiting};
use crate::cgroup::Layout;
use crate::client::{Link, gone, guard};
use crate::wire::Request;

/// A snapshot that somebody waits for.
pub(crate) struct Awaited {
    watched: Option<Box<dyn FnOnce() + Send>>,
    /// Why there is none, if so.
    taken: oneshot::Sender<Option<String>>,
}

/// Makes a template of sandbox `id`; calls `watched` once the program may fork.
pub(crate) async fn take(
    link: &Arc<Link>,
    layout: Arc<Layout>,
    id: u64,
    watched: Box<dyn FnOnce() + Send>,
) -> Result<Snapshot> {
    if !link.given().snapshots {
        return Err(Error::Unsupported {
            what: "snapshots",
            missing: "the daemon has to be root, on x86-64".to_owned(),
        });
    }
    let (sender, taken) = oneshot::channel();
    guard(&link.snapshots).insert(id, Awaited { watched: Some(watched), taken: sender });
    link.post(&Request::Snapshot { id })?;
    match taken.await {
        Ok(None) => Ok(Snapshot { link: Arc::clone(link), layout, id, program: None }),
        Ok(Some(reason)) => Err(Error::NoSnapshot(reason)),
        Err(_) => Err(gone()),
    }
}

impl Link {
    pub(crate) fn snapshot_watched(&self, id: u64) {
        let watched = guard(&self.snapshots).get_mut(&id).and_then(|awaited| awaited.watched.take());
        if let Some(watched) = watched {
            watched();
        }
    }

    pub(crate) fn snapshot_ended(&self, id: u64, refused: Option<String>) {
        let awaited = guard(&self.snapshots).remove(&id);
        if let Some(awaited) = awaited {
            // Nobody waits any more for one that was given up.
            let _ = awaited.taken.send(refused);
        }
    }
}

/// A sandbox that others are copied from.
pub(crate) struct Snapshot {
    link: Arc<Link>,
    layout: Arc<Layout>,
    id: u64,
    /// The sandbox, where nobody else keeps it. Its end is the copies', so they have it, too.
    program: Option<Arc<Waiting>>,
}

impl Snapshot {
    /// Of a program that was started ahead, which is kept from here on.
    pub(crate) fn of(self, program: Waiting) -> Self {
        Self { program: Some(Arc::new(program)), ..self }
    }
}

impl Template for Snapshot {
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>> {
        let template = self.id;
        Box::pin(self.link.start(spec, move |id, spec| Request::Copy { id, template, spec, held: false }))
    }

    fn hold(&self, spec: Spec) -> Pending<'_, Result<Box<dyn Booted>>> {
        let (template, program) = (self.id, self.program.clone());
        Box::pin(booted::ready(&self.link, &self.layout, spec, program, move |id, spec| Request::Copy {
            id,
            template,
            spec,
            held: true,
        }))
    }
}
