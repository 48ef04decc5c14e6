//! EventBridge Scheduler: schedules, their groups, and invocations on their way to schedules' targets.
//!
//! Start with `schedules.rs`, which says when one is due; `ticks.rs` fires it then, and `outbox.rs` delivers.

mod group;
mod keys;
mod ops;
mod outbox;
mod page;
mod schedules;
mod send;
mod sweep;
mod target;
mod ticks;

use std::sync::Arc;

use service::{Agenda, Service};

/// What the Scheduler holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Scheduler {
    agenda: Agenda,
}

pub(crate) type Ctx = service::Ctx<Scheduler>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_scheduler::SERVICE, Arc::new(Scheduler::default()))
        .op(ops::create_schedule)
        .op(ops::create_schedule_group)
        .op(ops::delete_schedule)
        .op(ops::delete_schedule_group)
        .op(ops::get_schedule)
        .op(ops::get_schedule_group)
        .op(ops::list_schedule_groups)
        .op(ops::list_schedules)
        .op(ops::list_tags_for_resource)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_schedule)
        .job("deliver invocations of schedules", outbox::run)
        .job("fire schedules", ticks::run)
        .job("sweep deleted schedule groups", sweep::run)
        .done()
}
