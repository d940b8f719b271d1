//! From tree to text, on as many lines as there are definitions.

use super::tree::{Definition, Directive, Document, Selection, Value};
use alloc::string::String;

/// The text of a document. Reading it gives the same document.
pub(super) fn document(document: &Document<'_>) -> String {
    let mut out = String::new();
    for definition in &document.definitions {
        match definition {
            Definition::Operation(operation) => {
                out.push_str(operation.kind);
                if let Some(name) = operation.name {
                    put(&mut out, &[" ", name]);
                }
                list(&mut out, &operation.variables, |out, variable| {
                    put(out, &["$", variable.name, ": ", &variable.kind]);
                    if let Some(default) = &variable.default {
                        out.push_str(" = ");
                        value(out, default);
                    }
                    directives(out, &variable.directives);
                });
                directives(&mut out, &operation.directives);
                selections(&mut out, &operation.selections);
            }
            Definition::Fragment(fragment) => {
                put(&mut out, &["fragment ", fragment.name, " on ", fragment.on]);
                directives(&mut out, &fragment.directives);
                selections(&mut out, &fragment.selections);
            }
        }
        out.push('\n');
    }
    out
}

fn selections(out: &mut String, all: &[Selection<'_>]) {
    if all.is_empty() {
        return;
    }
    out.push_str(" {");
    for selection in all {
        out.push(' ');
        match selection {
            Selection::Field(field) => {
                if let Some(alias) = field.alias {
                    put(out, &[alias, ": "]);
                }
                out.push_str(field.name);
                list(out, &field.arguments, argument);
                directives(out, &field.directives);
                selections(out, &field.selections);
            }
            Selection::Spread { name, directives: all } => {
                put(out, &["...", name]);
                directives(out, all);
            }
            Selection::Inline { on, directives: all, selections: inner } => {
                out.push_str("...");
                if let Some(on) = on {
                    put(out, &[" on ", on]);
                }
                directives(out, all);
                selections(out, inner);
            }
        }
    }
    out.push_str(" }");
}

fn directives(out: &mut String, all: &[Directive<'_>]) {
    for directive in all {
        put(out, &[" @", directive.name]);
        list(out, &directive.arguments, argument);
    }
}

fn argument(out: &mut String, (name, given): &(&str, Value<'_>)) {
    put(out, &[name, ": "]);
    value(out, given);
}

fn value(out: &mut String, given: &Value<'_>) {
    match given {
        Value::Variable(name) => put(out, &["$", name]),
        Value::Literal(text) => out.push_str(text),
        Value::List(values) => within(out, ("[", "]"), values, value),
        Value::Object(fields) => within(out, ("{", "}"), fields, argument),
    }
}

fn list<T>(out: &mut String, all: &[T], one: impl FnMut(&mut String, &T)) {
    if !all.is_empty() {
        within(out, ("(", ")"), all, one);
    }
}

fn within<T>(out: &mut String, marks: (&str, &str), all: &[T], mut one: impl FnMut(&mut String, &T)) {
    out.push_str(marks.0);
    for (at, item) in all.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        one(out, item);
    }
    out.push_str(marks.1);
}

fn put(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}
