//! The gateway from outside: clients of the protocol, an API Gateway in memory, and the small engine of the relay's tests.

mod api;
mod conformance;
mod faults;
mod sessions;

use std::sync::Arc;

use self::api::Api;
use crate::tests::convergence::run_with;

#[tokio::test(start_paused = true)]
async fn every_transition_is_the_truth_at_its_timestamp() {
    for seed in 0..8 {
        let api = Api::new(seed, 1);
        api.follow();
        run_with(seed, &Arc::clone(&api.fake), async || api.connect().await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_several_instances_and_messages_out_of_order() {
    for seed in 0..8 {
        let api = Api::new(seed, 3);
        api.follow();
        api.late_ms.store(60, std::sync::atomic::Ordering::Relaxed);
        run_with(seed, &Arc::clone(&api.fake), async || api.connect().await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn and_on_several_threads() {
    let api = Api::new(77, 2);
    api.follow();
    run_with(77, &Arc::clone(&api.fake), async || api.connect().await).await;
}
