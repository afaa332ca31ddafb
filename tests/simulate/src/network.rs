//! What can become of a request between a node and a service.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::host::Host;
use crate::world::World;

/// What the sender of a request is told.
#[derive(Debug)]
pub enum Sent<T> {
    /// It was carried out, with this outcome.
    Answer(T),
    /// It was refused, and not carried out.
    Refused,
    /// Nothing came back in time: it may have been carried out, or may yet be.
    TimedOut,
}

/// Longest time until a delayed request is carried out, in ms.
const LONGEST_DELAY: u64 = 120_000;

/// Sends a request of `host`, which `carry_out` carries out: at one moment, once, twice, late, or never.
///
/// Nothing that happens to the host changes what becomes of a request that was sent.
pub async fn send<T: Send + 'static>(
    host: &Arc<Host>,
    carry_out: impl Fn(&World) -> T + Send + Sync + 'static,
) -> Sent<T> {
    host.may_crash().await;
    let world = host.world.clone();
    let rates = world.rates();
    let (there, back) = (world.dice.skewed_ms(rates.latency_ms), world.dice.skewed_ms(rates.latency_ms));
    let fate = Fate::draw(&world);
    let (answer, answered) = oneshot::channel();
    world.clone().spawn(async move {
        world.sleep(there).await;
        let sent = match fate {
            Fate::Usual => Sent::Answer(carry_out(&world)),
            Fate::Slow(time) => {
                world.sleep(time).await;
                Sent::Answer(carry_out(&world))
            }
            Fate::Refused => Sent::Refused,
            Fate::LostRequest(time) => {
                world.sleep(time).await;
                Sent::TimedOut
            }
            Fate::LostAnswer(time) => {
                carry_out(&world);
                world.sleep(time).await;
                Sent::TimedOut
            }
            Fate::Delayed(time, late) => {
                world.sleep(time).await;
                let gone = answer.send(Sent::TimedOut).is_err();
                world.sleep(late).await;
                world.event(format_args!("a delayed request arrives{}", if gone { " of one gone" } else { "" }));
                carry_out(&world);
                return;
            }
            Fate::Duplicated { second_answer, after } => {
                let first = carry_out(&world);
                if second_answer {
                    world.sleep(after.min(Duration::from_millis(50))).await;
                    Sent::Answer(carry_out(&world))
                } else {
                    world.sleep(back).await;
                    let _gone = answer.send(Sent::Answer(first));
                    world.sleep(after).await;
                    carry_out(&world);
                    return;
                }
            }
        };
        world.sleep(back).await;
        let _gone = answer.send(sent);
    });
    let sent = answered.await.unwrap_or(Sent::TimedOut);
    host.may_crash().await;
    sent
}

enum Fate {
    Usual,
    Slow(Duration),
    Refused,
    LostRequest(Duration),
    LostAnswer(Duration),
    Delayed(Duration, Duration),
    Duplicated { second_answer: bool, after: Duration },
}

impl Fate {
    fn draw(world: &World) -> Fate {
        let (rates, dice) = (world.rates(), &world.dice);
        let patience = |dice: &crate::dice::Dice| Duration::from_millis(dice.below(200..4000));
        if world.fault("request refused", rates.refused) {
            Fate::Refused
        } else if world.fault("request lost", rates.lost_request) {
            Fate::LostRequest(patience(dice))
        } else if world.fault("answer lost", rates.lost_answer) {
            Fate::LostAnswer(patience(dice))
        } else if world.fault("request delayed", rates.delayed) {
            Fate::Delayed(patience(dice), dice.skewed_ms(LONGEST_DELAY))
        } else if world.fault("request duplicated", rates.duplicated) {
            Fate::Duplicated { second_answer: dice.chance(0.5), after: dice.skewed_ms(10_000) }
        } else if world.fault("request slow", rates.slow) {
            Fate::Slow(Duration::from_millis(dice.below(100..6000)))
        } else {
            Fate::Usual
        }
    }
}
