//! The limits on `console` output, and where it goes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::invocation::{LogLevel, LogLine};
use super::state::Services;

/// Lines that one execution may print, nested calls included.
const MAX_LINES: usize = 256;
/// Bytes of one line.
const MAX_LINE_BYTES: usize = 32 * 1024;
/// Lines that an evaluation at deploy time keeps for its error message.
const MAX_KEPT: usize = 100;

/// Receives the lines of an execution and the calls nested in it.
pub(super) struct Console {
    services: Services,
    printed: Cell<usize>,
    kept: RefCell<VecDeque<String>>,
}

impl Console {
    /// Output goes to the host in `services`; without one, the last lines are kept.
    pub(super) fn new(services: Services) -> Self {
        Self { services, printed: Cell::new(0), kept: RefCell::default() }
    }

    /// Prints a line, cut to the limits.
    pub(super) fn print(&self, level: LogLevel, messages: Vec<String>, timestamp: f64) {
        let printed = self.printed.get() + 1;
        self.printed.set(printed);
        if matches!(self.services, Services::None) {
            return self.emit(line(level, messages, timestamp));
        }
        match printed {
            ..MAX_LINES => self.emit(line(level, messages, timestamp)),
            MAX_LINES => self.system(
                LogLevel::Error,
                format!("Log overflow (maximum {MAX_LINES}). Remaining log lines omitted."),
                "LogOverflow",
                timestamp,
            ),
            _ => {}
        }
    }

    /// Prints a line of the system's own, whatever was printed before.
    pub(super) fn system(&self, level: LogLevel, text: String, code: &str, timestamp: f64) {
        let mut line = line(level, vec![text], timestamp);
        line.system_code = Some(code.to_owned());
        self.emit(line);
    }

    /// The lines kept, oldest first.
    pub(super) fn take_kept(&self) -> Vec<String> {
        self.kept.take().into()
    }

    fn emit(&self, line: LogLine) {
        match &self.services {
            Services::None => {
                let mut kept = self.kept.borrow_mut();
                if kept.len() == MAX_KEPT {
                    kept.pop_front();
                }
                kept.push_back(line.pretty());
            }
            Services::Udf(host) => {
                if let Some(host) = host.borrow_mut().as_mut() {
                    host.log(line);
                }
            }
            Services::Action(host) => host.log(line),
        }
    }
}

fn line(level: LogLevel, mut messages: Vec<String>, timestamp: f64) -> LogLine {
    // The messages are joined with one space each.
    let mut left = MAX_LINE_BYTES;
    let mut is_truncated = false;
    let mut kept = 0;
    for (index, message) in messages.iter_mut().enumerate() {
        if index > 0 {
            left = left.saturating_sub(1);
        }
        if message.len() > left {
            is_truncated = true;
            message.truncate(message.floor_char_boundary(left));
            if !message.is_empty() {
                kept = index + 1;
            }
            break;
        }
        left -= message.len();
        kept = index + 1;
    }
    messages.truncate(kept);
    LogLine { level, messages, timestamp, is_truncated, system_code: None }
}
