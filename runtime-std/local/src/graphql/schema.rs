//! The types of our GraphQL API, read from `schema.graphql`: what may be asked, checked before anything is done, and what
//! introspection answers. Knows no data.

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, FieldDefinition, InputValueDefinition, Selection, SelectionSet, Type, TypeDefinition,
    TypeKind, TypeSystemDefinition,
};
use async_graphql_value::Value as QueryValue;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

/// Selections nested deeper than this are refused: a query of fragments within fragments costs more than it says.
const DEPTH_MAX: usize = 24;
/// Fields looked at in one query, fragments expanded.
const FIELDS_MAX: usize = 5000;

/// All types by name.
pub(crate) struct Schema {
    types: BTreeMap<String, TypeDefinition>,
}

/// The schema, read once.
pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let document =
            async_graphql_parser::parse_schema(include_str!("schema.graphql")).expect("a test reads this schema");
        let mut types = BTreeMap::new();
        for definition in document.definitions {
            if let TypeSystemDefinition::Type(definition) = definition {
                types.insert(definition.node.name.node.to_string(), definition.node);
            }
        }
        Schema { types }
    })
}

/// The named type inside lists and non-null marks.
pub(crate) fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}

impl Schema {
    fn fields(&self, of: &str) -> Option<&[async_graphql_parser::Positioned<FieldDefinition>]> {
        match &self.types.get(of)?.kind {
            TypeKind::Object(object) => Some(&object.fields),
            TypeKind::Interface(interface) => Some(&interface.fields),
            TypeKind::Scalar | TypeKind::Union(_) | TypeKind::Enum(_) | TypeKind::InputObject(_) => None,
        }
    }

    /// A field of an object type.
    pub(crate) fn field(&self, of: &str, name: &str) -> Option<&FieldDefinition> {
        self.fields(of)?.iter().map(|field| &field.node).find(|field| field.name.node == name)
    }

    /// Whether an object of type `of` is an `on`: the same, or an interface of it.
    pub(crate) fn is(&self, of: &str, on: &str) -> bool {
        let implements = |found: &TypeDefinition| match &found.kind {
            TypeKind::Object(object) => object.implements.iter().any(|name| name.node == on),
            TypeKind::Interface(_)
            | TypeKind::Scalar
            | TypeKind::Union(_)
            | TypeKind::Enum(_)
            | TypeKind::InputObject(_) => false,
        };
        of == on || self.types.get(of).is_some_and(implements)
    }

    /// Whether a type has fields.
    pub(crate) fn is_object(&self, of: &str) -> bool {
        self.fields(of).is_some()
    }

    /// What is wrong with a selection on a type, in the words that clients match on.
    pub(crate) fn check(&self, of: &str, selected: &SelectionSet, document: &ExecutableDocument) -> Result<(), String> {
        let mut budget = FIELDS_MAX;
        self.check_set(of, selected, document, 0, &mut budget)
    }

    fn check_set(
        &self,
        of: &str,
        selected: &SelectionSet,
        document: &ExecutableDocument,
        depth: usize,
        budget: &mut usize,
    ) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("The query is nested deeper than {DEPTH_MAX} levels."));
        }
        for item in &selected.items {
            *budget = budget.checked_sub(1).ok_or("The query selects too many fields.")?;
            match &item.node {
                Selection::Field(field) => {
                    let name = field.node.name.node.as_str();
                    if name == "__typename" || (of == "Query" && matches!(name, "__type" | "__schema")) {
                        continue;
                    }
                    let known = self.field(of, name);
                    let known = known.ok_or_else(|| format!("Cannot query field \"{name}\" on type \"{of}\"."))?;
                    for (argument, value) in &field.node.arguments {
                        let named = known.arguments.iter().find(|known| known.node.name.node == argument.node);
                        let named = named.ok_or_else(|| {
                            format!("Unknown argument \"{}\" on field \"{of}.{name}\".", argument.node)
                        })?;
                        self.check_input(&named.node, &value.node)?;
                    }
                    let inner = self::named(&known.ty.node);
                    let set = &field.node.selection_set.node;
                    match (self.is_object(inner), set.items.is_empty()) {
                        (true, true) => {
                            return Err(format!(
                                "Field \"{name}\" of type \"{inner}\" must have a selection of subfields."
                            ));
                        }
                        (false, false) => {
                            return Err(format!(
                                "Field \"{name}\" must not have a selection since type \"{inner}\" has no subfields."
                            ));
                        }
                        (true, false) => self.check_set(inner, set, document, depth + 1, budget)?,
                        (false, true) => {}
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = document.fragments.get(name).ok_or(format!("Unknown fragment \"{name}\"."))?;
                    let on = fragment.node.type_condition.node.on.node.as_str();
                    self.known(on)?;
                    self.check_set(on, &fragment.node.selection_set.node, document, depth + 1, budget)?;
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(of, |on| on.node.on.node.as_str());
                    self.known(on)?;
                    self.check_set(on, &inline.node.selection_set.node, document, depth + 1, budget)?;
                }
            }
        }
        Ok(())
    }

    fn known(&self, of: &str) -> Result<(), String> {
        if self.types.contains_key(of) { Ok(()) } else { Err(format!("Unknown type \"{of}\".")) }
    }

    /// Names of input fields that a literal object uses.
    fn check_input(&self, of: &InputValueDefinition, value: &QueryValue) -> Result<(), String> {
        let name = named(&of.ty.node);
        let (Some(TypeKind::InputObject(input)), QueryValue::Object(object)) =
            (self.types.get(name).map(|found| &found.kind), value)
        else {
            return Ok(());
        };
        for key in object.keys() {
            if !input.fields.iter().any(|field| field.node.name.node == *key) {
                return Err(format!("Field \"{key}\" is not defined by type \"{name}\"."));
            }
        }
        for field in &input.fields {
            if !field.node.ty.node.nullable && !object.contains_key(&field.node.name.node) {
                return Err(format!("Field \"{name}.{}\" is required.", field.node.name.node));
            }
        }
        Ok(())
    }

    /// The answer to `__type(name)`, or null; every field of it, whatever was selected.
    pub(crate) fn describe(&self, name: &str) -> Value {
        let Some(found) = self.types.get(name) else { return Value::Null };
        let inputs = |inputs: &[async_graphql_parser::Positioned<InputValueDefinition>]| -> Value {
            inputs
                .iter()
                .map(|one| json!({ "name": one.node.name.node.as_str(), "type": kind(&one.node.ty.node) }))
                .collect()
        };
        let (mut fields, mut input_fields, mut values) = (Value::Null, Value::Null, Value::Null);
        let kind = match &found.kind {
            TypeKind::Scalar => "SCALAR",
            TypeKind::Union(_) => "UNION",
            TypeKind::Enum(of) => {
                values = of.values.iter().map(|value| json!({ "name": value.node.value.node.as_str() })).collect();
                "ENUM"
            }
            TypeKind::InputObject(of) => {
                input_fields = inputs(&of.fields);
                "INPUT_OBJECT"
            }
            TypeKind::Object(_) | TypeKind::Interface(_) => {
                let all = self.fields(name).unwrap_or_default();
                let one = |field: &FieldDefinition| {
                    json!({
                        "name": field.name.node.as_str(), "args": inputs(&field.arguments), "type": self::kind(&field.ty.node),
                    })
                };
                fields = all.iter().map(|field| one(&field.node)).collect();
                "OBJECT"
            }
        };
        json!({ "name": name, "kind": kind, "fields": fields, "inputFields": input_fields, "enumValues": values })
    }

    /// The answer to `__schema`.
    pub(crate) fn describe_all(&self) -> Value {
        let types: Value = self.types.keys().map(|name| self.describe(name)).collect();
        json!({ "queryType": { "name": "Query" }, "mutationType": { "name": "Mutation" }, "types": types, "directives": [] })
    }
}

fn kind(of: &Type) -> Value {
    let inner = match &of.base {
        BaseType::Named(name) => json!({ "kind": "NAMED", "name": name.as_str(), "ofType": null }),
        BaseType::List(inner) => json!({ "kind": "LIST", "name": null, "ofType": kind(inner) }),
    };
    if of.nullable { inner } else { json!({ "kind": "NON_NULL", "name": null, "ofType": inner }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_named_in_the_schema_is_defined() {
        let built_in = ["ID", "String", "Int", "Float", "Boolean"];
        for definition in schema().types.values() {
            let fields = schema().fields(&definition.name.node).unwrap_or_default();
            for field in fields {
                let mut used = vec![named(&field.node.ty.node)];
                used.extend(field.node.arguments.iter().map(|argument| named(&argument.node.ty.node)));
                for name in used {
                    assert!(built_in.contains(&name) || schema().types.contains_key(name), "{name}");
                }
            }
        }
    }

    #[test]
    fn wrong_queries_are_told_apart() {
        let say = |query: &str| {
            let document = async_graphql_parser::parse_query(query).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            schema().check("Query", &operation.node.selection_set.node, &document).unwrap_err()
        };
        assert_eq!(say("{ nothing }"), "Cannot query field \"nothing\" on type \"Query\".");
        assert_eq!(say("{ viewer { x } }"), "Cannot query field \"x\" on type \"User\".");
        assert_eq!(say("{ viewer }"), "Field \"viewer\" of type \"User\" must have a selection of subfields.");
        assert_eq!(say("{ viewer(a: 1) { id } }"), "Unknown argument \"a\" on field \"Query.viewer\".");
        assert_eq!(say("{ ...F }"), "Unknown fragment \"F\".");
        assert_eq!(say("{ ...F } fragment F on Nothing { a }"), "Unknown type \"Nothing\".");
        assert!(say("{ ...F } fragment F on Query { ...F }").contains("nested deeper"));
        assert_eq!(schema().describe("Nothing"), Value::Null);
        assert_eq!(schema().describe("DeleteRunInput")["inputFields"][0]["name"], "id");
        assert!(schema().describe_all()["types"].as_array().unwrap().len() > 20);
    }
}
