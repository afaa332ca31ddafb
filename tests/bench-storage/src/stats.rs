//! Percentiles, memory, and how a result is printed.

use std::time::Duration;

use serde_json::Value;

/// Prints a result: one line of JSON.
pub fn report(result: &Value) {
    println!("{result}");
}

/// Percentiles of durations, in ms.
pub fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map(|time| round(time.as_secs_f64() * 1e3))
    };
    serde_json::json!({"p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": at(1.0)})
}

/// Four significant digits are more than such a measurement has.
pub fn round(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let factor = 10f64.powi(3 - number.abs().log10().floor() as i32);
    (number * factor).round() / factor
}

/// Resident memory of this process in MB.
pub fn resident_mb() -> f64 {
    status("VmRSS:")
}

/// The most resident memory that this process has had, in MB.
pub fn peak_resident_mb() -> f64 {
    status("VmHWM:")
}

fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| round(kilobytes * 1024.0 / 1e6))
}
