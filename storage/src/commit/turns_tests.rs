use std::time::Duration;

use super::Turns;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_machine_that_slept_does_not_wait_for_long() {
    let mut turns = Turns::default();
    turns.lost(0);
    let after = HOUR.as_nanos() as u64;
    assert!(turns.won(HOUR, after) < Duration::from_secs(1));
    turns.lost(after);
    let longest = (0..100).map(|n| turns.won(Duration::from_millis(5), after + n)).max();
    assert!(longest.is_some_and(|longest| longest < Duration::from_secs(1)), "{longest:?}");
}

#[test]
fn the_winner_of_a_contest_waits_and_one_alone_hardly_does() {
    let took = Duration::from_millis(10);
    let mut contended = Turns::default();
    contended.lost(0);
    assert!((1..5).all(|n| !contended.won(took, n).is_zero()));
    let mut alone = Turns::default();
    let pauses: Duration = (1..33).map(|n| alone.won(took, n)).sum();
    assert_eq!(pauses, took * 4, "two of an append's double, in 32 appends");
}
