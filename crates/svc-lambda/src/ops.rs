//! The operations, one file each.

mod create_function;
mod delete_function;
mod get_account_settings;
mod get_function;
mod get_function_configuration;
mod invoke;
mod list_functions;
mod list_tags;
mod tag_resource;
mod untag_resource;
mod update_function_code;
mod update_function_configuration;

pub(crate) use create_function::create_function;
pub(crate) use delete_function::delete_function;
pub(crate) use get_account_settings::get_account_settings;
pub(crate) use get_function::get_function;
pub(crate) use get_function_configuration::get_function_configuration;
pub(crate) use invoke::invoke;
pub(crate) use list_functions::list_functions;
pub(crate) use list_tags::list_tags;
pub(crate) use tag_resource::tag_resource;
pub(crate) use untag_resource::untag_resource;
pub(crate) use update_function_code::update_function_code;
pub(crate) use update_function_configuration::update_function_configuration;
