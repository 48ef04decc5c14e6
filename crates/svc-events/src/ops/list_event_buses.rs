//! `ListEventBuses`: by name, the default one among them.

use api_events::{EventBus, ListEventBusesInput, ListEventBusesOutput};
use aws_wire::Result;
use kv::{Span, StartsWith};

use crate::bus::{self, Bus, DEFAULT};
use crate::keys::BUSES;
use crate::{Ctx, page};

pub(crate) async fn list_event_buses(cx: Ctx, input: ListEventBusesInput) -> Result<ListEventBusesOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    // There are a hundred at most, and the default one need not be among the rows.
    let mut rows =
        BUSES.all(&cx.kv.snapshot().await?, &Span::prefix(&(account, region, StartsWith(prefix))))?;
    if DEFAULT.starts_with(prefix) && !rows.iter().any(|((.., name), _)| name == DEFAULT) {
        rows.push(((account.to_owned(), region.to_owned(), DEFAULT.to_owned()), Bus::default()));
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    if let Some(token) = &input.next_token {
        let last = page::after(token)?;
        rows.retain(|((.., name), _)| *name > last);
    }
    let next_token = page::cut(&mut rows, page::length(input.limit), |((.., name), _)| name);
    let buses = rows.into_iter().map(|(key, bus)| EventBus {
        arn: Some(bus::arn(&key)),
        name: Some(key.2),
        policy: bus.shown_policy(),
        creation_time: bus.created(),
        last_modified_time: bus.modified(),
        description: bus.description,
        managed_by: None,
    });
    Ok(ListEventBusesOutput { event_buses: Some(buses.collect()), next_token })
}
