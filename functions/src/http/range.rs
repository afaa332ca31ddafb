//! `Range` headers.

use std::ops::Range;

/// What a request asks for of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Requested {
    All,
    Part(Range<u64>),
    /// Nothing of it is there, or there are several parts, which are not served together.
    Unsatisfiable,
}

/// What the header asks for of `size` bytes. What cannot be understood asks for all, as the standard wants it.
pub(super) fn requested(header: Option<&str>, size: u64) -> Requested {
    let Some(ranges) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Requested::All };
    if size == 0 {
        return Requested::All;
    }
    if ranges.contains(',') {
        return Requested::Unsatisfiable;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Requested::All };
    let (first, last) = (first.trim(), last.trim());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // What does not fit is past the end of every file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (is_number(first), is_number(last)) {
        (true, true) if number(first) > number(last) => Requested::All,
        (true, _) if !last.is_empty() && !is_number(last) => Requested::All,
        (true, has_last) => {
            let (start, end) = (number(first), if has_last { number(last).saturating_add(1).min(size) } else { size });
            if start >= size { Requested::Unsatisfiable } else { Requested::Part(start..end) }
        }
        (false, true) if first.is_empty() => match number(last) {
            0 => Requested::Unsatisfiable,
            suffix => Requested::Part(size.saturating_sub(suffix)..size),
        },
        _ => Requested::All,
    }
}

#[cfg(test)]
mod tests {
    use super::{Requested::*, requested};

    #[test]
    fn headers() {
        for (header, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=2-", Part(2..10)),
            ("bytes=2-100", Part(2..10)),
            ("bytes=2-99999999999999999999999", Part(2..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-30", Part(0..10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=0-1,3-4", Unsatisfiable),
            ("bytes=5-2", All),
            ("bytes=a-b", All),
            ("bytes=1-b", All),
            ("bytes=-", All),
            ("lines=1-2", All),
        ] {
            assert_eq!(requested(Some(header), 10), expected, "{header}");
        }
        assert_eq!(requested(Some("bytes=0-0"), 0), All);
        assert_eq!(requested(None, 10), All);
    }
}
