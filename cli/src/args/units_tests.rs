use std::time::Duration;

use proptest::prelude::*;

use super::{Moment, bytes, duration, moment, rfc3339};

#[test]
fn moments_are_nanoseconds_rfc_3339_or_a_time_ago() {
    let at = Moment::At(1_795_266_000_000_000_001);
    for text in ["1795266000000000001", "2026-11-21T13:00:00.000000001Z", "2026-11-21T14:00:00.000000001+01:00"] {
        assert_eq!(moment(text), Ok(at), "{text}");
    }
    assert_eq!(moment("10m ago"), Ok(Moment::Ago(Duration::from_secs(600))));
    assert_eq!(moment(" 1h 30m ago ").map(|at| at.timestamp(6_000_000_000_000)), Ok(600_000_000_000));
    // A number of milliseconds would silently be a moment of 1970.
    for text in ["1795266000000", "", "ago", "yesterday", "-5m ago", "2026-11-21", "99999999999999999999"] {
        assert!(moment(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_and_durations_name_what_they_can_not_read() {
    assert_eq!(bytes("64KiB"), Ok(65_536));
    assert_eq!(bytes("3 G"), Ok(3 << 30));
    assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
    for text in ["64kb", "MiB", "-1", "99999999999G"] {
        assert!(bytes(text).unwrap_err().contains(text));
    }
    assert!(duration("soon").unwrap_err().contains("`soon`"));
}

proptest! {
    #[test]
    fn printed_moments_are_read_back(ts in super::FIRST_NS..i64::MAX as u64) {
        prop_assert_eq!(moment(&rfc3339(ts)), Ok(Moment::At(ts)));
    }
}
