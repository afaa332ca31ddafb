//! What goes wrong with nodes, and how they come back.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::rates::Rates;

/// Lets things happen to nodes, until the cluster is over.
pub async fn reign(cluster: Arc<Cluster>) {
    let world = cluster.world.clone();
    let longest = cluster.plan.longest_freeze_ms;
    while !cluster.is_over() {
        world.sleep(Duration::from_secs(1)).await;
        let rates = world.rates();
        for number in 0..cluster.len() {
            let host = cluster.host(number);
            if world.fault("node killed", rates.kill) {
                host.kill();
            }
            if !host.is_frozen() && world.fault("node frozen", rates.freeze) {
                let is_long = world.dice.chance(0.3);
                let time = match is_long {
                    true => Duration::from_millis(world.dice.below(60_000..longest)),
                    false => world.dice.skewed_ms(longest),
                };
                world.event(format_args!("{} stands still for {time:?}", host.name));
                host.freeze();
                let (cluster, host) = (cluster.clone(), host.clone());
                world.spawn(async move {
                    cluster.world.sleep(time).await;
                    cluster.world.event(format_args!("{} goes on", host.name));
                    host.thaw();
                });
            }
            if world.fault("clock set", rates.clock_jump) {
                let most = *world.dice.pick(&[10, 1000, 30_000]);
                let skew_ms = world.dice.below(0..2 * most).cast_signed() - most.cast_signed();
                world.event(format_args!("the clock of {} is set to be {skew_ms} ms ahead", host.name));
                host.set_skew(skew_ms * 1_000_000);
            }
        }
        if world.fault("everything out of reach", rates.outage) {
            let time = world.dice.skewed_ms(30_000);
            world.event(format_args!("nothing can be reached for {time:?}"));
            world.set_rates(Rates { refused: 1.0, ..rates.clone() });
            world.sleep(time).await;
            // It may have become calm meanwhile.
            if !cluster.is_over() {
                world.set_rates(rates);
            }
        }
    }
}

/// Starts nodes again that died. Goes on after the end, so that all are up then.
pub async fn revive(cluster: Arc<Cluster>) {
    let world = cluster.world.clone();
    loop {
        world.sleep(Duration::from_millis(500)).await;
        for number in 0..cluster.len() {
            if !cluster.is_retired(number)
                && !cluster.host(number).is_alive()
                && (cluster.is_over() || world.dice.chance(0.1))
            {
                cluster.restart(number);
            }
        }
    }
}

/// From now on nothing goes wrong any more.
pub fn calm(cluster: &Cluster) {
    cluster.world.set_rates(Rates::none());
    for number in 0..cluster.len() {
        cluster.host(number).thaw();
    }
}
