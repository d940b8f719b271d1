//! What one `run.log` costs in the core: merging the items of a row and flushing it.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use runwire_core::metrics::{Item, ItemValue, Metrics, Stamp};

/// Shows that a row of known keys allocates nothing.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Rows as a training loop logs them: the same keys every time, other floats, a time at the end.
fn rows(metrics: usize) -> Vec<Vec<(String, String)>> {
    let value = |row: usize, i: usize| format!("{:?}", (row * 31 + i * 17) as f64 / 977.0);
    let row = |row: usize| {
        let items = (0..metrics - 1).map(|i| (format!("train/metric_{i}"), value(row, i)));
        items.chain([("_timestamp".into(), format!("1795573391.{:06}", row * 137))]).collect()
    };
    (0..16).map(row).collect()
}

#[divan::bench(args = [10, 100, 1000], sample_size = 50)]
fn merge_and_commit(bencher: Bencher<'_, '_>, metrics: usize) {
    run(bencher, metrics, |text| ItemValue::Json(text));
}

#[divan::bench(args = [10, 100, 1000], sample_size = 50)]
fn merge_and_commit_floats(bencher: Bencher<'_, '_>, metrics: usize) {
    run(bencher, metrics, |text| ItemValue::Float(text.len() as f64 / 7.0));
}

fn run(bencher: Bencher<'_, '_>, metrics: usize, value: impl Fn(&str) -> ItemValue<'_>) {
    let rows = rows(metrics);
    let mut engine = Metrics::new(1);
    let mut out = Vec::new();
    let mut step = 0;
    bencher.counter(ItemsCount::new(metrics)).bench_local(|| {
        for (key, text) in &rows[step % rows.len()] {
            engine.merge(Item::flat(key, value(text))).expect("a valid item");
        }
        out.clear();
        engine.commit(Stamp { step: Some(step as i64), runtime_micros: step as u64 * 1001 }, false, &mut out);
        step += 1;
        out.len()
    });
}
