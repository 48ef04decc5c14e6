//! `GetItem`: one item by its key.

use api_dynamodb::{GetItemInput, GetItemOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::capacity::{Told, Units, consumed, read_units};
use crate::{asked, read, table, value};

pub(crate) async fn get_item(cx: Ctx, input: GetItemInput) -> Result<GetItemOutput> {
    let key = value::from_wire(input.key)?;
    let projection = asked::projection(
        input.projection_expression.as_deref(),
        input.attributes_to_get,
        input.expression_attribute_names,
    )?;

    let snapshot = cx.kv.snapshot().await?;
    let table = cx.state.tables.open(&snapshot, &table::key(&cx.caller, &input.table_name)?)?;
    cx.state.throttle.check_read(&cx, &table)?;
    let item = read::get(&snapshot, &table, &key)?;

    let bytes = item.as_ref().map_or(0, value::size);
    let units = Units::of_read(None, read_units(bytes, input.consistent_read == Some(true)));
    cx.state.throttle.consume_read(&cx, &table, &units);
    let item = match projection {
        Some(paths) => item.map(|item| paths.apply(&item)),
        None => item,
    };
    Ok(GetItemOutput {
        item: item.map(value::to_wire),
        consumed_capacity: consumed(input.return_consumed_capacity, &table.name, &units, Told::Together),
    })
}
