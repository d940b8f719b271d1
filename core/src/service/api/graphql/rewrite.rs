//! Takes out of a document what a server does not know.

use super::{
    GraphqlError, parse, print,
    tree::{Definition, Directive, Document, Selection, Value},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

/// What to take out, and what has another name there (`wandb_internal.GraphQLRequest`).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    /// Variables, with the arguments that they are the value of.
    pub(crate) variables: BTreeSet<String>,
    /// Fields by name, whatever their alias.
    pub(crate) fields: BTreeSet<String>,
    /// Fragments and their spreads.
    pub(crate) fragments: BTreeSet<String>,
    /// New names of fields.
    pub(crate) renames: BTreeMap<String, String>,
}

impl Rules {
    /// Whether they change nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.fields.is_empty() && self.fragments.is_empty() && self.renames.is_empty()
    }
}

/// The text of the document without what the rules take out. What is empty then goes too, as do fragments that no
/// operation reaches.
pub(crate) fn rewrite(text: &str, rules: &Rules) -> Result<String, GraphqlError> {
    let mut document = parse::document(text)?;
    let mut gone: BTreeSet<&str> = rules.fragments.iter().map(String::as_str).collect();
    for definition in &mut document.definitions {
        let directives = match definition {
            Definition::Operation(operation) => {
                operation.variables.retain(|variable| !rules.variables.contains(variable.name));
                &mut operation.directives
            }
            Definition::Fragment(fragment) => &mut fragment.directives,
        };
        prune_directives(directives, rules);
        prune(selections_of(definition), rules, &gone);
    }
    // A fragment that lost all its fields goes with its spreads, which may empty another one.
    loop {
        let before = gone.len();
        document.definitions.retain(|definition| match definition {
            Definition::Operation(operation) => !operation.selections.is_empty(),
            Definition::Fragment(fragment) => {
                if fragment.selections.is_empty() {
                    gone.insert(fragment.name);
                }
                !gone.contains(fragment.name)
            }
        });
        if gone.len() == before {
            break;
        }
        let nothing = Rules::default();
        document.definitions.iter_mut().for_each(|definition| prune(selections_of(definition), &nothing, &gone));
    }
    document.definitions.iter_mut().for_each(|definition| rename(selections_of(definition), &rules.renames));
    drop_unreached(&mut document);
    if document.definitions.is_empty() {
        return Err(GraphqlError::Emptied);
    }
    Ok(print::document(&document))
}

fn selections_of<'a, 'b>(definition: &'b mut Definition<'a>) -> &'b mut Vec<Selection<'a>> {
    match definition {
        Definition::Operation(operation) => &mut operation.selections,
        Definition::Fragment(fragment) => &mut fragment.selections,
    }
}

fn prune(selections: &mut Vec<Selection<'_>>, rules: &Rules, gone: &BTreeSet<&str>) {
    selections.retain_mut(|selection| match selection {
        Selection::Field(field) => {
            if rules.fields.contains(field.name) {
                return false;
            }
            prune_arguments(&mut field.arguments, rules);
            prune_directives(&mut field.directives, rules);
            let leaf = field.selections.is_empty();
            prune(&mut field.selections, rules, gone);
            leaf || !field.selections.is_empty()
        }
        Selection::Spread { name, directives } => {
            prune_directives(directives, rules);
            !gone.contains(name)
        }
        Selection::Inline { directives, selections, .. } => {
            prune_directives(directives, rules);
            prune(selections, rules, gone);
            !selections.is_empty()
        }
    });
}

/// A directive that depends on nothing but a variable that is gone has no meaning left.
fn prune_directives(directives: &mut Vec<Directive<'_>>, rules: &Rules) {
    directives.retain_mut(|directive| {
        let bare = directive.arguments.is_empty();
        prune_arguments(&mut directive.arguments, rules);
        bare || !directive.arguments.is_empty()
    });
}

/// Inside objects, but not inside lists, where leaving a value out would move the others.
fn prune_arguments(arguments: &mut Vec<(&str, Value<'_>)>, rules: &Rules) {
    arguments.retain_mut(|(_, value)| match value {
        Value::Variable(name) => !rules.variables.contains(*name),
        Value::Object(fields) => {
            prune_arguments(fields, rules);
            true
        }
        Value::Literal(_) | Value::List(_) => true,
    });
}

fn rename<'a>(selections: &mut [Selection<'a>], renames: &'a BTreeMap<String, String>) {
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                if let Some(name) = renames.get(field.name) {
                    field.name = name;
                }
                rename(&mut field.selections, renames);
            }
            Selection::Inline { selections, .. } => rename(selections, renames),
            Selection::Spread { .. } => {}
        }
    }
}

fn drop_unreached(document: &mut Document<'_>) {
    let mut reached = BTreeSet::new();
    let mut new = Vec::new();
    for definition in &document.definitions {
        if let Definition::Operation(operation) = definition {
            spreads(&operation.selections, &mut new);
        }
    }
    while let Some(name) = new.pop() {
        if reached.insert(name) {
            for definition in &document.definitions {
                match definition {
                    Definition::Fragment(fragment) if fragment.name == name => spreads(&fragment.selections, &mut new),
                    Definition::Fragment(_) | Definition::Operation(_) => {}
                }
            }
        }
    }
    document.definitions.retain(|definition| match definition {
        Definition::Operation(_) => true,
        Definition::Fragment(fragment) => reached.contains(fragment.name),
    });
}

fn spreads<'a>(selections: &[Selection<'a>], out: &mut Vec<&'a str>) {
    for selection in selections {
        match selection {
            Selection::Field(field) => spreads(&field.selections, out),
            Selection::Inline { selections, .. } => spreads(selections, out),
            Selection::Spread { name, .. } => out.push(name),
        }
    }
}
