//! The declarations and statements of a module, and which of them need which.
//!
//! Bundles have much in one module that an entry never calls: what speaks against a function matters only to entries
//! that reach it. A declaration that does nothing when the module is evaluated is reached when something that is
//! reached names it; everything else is reached at once.

use std::collections::{BTreeMap, BTreeSet};

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_parser::Parser;
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::{GetSpan, SourceType, Span};

use super::stateless::{self, Objection};

/// A module, taken apart.
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// Names that other modules import, with the part that each is declared in. `None`: in another module.
    pub(super) exports: BTreeMap<String, Need>,
}

/// A declaration or a statement.
#[derive(Default)]
pub(super) struct Part {
    pub(super) objections: Vec<Objection>,
    pub(super) needs: BTreeSet<Need>,
    /// It does something when the module is evaluated.
    pub(super) is_effect: bool,
}

/// What a part names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Another part, by its index.
    Part(usize),
    /// What another module exports: specifier and name.
    Import(String, String),
    /// All that another module exports.
    Module(String),
}

impl Parts {
    /// Takes the module with this text apart.
    ///
    /// # Errors
    /// When it can't be read, or has a form that bundles don't have.
    pub(super) fn of(source: &str) -> Result<Self, Objection> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
        if parsed.panicked || !parsed.diagnostics.is_empty() {
            return Err(Objection { what: "its syntax is not known", offset: 0 });
        }
        let built = SemanticBuilder::new().with_build_nodes(true).build(&parsed.program);
        let mut outline = Outline { spans: Vec::new(), parts: Vec::new() };
        for statement in &parsed.program.body {
            outline.add(statement);
        }
        let exports = outline.link(&parsed.program, &built.semantic)?;
        for objection in stateless::objections(&built.semantic, &parsed.program) {
            let part = outline.at(objection.offset);
            outline.parts[part].objections.push(objection);
        }
        Ok(Parts { parts: outline.parts, exports })
    }
}

struct Outline {
    /// Where each part begins, ascending.
    spans: Vec<u32>,
    parts: Vec<Part>,
}

impl Outline {
    fn push(&mut self, span: Span, is_effect: bool) {
        self.spans.push(span.start);
        self.parts.push(Part { is_effect, ..Part::default() });
    }

    fn add(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::VariableDeclaration(declaration) => self.add_variables(declaration),
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::VariableDeclaration(declaration) => self.add_variables(declaration),
                Declaration::ClassDeclaration(class) => self.push(export.span, !is_inert_class(class)),
                _ => self.push(export.span, false),
            },
            Statement::ClassDeclaration(class) => self.push(class.span, !is_inert_class(class)),
            Statement::FunctionDeclaration(_)
            | Statement::ImportDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::EmptyStatement(_) => self.push(statement.span(), false),
            Statement::ExpressionStatement(expression) => {
                self.push(expression.span, !gives_name(&expression.expression) && !is_inert(&expression.expression));
            }
            _ => self.push(statement.span(), true),
        }
    }

    fn add_variables(&mut self, declaration: &VariableDeclaration<'_>) {
        for declarator in &declaration.declarations {
            let is_plain = matches!(declarator.id, BindingPattern::BindingIdentifier(_));
            let is_effect = !is_plain || declarator.init.as_ref().is_some_and(|init| !is_inert(init));
            self.push(declarator.span, is_effect);
        }
    }

    /// The part at an offset.
    fn at(&self, offset: u32) -> usize {
        self.spans.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Finds what each part names, and what the module exports.
    fn link(&mut self, program: &Program<'_>, semantic: &Semantic<'_>) -> Result<BTreeMap<String, Need>, Objection> {
        let scoping = semantic.scoping();
        let mut homes: BTreeMap<usize, Need> = BTreeMap::new();
        for statement in &program.body {
            let Statement::ImportDeclaration(import) = statement else { continue };
            for specifier in import.specifiers.iter().flatten() {
                let from = import.source.value.to_string();
                let (local, need) = match specifier {
                    ImportDeclarationSpecifier::ImportSpecifier(one) => {
                        (&one.local, Need::Import(from, one.imported.name().to_string()))
                    }
                    ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                        (&one.local, Need::Import(from, "default".to_owned()))
                    }
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(all) => (&all.local, Need::Module(from)),
                };
                homes.insert(local.symbol_id().index(), need);
            }
        }
        let root = scoping.root_scope_id();
        let mut exported: BTreeMap<String, Need> = BTreeMap::new();
        for symbol in scoping.symbol_ids().filter(|symbol| scoping.symbol_scope_id(*symbol) == root) {
            let declared = self.at(scoping.symbol_span(symbol).start);
            let home = homes.entry(symbol.index()).or_insert(Need::Part(declared)).clone();
            exported.insert(scoping.symbol_name(symbol).to_string(), home.clone());
            for reference in scoping.get_resolved_references(symbol) {
                let at = self.at(semantic.nodes().get_node(reference.node_id()).kind().span().start);
                self.parts[at].needs.insert(home.clone());
                // What assigns a variable belongs to it.
                if let Need::Part(part) = home
                    && reference.is_write()
                {
                    self.parts[part].needs.insert(Need::Part(at));
                }
            }
        }
        let mut exports = BTreeMap::new();
        for statement in &program.body {
            match statement {
                Statement::ExportNamedDeclaration(export) => {
                    for specifier in &export.specifiers {
                        if let Some(need) = exported.get(specifier.local.name().as_str()) {
                            exports.insert(specifier.exported.name().to_string(), need.clone());
                        }
                    }
                }
                Statement::ExportFromDeclaration(export) => {
                    for specifier in &export.specifiers {
                        let need = Need::Import(export.source.value.to_string(), specifier.local.name().to_string());
                        exports.insert(specifier.exported.name().to_string(), need);
                    }
                }
                Statement::ExportDeclaration(export) => {
                    let (first, last) = (self.at(export.span.start), self.at(export.span.end.saturating_sub(1)));
                    let declared = |need: &Need| matches!(need, Need::Part(at) if (first..=last).contains(at));
                    exports.extend(exported.clone().into_iter().filter(|(_, need)| declared(need)));
                }
                Statement::ExportDefaultDeclaration(export) => {
                    exports.insert("default".to_owned(), Need::Part(self.at(export.span.start)));
                }
                Statement::ExportAllDeclaration(export) => {
                    return Err(Objection { what: "it exports all of another module", offset: export.span.start });
                }
                _ => {}
            }
        }
        Ok(exports)
    }
}

/// `name(f, "f")`: what the bundler adds so that a function keeps its name.
fn gives_name(expression: &Expression<'_>) -> bool {
    let Expression::CallExpression(call) = expression else { return false };
    matches!(call.callee, Expression::Identifier(_))
        && matches!(
            call.arguments[..],
            [Argument::Identifier(_) | Argument::ThisExpression(_), Argument::StringLiteral(_)]
        )
}

/// Whether evaluating it does nothing but give a value.
fn is_inert(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::ArrowFunctionExpression(_)
        | Expression::FunctionExpression(_)
        | Expression::Identifier(_)
        | Expression::StringLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::BigIntLiteral(_)
        | Expression::RegExpLiteral(_) => true,
        Expression::TemplateLiteral(template) => template.expressions.iter().all(is_inert),
        Expression::ParenthesizedExpression(inner) => is_inert(&inner.expression),
        Expression::UnaryExpression(unary) => is_inert(&unary.argument),
        Expression::BinaryExpression(binary) => is_inert(&binary.left) && is_inert(&binary.right),
        Expression::LogicalExpression(logical) => is_inert(&logical.left) && is_inert(&logical.right),
        Expression::ConditionalExpression(choice) => {
            is_inert(&choice.test) && is_inert(&choice.consequent) && is_inert(&choice.alternate)
        }
        Expression::StaticMemberExpression(member) => matches!(member.object, Expression::Identifier(_)),
        Expression::ClassExpression(class) => is_inert_class(class),
        Expression::ObjectExpression(object) => object.properties.iter().all(|property| match property {
            ObjectPropertyKind::ObjectProperty(property) => {
                property.key.as_expression().is_none_or(is_inert) && is_inert(&property.value)
            }
            ObjectPropertyKind::SpreadProperty(_) => false,
        }),
        Expression::ArrayExpression(array) => {
            array.elements.iter().all(|element| element.as_expression().is_some_and(is_inert))
        }
        Expression::CallExpression(call) => call.pure && call.arguments.iter().all(is_inert_argument),
        Expression::NewExpression(made) => made.pure && made.arguments.iter().all(is_inert_argument),
        _ => false,
    }
}

fn is_inert_argument(argument: &Argument<'_>) -> bool {
    argument.as_expression().is_some_and(is_inert)
}

fn is_inert_class(class: &Class<'_>) -> bool {
    let is_inert_key = |key: &PropertyKey<'_>, computed: bool| !computed || key.as_expression().is_some_and(is_inert);
    class.decorators.is_empty()
        && class.heritage.as_ref().is_none_or(|heritage| is_inert(&heritage.expression))
        && class.body.body.iter().all(|element| {
            match element {
            ClassElement::MethodDefinition(method) => {
                method.decorators.is_empty() && is_inert_key(&method.key, method.computed)
            }
            ClassElement::PropertyDefinition(property) => {
                property.decorators.is_empty()
                    && is_inert_key(&property.key, property.computed)
                    && (!property.r#static || property.value.as_ref().is_none_or(is_inert))
            }
            ClassElement::StaticBlock(block) => block.body.iter().all(|statement| {
                matches!(statement, Statement::ExpressionStatement(expression) if gives_name(&expression.expression))
            }),
            _ => false,
        }
        })
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
