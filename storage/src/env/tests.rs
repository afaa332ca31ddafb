use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

#[test]
fn a_seed_decides_the_bytes() {
    let draw = |seed| Env::deterministic(seed).random_bytes::<32>();
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    assert_ne!(Env::system().random_bytes::<32>(), Env::system().random_bytes::<32>());
}

#[tokio::test(start_paused = true)]
async fn paused_time_moves_with_sleep() {
    let env = Env::deterministic(1);
    assert_eq!(env.now_ns(), SIMULATED_EPOCH_NS);
    env.sleep(Duration::from_secs(3600)).await;
    assert_eq!(env.now_ns(), SIMULATED_EPOCH_NS + 3_600_000_000_000);
    assert_eq!(env.monotonic_ns(), 3_600_000_000_000);
}

#[test]
fn manual_clock_goes_where_it_is_told() {
    let clock = ManualClock::new(100);
    clock.advance(Duration::from_nanos(5));
    assert_eq!((clock.now_ns(), clock.monotonic_ns()), (105, 5));
    clock.set_wall(3);
    assert_eq!((clock.now_ns(), clock.monotonic_ns()), (3, 5));
}

#[tokio::test]
async fn tasks_run_end_and_are_aborted() {
    let env = Env::system();
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    env.spawn("sets a flag", async move { flag.store(true, Ordering::SeqCst) }).join().await;
    assert!(ran.load(Ordering::SeqCst));

    let endless = env.spawn("endless", std::future::pending());
    endless.abort();
    endless.join().await;
    env.spawn("panics", async { panic!("on purpose") }).join().await;
}

#[tokio::test(start_paused = true)]
async fn timeout_cuts_off_and_lets_through() {
    let env = Env::deterministic(1);
    let second = Duration::from_secs(1);
    assert_eq!(env.timeout(second, std::future::pending::<()>()).await, Err(TimedOut(second)));
    assert_eq!(env.timeout(second, async { 5 }).await, Ok(5));
}

#[test]
fn threads_run() {
    let (tx, rx) = std::sync::mpsc::channel();
    let body = move || tx.send(std::thread::current().name().map(str::to_owned)).expect("the test waits");
    Env::system().spawn_thread("worker", body).expect("a thread");
    assert_eq!(rx.recv().expect("the thread answers").as_deref(), Some("worker"));
}
