//! The suite that every engine runs: `kv_conformance!(make_engine())`.

pub mod concurrent;
pub mod isolation;
pub mod model;
pub mod reads;

use std::future::Future;
use std::sync::Arc;

use env::Env;

use crate::{Engine, Kv};

/// Makes one test of each case. The expression makes a fresh, empty store each time: a pair of an `Arc<dyn Engine>`
/// and whatever must live as long as it, such as its directory.
#[macro_export]
macro_rules! kv_conformance {
    ($make:expr) => {
        $crate::kv_conformance! {
            $make;
            reads: values_come_back, own_writes_are_read, scans_honour_bounds, scans_see_own_writes,
                tables_scan_by_prefix, sizes_are_bounded, an_error_writes_nothing;
            isolation: snapshots_stand_still, lost_updates_are_prevented, write_skew_is_prevented,
                phantoms_are_prevented, blind_writes_never_conflict, reading_needs_no_commit,
                retries_are_bounded, only_what_was_seen_conflicts_or_is_retried;
            concurrent: counters_lose_nothing, transfers_keep_the_sum, no_wake_up_is_lost,
                an_acknowledged_write_is_seen;
            model: random_transactions_match_a_map;
        }
    };
    ($make:expr; $($module:ident: $($case:ident),+;)+) => {
        $(mod $module {
            use super::*;
            $(#[test]
            fn $case() {
                let (engine, _guard) = $make;
                $crate::conformance::run(engine, $crate::conformance::$module::$case);
            })+
        })+
    };
}

/// What a case works on.
#[derive(Clone)]
pub struct Bench {
    pub engine: Arc<dyn Engine>,
    pub kv: Kv,
}

pub fn run<F: Future<Output = ()>>(engine: Arc<dyn Engine>, case: impl FnOnce(Bench) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("start runtime");
    let kv = Kv::new(engine.clone(), Env::system());
    runtime.block_on(case(Bench { engine, kv }));
}

impl Bench {
    pub(crate) async fn put(&self, rows: &[(&'static str, &'static str)]) {
        let put = self.kv.transact(|tx| rows.iter().try_for_each(|(key, value)| tx.put_bytes(*key, *value)));
        put.await.expect("put");
    }
}

pub(crate) fn text(rows: Vec<crate::Row>) -> String {
    let row = |(key, value): crate::Row| {
        format!("{}={}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value))
    };
    rows.into_iter().map(row).collect::<Vec<_>>().join(" ")
}
