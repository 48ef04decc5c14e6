//! What the spawner has at hand of the parts made ahead, and what it has ordered.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;

use sandbox::Network;

use crate::failure::Failure;
use crate::launch::Kit;
use crate::stockroom::Order;

/// Parts of one kind on order at a time: orders and supplies must fit into the socket both ways, or spawner and
/// stockroom would wait for each other.
const ORDERS_MAX: usize = 32;

/// A disk made ahead.
pub(crate) struct ReadyDisk {
    pub token: u64,
    pub mount: OwnedFd,
}

/// Parts of one kind.
struct Shelf<T> {
    ready: VecDeque<T>,
    ordered: usize,
    /// Told to the next start that would have needed the part; ordering goes on after that.
    failed: Option<Failure>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { ready: VecDeque::new(), ordered: 0, failed: None }
    }
}

impl<T> Shelf<T> {
    fn arrived(&mut self, part: Result<T, Failure>) {
        self.ordered = self.ordered.saturating_sub(1);
        match part {
            Ok(part) => self.ready.push_back(part),
            Err(failure) => self.failed = Some(failure),
        }
    }

    fn look(&mut self) -> Parts {
        if !self.ready.is_empty() {
            return Parts::Ready;
        }
        self.failed.take().map_or(Parts::Coming, Parts::Failed)
    }

    /// How many to order so that there will be `wanted`.
    fn order(&mut self, wanted: usize) -> usize {
        if self.failed.is_some() {
            return 0;
        }
        let missing = wanted.saturating_sub(self.ready.len() + self.ordered);
        let ordered = missing.min(ORDERS_MAX.saturating_sub(self.ordered));
        self.ordered += ordered;
        ordered
    }

    fn is_unused(&self) -> bool {
        self.ready.is_empty() && self.ordered == 0 && self.failed.is_none()
    }
}

/// Whether a start has what it needs.
pub(crate) enum Parts {
    Ready,
    Coming,
    Failed(Failure),
}

/// Which parts a start needs; no size where `/tmp` is memory.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    pub network: Network,
    pub disk: Option<u64>,
    pub place: Place,
}

/// Which kit a start needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Any,
    /// One made for copies of this template.
    Of(u64),
    /// None: it has one already.
    Taken,
}

impl Place {
    fn template(self) -> Option<u64> {
        if let Self::Of(template) = self { Some(template) } else { None }
    }
}

/// Parts at hand and on their way.
#[derive(Default)]
pub(crate) struct Stock {
    isolated: Shelf<Kit>,
    outbound: Shelf<Kit>,
    /// Places for copies, by template.
    places: HashMap<u64, Shelf<Kit>>,
    disks: HashMap<u64, Shelf<ReadyDisk>>,
}

impl Stock {
    pub(crate) fn kit_arrived(&mut self, network: Network, template: Option<u64>, kit: Result<Kit, Failure>) {
        self.kits(network, template).arrived(kit);
    }

    /// Places for copies of a template that is gone.
    pub(crate) fn drop_places(&mut self, template: u64) -> impl Iterator<Item = Kit> {
        self.places.remove(&template).into_iter().flat_map(|shelf| shelf.ready)
    }

    pub(crate) fn disk_arrived(&mut self, size: u64, disk: Result<ReadyDisk, Failure>) {
        self.disks.entry(size).or_default().arrived(disk);
    }

    pub(crate) fn look(&mut self, needs: Needs) -> Parts {
        let kit = match needs.place {
            Place::Taken => Parts::Ready,
            place => self.kits(needs.network, place.template()).look(),
        };
        match (kit, needs.disk) {
            (Parts::Ready, Some(size)) => {
                self.disks.get_mut(&size).map_or(Parts::Coming, |disks| disks.look())
            }
            (found, _) => found,
        }
    }

    /// Takes what [`Stock::look`] has just found ready.
    pub(crate) fn take(&mut self, needs: Needs) -> Option<(Kit, Option<ReadyDisk>)> {
        let kit = self.kits(needs.network, needs.place.template()).ready.pop_front()?;
        Some((kit, self.take_disk(needs)))
    }

    pub(crate) fn take_disk(&mut self, needs: Needs) -> Option<ReadyDisk> {
        needs.disk.and_then(|size| self.disks.get_mut(&size)?.ready.pop_front())
    }

    /// What to order for those who wait, and so that `ready_max` of what is `usual` are at hand.
    pub(crate) fn order(&mut self, usual: Needs, ready_max: usize, waiting: &[Needs]) -> Vec<Order> {
        let mut orders = Vec::new();
        for network in [Network::Isolated, Network::Outbound] {
            let ahead = if usual.network == network { ready_max } else { 0 };
            let waits = |needs: &&Needs| needs.network == network && needs.place == Place::Any;
            let waited_for = waiting.iter().filter(waits).count();
            let missing = self.kits(network, None).order(ahead + waited_for);
            orders.extend((0..missing).map(|_| Order::Kit { network, template: None }));
        }
        for (index, needs) in waiting.iter().enumerate() {
            let (Needs { network, .. }, Some(template)) = (*needs, needs.place.template()) else { continue };
            let template = Some(template);
            let wanted = waiting[..=index].iter().filter(|other| other.place == needs.place).count();
            let missing = self.kits(network, template).order(wanted);
            orders.extend((0..missing).map(|_| Order::Kit { network, template }));
        }
        let mut sizes: HashMap<u64, usize> = usual.disk.map(|size| (size, ready_max)).into_iter().collect();
        for size in waiting.iter().filter_map(|needs| needs.disk) {
            *sizes.entry(size).or_default() += 1;
        }
        for (size, wanted) in sizes {
            let missing = self.disks.entry(size).or_default().order(wanted);
            orders.extend((0..missing).map(|_| Order::Disk { size }));
        }
        self.disks.retain(|_, disks| !disks.is_unused());
        orders
    }

    pub(crate) fn drain_kits(&mut self) -> impl Iterator<Item = Kit> + '_ {
        let places = self.places.drain().flat_map(|(_, shelf)| shelf.ready);
        self.isolated.ready.drain(..).chain(self.outbound.ready.drain(..)).chain(places)
    }

    fn kits(&mut self, network: Network, template: Option<u64>) -> &mut Shelf<Kit> {
        if let Some(template) = template {
            return self.places.entry(template).or_default();
        }
        match network {
            Network::Isolated => &mut self.isolated,
            Network::Outbound => &mut self.outbound,
        }
    }
}
