//! SQS: queues, standard and FIFO, and their messages.
//!
//! Start with `ops/send_message.rs` and `ops/receive_message.rs`; `keys.rs` has everything stored, `cursor.rs` why
//! receiving costs the same however many messages went before (docs/adr/0020-queues.md).

mod attributes;
mod batch;
mod counts;
mod cursor;
mod draft;
mod fifo;
mod keys;
mod md5;
mod message;
mod moves;
mod ops;
mod page;
mod policy;
mod queue;
mod receipt;
mod receive;
mod refusal;
mod send;
mod standard;
mod sweep;
mod target;

use std::sync::Arc;

use service::Service;

/// What SQS holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Sqs {
    cursors: cursor::Cursors,
}

pub(crate) type Ctx = service::Ctx<Sqs>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_sqs::SERVICE, Arc::new(Sqs::default()))
        .op(ops::add_permission)
        .op(ops::cancel_message_move_task)
        .op(ops::change_message_visibility)
        .op(ops::change_message_visibility_batch)
        .op(ops::create_queue)
        .op(ops::delete_message)
        .op(ops::delete_message_batch)
        .op(ops::delete_queue)
        .op(ops::get_queue_attributes)
        .op(ops::get_queue_url)
        .op(ops::list_dead_letter_source_queues)
        .op(ops::list_message_move_tasks)
        .op(ops::list_queue_tags)
        .op(ops::list_queues)
        .op(ops::purge_queue)
        .op(ops::receive_message)
        .op(ops::remove_permission)
        .op(ops::send_message)
        .op(ops::send_message_batch)
        .op(ops::set_queue_attributes)
        .op(ops::start_message_move_task)
        .op(ops::tag_queue)
        .op(ops::untag_queue)
        .target("sqs", target::check, target::deliver)
        .door("sqs", target::admit)
        .job("sweep queues", sweep::run)
        .job("move messages", moves::run)
        .done()
}
