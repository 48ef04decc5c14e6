//! The operations, one file each.

mod create_pipe;
mod delete_pipe;
mod describe_pipe;
mod list_pipes;
mod list_tags_for_resource;
mod start_pipe;
mod stop_pipe;
mod tag_resource;
mod untag_resource;
mod update_pipe;

pub(crate) use create_pipe::create_pipe;
pub(crate) use delete_pipe::delete_pipe;
pub(crate) use describe_pipe::describe_pipe;
pub(crate) use list_pipes::list_pipes;
pub(crate) use list_tags_for_resource::list_tags_for_resource;
pub(crate) use start_pipe::start_pipe;
pub(crate) use stop_pipe::stop_pipe;
pub(crate) use tag_resource::tag_resource;
pub(crate) use untag_resource::untag_resource;
pub(crate) use update_pipe::update_pipe;
