use super::*;
use crate::env::Env;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_log_conforms() {
    conformance::run_all(&Env::deterministic(1), async || MemoryLog::new()).await;
}

#[tokio::test(start_paused = true)]
async fn a_planned_fault_happens_once() {
    let env = Env::deterministic(2);
    let log = FaultyLog::planned(MemoryLog::new(), env.clone());
    let entry = conformance::sample_entry(&env, 10);
    log.plan([Some(Fault::LostRequest), Some(Fault::DiskFull), Some(Fault::LostAnswer), None]);
    assert_eq!(log.append_if_absent(1, &entry).await.ok(), Some(Append::Unknown));
    assert_eq!(log.head().await.ok(), Some(0));
    assert!(matches!(log.append_if_absent(1, &entry).await, Err(LogError::DiskFull { .. })));
    assert_eq!(log.append_if_absent(1, &entry).await.ok(), Some(Append::Unknown));
    assert_eq!(log.head().await.ok(), Some(1));
    assert_eq!(log.append_if_absent(1, &entry).await.ok(), Some(Append::Appended));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_append_lands_before_the_next() {
    let env = Env::deterministic(3);
    let log = FaultyLog::planned(MemoryLog::new(), env.clone());
    let [stalled, other] = [10, 20].map(|size| conformance::sample_entry(&env, size));
    log.plan([Some(Fault::Delayed)]);
    assert_eq!(log.append_if_absent(1, &stalled).await.ok(), Some(Append::Unknown));
    assert_eq!(log.head().await.ok(), Some(0));
    let decided = append_decided(&log, &env, 1, &other).await.expect("decided");
    assert_eq!(decided, Decided::Occupied(stalled));
}

#[tokio::test(start_paused = true)]
async fn errors_are_waited_out_only_while_undecided() {
    let env = Env::deterministic(4);
    let log = FaultyLog::planned(MemoryLog::new(), env.clone());
    let entry = conformance::sample_entry(&env, 10);
    log.plan([Some(Fault::DiskFull)]);
    assert!(matches!(append_decided(&log, &env, 1, &entry).await, Err(LogError::DiskFull { .. })));
    log.plan([Some(Fault::LostAnswer), Some(Fault::DiskFull), Some(Fault::LostRequest)]);
    assert_eq!(append_decided(&log, &env, 1, &entry).await.ok(), Some(Decided::Appended));
}
