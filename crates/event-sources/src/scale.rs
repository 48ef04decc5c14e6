//! How many batches of a queue may be under way at once: few at first, more while there is work for all of them.

use std::time::Duration;

use svc_lambda::MappingSettings;

/// Batches that a mapping begins with, the most that it reaches, and how fast
/// (docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
const ON_DEMAND: (usize, usize, u32) = (5, 1250, 300);
/// Of provisioned pollers: each has ten batches under way, and they grow by a thousand a minute.
const BATCHES_PER_POLLER: usize = 10;
const PROVISIONED_PER_MINUTE: u32 = 1000;
const POLLERS_DEFAULT: (i32, i32) = (2, 200);

#[derive(Debug)]
pub(crate) struct Scale {
    least: usize,
    most: usize,
    per_minute: u32,
    /// Since when there was always work for all that were allowed.
    busy_since: Option<Duration>,
}

impl Scale {
    pub(crate) fn of(settings: &MappingSettings) -> Self {
        let count = |value: i32| usize::try_from(value).unwrap_or(1).max(1);
        let (least, most, per_minute) = match &settings.pollers {
            Some(pollers) if pollers.min.is_some() || pollers.max.is_some() => {
                let least = count(pollers.min.unwrap_or(POLLERS_DEFAULT.0)) * BATCHES_PER_POLLER;
                let most = count(pollers.max.unwrap_or(POLLERS_DEFAULT.1)) * BATCHES_PER_POLLER;
                (least, most, PROVISIONED_PER_MINUTE)
            }
            _ => ON_DEMAND,
        };
        let most = settings.concurrency_max.filter(|max| *max > 0).map_or(most, |max| most.min(count(max)));
        Self { least: least.min(most), most, per_minute, busy_since: None }
    }

    /// How many may be under way at `now`, on a clock that never goes back.
    pub(crate) fn allowed(&self, now: Duration) -> usize {
        let busy = self.busy_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let grown = busy.as_millis() * u128::from(self.per_minute) / 60_000;
        self.least.saturating_add(usize::try_from(grown).unwrap_or(usize::MAX)).min(self.most)
    }

    /// All that are allowed are under way; how long until there may be one more, if there may.
    pub(crate) fn saturated(&mut self, now: Duration) -> Option<Duration> {
        self.busy_since.get_or_insert(now);
        (self.allowed(now) < self.most).then(|| Duration::from_secs(60) / self.per_minute)
    }

    /// Fewer are under way than may be.
    pub(crate) fn idle(&mut self) {
        self.busy_since = None;
    }
}

#[cfg(test)]
mod tests {
    use svc_lambda::Pollers;

    use super::*;

    #[test]
    fn work_for_all_lets_them_grow() {
        let mut scale = Scale::of(&MappingSettings::default());
        let at = Duration::from_secs;
        assert_eq!(scale.allowed(at(100)), 5);
        assert_eq!(scale.saturated(at(100)), Some(Duration::from_millis(200)));
        assert_eq!(scale.allowed(at(101)), 10);
        assert_eq!(scale.allowed(at(160)), 305);
        assert_eq!(scale.allowed(at(1000)), 1250);
        assert_eq!(scale.saturated(at(1000)), None);
        scale.idle();
        assert_eq!(scale.allowed(at(1000)), 5);
    }

    #[test]
    fn settings_bound_them() {
        let at = Duration::from_secs(3600);
        let check = |settings: MappingSettings, least: usize, most: usize| {
            let mut scale = Scale::of(&settings);
            assert_eq!(scale.allowed(Duration::ZERO), least);
            scale.saturated(Duration::ZERO);
            assert_eq!(scale.allowed(at), most);
        };
        check(MappingSettings { concurrency_max: Some(2), ..Default::default() }, 2, 2);
        check(MappingSettings { concurrency_max: Some(100), ..Default::default() }, 5, 100);
        let pollers = Some(Pollers { min: Some(3), max: Some(4), group: None });
        check(MappingSettings { pollers, ..Default::default() }, 30, 40);
    }
}
