//! Whether the text of a module shows that its functions keep nothing in variables, and that they would not hide a
//! refused write.
//!
//! Objects are no matter here: those that a module keeps are made immutable, see [`harden`](super::harden). What that
//! does not reach is refused: variables that inner functions assign, private fields that methods assign, generators, and
//! objects without a prototype, which V8 does not list. A write to an immutable object throws, and a call that throws is run
//! again in a fresh context; so whatever could keep such an exception from ending the call is refused as well. The
//! analysis errs on the side of refusing: a module that is refused merely gets fresh contexts.

use oxc_ast::AstKind;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Semantic;
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

/// What speaks against a module: a description and the offset in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Objection {
    pub(super) what: &'static str,
    pub(super) offset: u32,
}

/// Methods of promises that can take an error out of the world.
const SWALLOWING: &[&str] = &["catch", "allSettled"];
/// Static methods of `Promise` that drop all errors but one.
const RACING: &[&str] = &["race", "any"];
/// Methods by which code can tell that an object is immutable, or change it without an exception.
const TELLING: &[&str] = &["isFrozen", "isSealed", "isExtensible", "preventExtensions", "setPrototypeOf"];
/// Methods of `Reflect` that say `false` where an assignment throws.
const SILENT: &[&str] = &["set", "defineProperty", "deleteProperty"];
/// Globals whose methods matter: they may only be used as `Object.keys`, so that the method is known.
const WATCHED: &[&str] = &["Object", "Reflect", "Promise"];

/// Everything that speaks against a module.
pub(super) fn objections(semantic: &Semantic<'_>, program: &Program<'_>) -> Vec<Objection> {
    let mut visitor = Visitor { semantic, functions: Vec::new(), objections: assigned_variables(semantic) };
    visitor.visit_program(program);
    visitor.objections
}

/// Variables that are assigned in a function inside of the one they belong to: they may outlive a call.
fn assigned_variables(semantic: &Semantic<'_>) -> Vec<Objection> {
    let scoping = semantic.scoping();
    let mut found = Vec::new();
    for symbol in scoping.symbol_ids() {
        let home = scoping.get_node_id(scoping.symbol_scope_id(symbol));
        for reference in scoping.get_resolved_references(symbol).filter(|reference| reference.is_write()) {
            let node = reference.node_id();
            let is_inner = semantic
                .nodes()
                .ancestors(node)
                .take_while(|ancestor| ancestor.id() != home)
                .any(|ancestor| runs_later(ancestor.kind()));
            if is_inner {
                let offset = semantic.nodes().get_node(node).kind().span().start;
                found.push(Objection { what: "an inner function assigns a variable", offset });
            }
        }
    }
    found
}

/// Whether what is inside of the node may run after what is around it.
fn runs_later(kind: AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::Function(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::PropertyDefinition(_)
            | AstKind::AccessorProperty(_)
            | AstKind::StaticBlock(_)
    )
}

/// What the code that is being looked at belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Function,
    /// Of an object that nothing else has seen yet.
    Constructor,
}

struct Visitor<'s, 'a> {
    semantic: &'s Semantic<'a>,
    functions: Vec<Body>,
    objections: Vec<Objection>,
}

impl Visitor<'_, '_> {
    fn object(&mut self, what: &'static str, span: oxc_span::Span) {
        self.objections.push(Objection { what, offset: span.start });
    }

    fn is_global(&self, identifier: &IdentifierReference<'_>) -> bool {
        let reference = self.semantic.scoping().get_reference(identifier.reference_id());
        reference.symbol_id().is_none()
    }

    fn private_write(&mut self, target: &SimpleAssignmentTarget<'_>) {
        if let SimpleAssignmentTarget::PrivateFieldExpression(field) = target
            && self.functions.last() != Some(&Body::Constructor)
        {
            self.object("a method assigns a private field", field.span);
        }
    }
}

impl<'a> Visit<'a> for Visitor<'_, 'a> {
    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        if function.generator {
            self.object("a generator may be kept", function.span);
        }
        let body = if flags.contains(ScopeFlags::Constructor) { Body::Constructor } else { Body::Function };
        self.functions.push(body);
        walk::walk_function(self, function, flags);
        self.functions.pop();
    }

    fn visit_arrow_function_expression(&mut self, function: &ArrowFunctionExpression<'a>) {
        self.functions.push(Body::Function);
        walk::walk_arrow_function_expression(self, function);
        self.functions.pop();
    }

    fn visit_simple_assignment_target(&mut self, target: &SimpleAssignmentTarget<'a>) {
        self.private_write(target);
        walk::walk_simple_assignment_target(self, target);
    }

    fn visit_catch_clause(&mut self, clause: &CatchClause<'a>) {
        if !matches!(clause.body.body.last(), Some(Statement::ThrowStatement(_))) {
            self.object("a `catch` does not end with `throw`", clause.span);
        }
        walk::walk_catch_clause(self, clause);
    }

    fn visit_try_statement(&mut self, statement: &TryStatement<'a>) {
        if let Some(block) = &statement.finalizer {
            let mut leaves = Leaves(None);
            leaves.visit_block_statement(block);
            if let Some(span) = leaves.0 {
                self.object("a `finally` ends in another way than by its end", span);
            }
        }
        walk::walk_try_statement(self, statement);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::StaticMemberExpression(member) = &call.callee {
            let name = member.property.name.as_str();
            if SWALLOWING.contains(&name) || (name == "then" && call.arguments.len() > 1) {
                self.object("an error of a promise may be dropped", call.span);
            }
            if name == "create" && !matches!(call.arguments.first(), Some(Argument::StaticMemberExpression(_))) {
                let is_object = matches!(&member.object, Expression::Identifier(object) if object.name == "Object");
                let is_null = matches!(call.arguments.first(), Some(Argument::NullLiteral(_)));
                if is_object || is_null {
                    self.object("an object may have no prototype", call.span);
                }
            }
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        let name = member.property.name.as_str();
        if TELLING.contains(&name) {
            self.object("whether an object is immutable may be asked", member.span);
        }
        if let Expression::Identifier(object) = &member.object
            && self.is_global(object)
        {
            match object.name.as_str() {
                "Reflect" if SILENT.contains(&name) => self.object("a write may be refused in silence", member.span),
                "Promise" if RACING.contains(&name) => {
                    self.object("an error of a promise may be dropped", member.span);
                }
                "Object" if name == "groupBy" => self.object("an object may have no prototype", member.span),
                _ => {}
            }
            // The method is known, so the global itself is not looked at.
            return;
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        if !self.is_global(identifier) {
            return;
        }
        let name = identifier.name.as_str();
        if name == "eval" {
            self.object("code may be made from text", identifier.span);
        }
        if WATCHED.contains(&name) {
            let nodes = self.semantic.nodes();
            let parent = nodes.parent_kind(identifier.node_id.get());
            let is_compared = matches!(parent, AstKind::BinaryExpression(_) | AstKind::UnaryExpression(_));
            let is_made = matches!(parent, AstKind::NewExpression(made) if made.callee.span() == identifier.span);
            if !is_compared && !is_made {
                self.object("which method is called is not known", identifier.span);
            }
        }
    }

    fn visit_class(&mut self, class: &Class<'a>) {
        let base = class.heritage.as_ref().map(|heritage| &heritage.expression);
        if matches!(base, Some(Expression::NullLiteral(_))) {
            self.object("an object may have no prototype", class.span);
        }
        walk::walk_class(self, class);
    }

    fn visit_object_property(&mut self, property: &ObjectProperty<'a>) {
        if property.key.is_specific_static_name("__proto__") && !property.computed && !property.shorthand {
            self.object("an object may have no prototype", property.span);
        }
        walk::walk_object_property(self, property);
    }

    fn visit_reg_exp_literal(&mut self, literal: &RegExpLiteral<'a>) {
        // The groups of a match are an object without a prototype.
        let text = literal.span.source_text(self.semantic.source_text());
        if text.match_indices("(?<").any(|(at, _)| !text[at + 3..].starts_with(['=', '!'])) {
            self.object("an object may have no prototype", literal.span);
        }
    }
}

/// Finds a statement that leaves the block it is in.
struct Leaves(Option<oxc_span::Span>);

impl<'a> Visit<'a> for Leaves {
    fn visit_return_statement(&mut self, statement: &ReturnStatement<'a>) {
        self.0.get_or_insert(statement.span);
    }

    fn visit_break_statement(&mut self, statement: &BreakStatement<'a>) {
        self.0.get_or_insert(statement.span);
    }

    fn visit_continue_statement(&mut self, statement: &ContinueStatement<'a>) {
        self.0.get_or_insert(statement.span);
    }

    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}

    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
}

#[cfg(test)]
#[path = "stateless_tests.rs"]
mod tests;
