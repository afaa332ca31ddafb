//! Not tests: numbers to tune by. `cargo test --release measure -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::time::Instant;

use super::fake::*;
use crate::runtime::isolate::ProgramIsolate;
use crate::runtime::watchdog::Watchdog;
use crate::runtime::*;
use lakewire_storage::env::Env;

#[tokio::test]
#[ignore = "prints measurements"]
async fn contexts() {
    let program = pool().build(bundle_of(fixture().modules, &["messages.js"])).await.unwrap();
    let options = RuntimeOptions::default();
    let watchdog = Watchdog::start(&Env::system()).unwrap();
    let entry = program.entry("messages.js").unwrap().context.unwrap();
    let bare = program.bare_context();
    for (name, index) in [("V8's own", None), ("prelude", Some(bare)), ("app", Some(entry))] {
        let start = Instant::now();
        let mut isolate = ProgramIsolate::new(Some(program.clone()), &options, &watchdog);
        println!("{name}: isolate {:?}", start.elapsed());
        isolate.enter(|isolate| {
            let mut times: Vec<f64> = (0..400)
                .map(|_| {
                    v8::scope!(let scope, isolate);
                    let start = Instant::now();
                    match index {
                        None => v8::Context::new(scope, v8::ContextOptions::default()),
                        Some(index) => v8::Context::from_snapshot(scope, index, v8::ContextOptions::default()).unwrap(),
                    };
                    start.elapsed().as_secs_f64() * 1e6
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let heap = isolate.get_heap_statistics();
            println!(
                "{name}: p10 {:.0} p50 {:.0} p90 {:.0} us, heap {} of {} kB",
                times[40],
                times[200],
                times[360],
                heap.used_heap_size() / 1024,
                heap.total_heap_size() / 1024
            );
            isolate.low_memory_notification();
            let heap = isolate.get_heap_statistics();
            println!("{name}: after gc heap {} of {} kB", heap.used_heap_size() / 1024, heap.total_heap_size() / 1024);
        });
    }
}
