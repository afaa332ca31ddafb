//! Every object of a context, also those that only closures or the engine hold: V8 tells them to its debugger.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use v8::inspector::{
    Channel, ChannelImpl, StringBuffer, StringView, V8Inspector, V8InspectorClient, V8InspectorClientImpl,
    V8InspectorClientTrustLevel,
};

use crate::runtime::ops::string;

/// The one group of contexts, with one context, that the debugger knows.
const GROUP: i32 = 1;
const CONTEXT: i32 = 1;
/// Global by which the debugger hands the objects over.
const HAND_OVER: &str = "lakewire:inventory";

struct Client;

impl V8InspectorClientImpl for Client {}

/// Keeps the last answer.
#[derive(Clone, Default)]
struct Answers(Rc<RefCell<Option<String>>>);

impl ChannelImpl for Answers {
    fn send_response(&self, _: i32, message: v8::UniquePtr<StringBuffer>) {
        *self.0.borrow_mut() = message.as_ref().map(|message| message.string().to_string());
    }

    fn send_notification(&self, _: v8::UniquePtr<StringBuffer>) {}

    fn flush_protocol_notifications(&self) {}
}

/// All objects of the current context that inherit from its `Object.prototype`: functions, arrays and instances of
/// classes are among them; objects without a prototype are not. `None` if V8 does not say. Takes a garbage collection.
pub(super) fn objects<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<Vec<v8::Local<'s, v8::Object>>> {
    let context = scope.get_current_context();
    let global = context.global(scope);
    // The debugger would put functions of its own into a console, which end with it.
    let name = string(scope, "console");
    let console = global.get(scope, name.into())?;
    let undefined = v8::undefined(scope);
    global.set(scope, name.into(), undefined.into())?;
    let listed = list(scope, context, global);
    global.define_own_property(scope, name.into(), console, v8::PropertyAttribute::DONT_ENUM)?;
    listed
}

fn list<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
    global: v8::Local<'s, v8::Object>,
) -> Option<Vec<v8::Local<'s, v8::Object>>> {
    let answers = Answers::default();
    let inspector = V8Inspector::create(scope, V8InspectorClient::new(Box::new(Client)));
    inspector.context_created(context, GROUP, StringView::empty(), StringView::empty());
    let channel = Channel::new(Box::new(answers.clone()));
    let trust = V8InspectorClientTrustLevel::FullyTrusted;
    let session = inspector.connect(GROUP, channel, StringView::from(&b"{}"[..]), trust);
    let ask = |method: &str, params: Value| -> Option<Value> {
        let question = json!({"id": 1, "method": method, "params": params}).to_string();
        session.dispatch_protocol_message(StringView::from(question.as_bytes()));
        let mut answer: Value = serde_json::from_str(&answers.0.take()?).ok()?;
        Some(answer["result"].take())
    };
    let prototype = ask("Runtime.evaluate", json!({"contextId": CONTEXT, "expression": "Object.prototype"}))?;
    let found = ask("Runtime.queryObjects", json!({"prototypeObjectId": prototype["result"]["objectId"]}))?;
    let keep = json!({
        "objectId": found["objects"]["objectId"],
        "functionDeclaration": format!("function () {{ globalThis[{HAND_OVER:?}] = this; }}"),
    });
    ask("Runtime.callFunctionOn", keep)?;
    drop(session);
    inspector.context_destroyed(context);
    drop(inspector);
    let name = string(scope, HAND_OVER);
    let found = global.get(scope, name.into())?;
    global.delete(scope, name.into())?;
    let found = v8::Local::<v8::Array>::try_from(found).ok()?;
    (0..found.length()).map(|index| found.get_index(scope, index)?.try_cast().ok()).collect()
}
