//! What the kernel says of the server process: resident memory and processor time.

use std::fs;

use crate::Failure;

/// A running server, by process id.
#[derive(Clone, Copy)]
pub struct Process {
    pub pid: u32,
}

impl Process {
    /// Resident set size in bytes.
    pub fn resident_bytes(self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc status")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// User and system time since the start, in milliseconds (resolution 10 ms).
    pub fn cpu_ms(self) -> Result<u64, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let after_name = stat.rsplit(')').next().ok_or("no name in /proc stat")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks * 10)
    }
}
