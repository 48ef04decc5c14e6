//! The operations, one file each.

mod create_schedule;
mod create_schedule_group;
mod delete_schedule;
mod delete_schedule_group;
mod get_schedule;
mod get_schedule_group;
mod list_schedule_groups;
mod list_schedules;
mod list_tags_for_resource;
mod tag_resource;
mod untag_resource;
mod update_schedule;

pub(crate) use create_schedule::create_schedule;
pub(crate) use create_schedule_group::create_schedule_group;
pub(crate) use delete_schedule::delete_schedule;
pub(crate) use delete_schedule_group::delete_schedule_group;
pub(crate) use get_schedule::get_schedule;
pub(crate) use get_schedule_group::get_schedule_group;
pub(crate) use list_schedule_groups::list_schedule_groups;
pub(crate) use list_schedules::list_schedules;
pub(crate) use list_tags_for_resource::list_tags_for_resource;
pub(crate) use tag_resource::tag_resource;
pub(crate) use untag_resource::untag_resource;
pub(crate) use update_schedule::update_schedule;
