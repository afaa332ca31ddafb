use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{ConflictQueues, Losses};

fn lost(keys: &[u32]) -> Losses<u32> {
    let mut losses = Losses::default();
    for key in keys {
        losses.add(*key);
    }
    losses
}

#[tokio::test]
async fn the_first_loss_does_not_queue_for_a_cold_key() {
    let queues = ConflictQueues::new();
    assert!(queues.turn(&lost(&[])).await.is_none());
    assert!(queues.turn(&lost(&[1])).await.is_none());
    assert!(queues.turn(&lost(&[1, 1])).await.is_some());
    assert!(queues.queues.lock().is_empty(), "a queue was left behind");
}

#[tokio::test]
async fn the_first_loss_queues_for_a_hot_key() {
    let queues = ConflictQueues::new();
    let held = queues.turn(&lost(&[1, 1])).await;
    let waiting = lost(&[1]);
    let turn = queues.turn(&waiting);
    tokio::pin!(turn);
    assert!(futures::poll!(&mut turn).is_pending());
    drop(held);
    assert!(turn.await.is_some());
}

#[tokio::test]
async fn turns_exclude_one_another_and_never_deadlock() {
    let queues = Arc::new(ConflictQueues::new());
    let inside = Arc::new([const { AtomicU32::new(0) }; 4]);
    let tasks = (0..100u32).map(|n| {
        let (queues, inside) = (queues.clone(), inside.clone());
        async move {
            let keys = [n % 4, (n / 4) % 4, n % 3];
            let turn = queues.turn(&lost(&keys)).await;
            for key in std::collections::BTreeSet::from(keys) {
                assert_eq!(inside[key as usize].fetch_add(1, Ordering::SeqCst), 0);
            }
            tokio::time::sleep(Duration::from_micros(10)).await;
            for key in std::collections::BTreeSet::from(keys) {
                inside[key as usize].fetch_sub(1, Ordering::SeqCst);
            }
            drop(turn);
        }
    });
    tokio::time::timeout(Duration::from_secs(10), futures::future::join_all(tasks)).await.expect("a deadlock");
    assert!(queues.queues.lock().is_empty(), "a queue was left behind");
}
