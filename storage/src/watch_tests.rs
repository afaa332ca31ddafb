use std::sync::Arc;

use futures::FutureExt;
use parking_lot::Mutex;

use super::{Closed, channel};

#[tokio::test]
async fn those_who_wait_are_woken_in_their_order() {
    let (sender, _receiver) = channel(0);
    let woken = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (mut receiver, woken) = (sender.subscribe(), woken.clone());
            tokio::spawn(async move {
                receiver.wait_for(|value| *value == 7).await.unwrap();
                woken.lock().push(number);
            })
        })
        .collect();
    for value in [3, 7] {
        tokio::task::yield_now().await;
        sender.send_replace(value);
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*woken.lock(), Vec::from_iter(0..20));
}

#[tokio::test]
async fn a_change_is_seen_once_and_the_end_is_told() {
    let (sender, mut receiver) = channel(0);
    assert!(receiver.changed().now_or_never().is_none());
    sender.send_if_modified(|_| false);
    assert!(receiver.changed().now_or_never().is_none());
    sender.send_replace(0);
    assert_eq!(receiver.changed().now_or_never(), Some(Ok(())));
    assert!(receiver.changed().now_or_never().is_none());
    drop(sender);
    assert_eq!(receiver.changed().await, Err(Closed));
    assert_eq!(receiver.wait_for(|value| *value == 0).await, Ok(0));
}
