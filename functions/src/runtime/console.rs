//! The limits on `console` output, and where it goes.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::VecDeque;

use super::invocation::{InvocationLimits, LogLevel, LogLine};
use super::state::Services;

/// What is said in the place of the first line too many.
fn overflow_text(max: usize) -> String {
    format!("Log overflow (maximum {max}). Remaining log lines omitted.")
}

/// The limits on `console` output of code that runs elsewhere.
#[derive(Debug)]
pub struct LineLimits {
    max_lines: usize,
    max_line_length: usize,
    printed: usize,
}

impl LineLimits {
    /// For one execution.
    pub fn new(limits: &InvocationLimits) -> Self {
        Self { max_lines: limits.log_lines, max_line_length: limits.log_line_length, printed: 0 }
    }

    /// The next line, cut to its limit; `None` if there were too many.
    pub fn line(&mut self, level: LogLevel, messages: Vec<String>, timestamp: f64) -> Option<LogLine> {
        self.printed += 1;
        match self.printed.cmp(&self.max_lines) {
            Ordering::Less => Some(cut(level, messages, timestamp, self.max_line_length)),
            Ordering::Equal => {
                Some(system_line(LogLevel::Error, overflow_text(self.max_lines), "LogOverflow", timestamp))
            }
            Ordering::Greater => None,
        }
    }
}

/// A line of the system's own.
fn system_line(level: LogLevel, text: String, code: &str, timestamp: f64) -> LogLine {
    LogLine { level, messages: vec![text], timestamp, is_truncated: false, system_code: Some(code.to_owned()) }
}

/// Tells of operations, by syscall, that an action started and did not wait for.
pub fn unawaited_warning(operations: &[String], now_ms: f64) -> Option<LogLine> {
    let names: Vec<String> = operations.iter().map(|op| super::action::friendly_name(op).to_owned()).collect();
    let text = super::action::unawaited_text(&names)?;
    Some(system_line(LogLevel::Warn, text, "UnawaitedOperations", now_ms))
}

/// Lines that an evaluation at deploy time keeps for its error message.
const MAX_KEPT: usize = 100;

/// Receives the lines of an execution and the calls nested in it.
pub(super) struct Console {
    services: Services,
    /// Lines that may be printed, nested calls included.
    max_lines: usize,
    /// Bytes of one line.
    max_line_length: usize,
    printed: Cell<usize>,
    kept: RefCell<VecDeque<String>>,
}

impl Console {
    /// Output goes to the host in `services`; without one, the last lines are kept.
    pub(super) fn new(services: Services, limits: &InvocationLimits) -> Self {
        Self {
            services,
            max_lines: limits.log_lines,
            max_line_length: limits.log_line_length,
            printed: Cell::new(0),
            kept: RefCell::default(),
        }
    }

    /// Prints a line, cut to the limits.
    pub(super) fn print(&self, level: LogLevel, messages: Vec<String>, timestamp: f64) {
        let printed = self.printed.get() + 1;
        self.printed.set(printed);
        if matches!(self.services, Services::None) {
            return self.emit(self.line(level, messages, timestamp));
        }
        let max = self.max_lines;
        match printed.cmp(&max) {
            Ordering::Less => self.emit(self.line(level, messages, timestamp)),
            Ordering::Equal => self.system(LogLevel::Error, overflow_text(max), "LogOverflow", timestamp),
            Ordering::Greater => {}
        }
    }

    /// Prints a line of the system's own, whatever was printed before.
    pub(super) fn system(&self, level: LogLevel, text: String, code: &str, timestamp: f64) {
        let mut line = self.line(level, vec![text], timestamp);
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

    fn line(&self, level: LogLevel, messages: Vec<String>, timestamp: f64) -> LogLine {
        cut(level, messages, timestamp, self.max_line_length)
    }
}

/// A line of at most `max` bytes.
fn cut(level: LogLevel, mut messages: Vec<String>, timestamp: f64, max: usize) -> LogLine {
    // The messages are joined with one space each.
    let mut left = max;
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
