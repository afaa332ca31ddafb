//! The global `console`.

use super::{define, set_function, string};
use crate::runtime::context;
use crate::runtime::errors;
use crate::runtime::invocation::LogLevel;
use crate::runtime::state::{self, Execution};

const LEVELS: [(&str, LogLevel); 5] = [
    ("debug", LogLevel::Debug),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("log", LogLevel::Log),
];

/// Longest string, in UTF-16 units, that is shown whole. The renderer cuts longer ones.
const MAX_STRING: usize = 32_768;

pub(super) fn install(scope: &mut v8::PinScope<'_, '_>, global: v8::Local<v8::Object>) {
    let console = v8::Object::new(scope);
    for (index, (name, _)) in LEVELS.iter().enumerate() {
        let name = string(scope, name);
        let level = v8::Integer::new(scope, index as i32);
        let method = v8::Function::builder(print)
            .data(level.into())
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)
            .expect("making a function fails only while terminating");
        method.set_name(name);
        console.set(scope, name.into(), method.into());
    }
    set_function(scope, console, "trace", trace);
    set_function(scope, console, "time", time);
    set_function(scope, console, "timeLog", time_log);
    set_function(scope, console, "timeEnd", time_end);
    let tag = v8::Symbol::get_to_string_tag(scope);
    let name = string(scope, "console");
    console.define_own_property(
        scope,
        tag.into(),
        name.into(),
        v8::PropertyAttribute::DONT_ENUM | v8::PropertyAttribute::READ_ONLY,
    );
    define(scope, global, name, console.into());
}

/// `console.log` and the other levels: the level is the data of the function.
pub(super) fn print<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let level = args.data().uint32_value(scope).unwrap_or(0) as usize;
    let level = LEVELS.get(level).map_or(LogLevel::Log, |(_, level)| *level);
    if let Some(messages) = render_all(scope, &args, 0) {
        emit(scope, level, messages);
    }
}

/// `console.trace`: the arguments, then the stack.
pub(super) fn trace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut messages) = render_all(scope, &args, 0) else { return };
    let empty = v8::String::empty(scope);
    let error = v8::Exception::error(scope, empty);
    messages.push(errors::frames(scope, error).trim_start().to_owned());
    emit(scope, LogLevel::Log, messages);
}

/// `console.time(label)`.
pub(super) fn time<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, label)) = label(scope, &args) else { return };
    let now = execution.clock.monotonic_ns();
    let is_new = !execution.labels.borrow().contains_key(&label);
    if is_new {
        execution.labels.borrow_mut().insert(label, now);
    } else {
        emit(scope, LogLevel::Warn, vec![format!("Timer '{label}' already exists")]);
    }
}

/// `console.timeLog(label, ...values)`.
pub(super) fn time_log<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, label)) = label(scope, &args) else { return };
    let started = execution.labels.borrow().get(&label).copied();
    let Some(values) = render_all(scope, &args, 1) else { return };
    elapsed(scope, &execution, &label, started, values);
}

/// `console.timeEnd(label)`.
pub(super) fn time_end<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, label)) = label(scope, &args) else { return };
    let started = execution.labels.borrow_mut().remove(&label);
    elapsed(scope, &execution, &label, started, Vec::new());
}

/// Prints an error that nobody is there to catch.
pub(super) fn report_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let failure = errors::failure(scope, args.get(0));
    emit(scope, LogLevel::Error, vec![failure.message]);
}

fn label<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
) -> Option<(std::rc::Rc<Execution>, String)> {
    let execution = state::current(scope)?;
    let label = match args.get(0) {
        label if label.is_undefined() => "default".to_owned(),
        label => label.to_string(scope)?.to_rust_string_lossy(scope),
    };
    Some((execution, label))
}

fn elapsed(
    scope: &mut v8::PinScope<'_, '_>,
    execution: &Execution,
    label: &str,
    started: Option<u64>,
    values: Vec<String>,
) {
    match started {
        Some(started) => {
            let ms = execution.clock.monotonic_ns().saturating_sub(started) / 1_000_000;
            let mut messages = vec![format!("{label}: {ms}ms")];
            messages.extend(values);
            emit(scope, LogLevel::Info, messages);
        }
        None => emit(scope, LogLevel::Warn, vec![format!("Timer '{label}' does not exist")]),
    }
}

fn emit(scope: &mut v8::PinScope<'_, '_>, level: LogLevel, messages: Vec<String>) {
    if let Some(execution) = state::current(scope) {
        let now = execution.clock.now_ns() / 1_000_000;
        execution.console.print(level, messages, now as f64);
    }
}

/// The arguments from `first` on as text; `None` if rendering one threw.
fn render_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    first: i32,
) -> Option<Vec<String>> {
    (first..args.length()).map(|index| render(scope, args.get(index))).collect()
}

fn render<'s>(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<String> {
    // The plain cases don't need the renderer, which takes a while to set up.
    if value.is_undefined() || value.is_null() || value.is_boolean() || value.is_int32() {
        return Some(value.to_rust_string_lossy(scope));
    }
    if let Ok(text) = v8::Local::<v8::String>::try_from(value)
        && text.length() <= MAX_STRING
    {
        return Some(quote(&text.to_rust_string_lossy(scope)));
    }
    let inspect = context::lazy_export(scope, "inspect.js", "inspect")?;
    let inspect = v8::Local::<v8::Function>::try_from(inspect).ok()?;
    let receiver = v8::undefined(scope);
    let text = inspect.call(scope, receiver.into(), &[value])?;
    Some(text.to_rust_string_lossy(scope))
}

/// A string as the renderer shows it.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\x08' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\x0c' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\x1f' => quoted.push_str(&format!("\\x{:02X}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
