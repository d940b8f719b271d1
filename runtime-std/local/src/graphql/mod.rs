//! Executing one GraphQL request over a model: fragments, aliases, variables, directives. What the fields mean is the
//! [`Resolver`]'s.

mod schema;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet, Type,
};
use async_graphql_value::{ConstValue, Value as QueryValue};
use schema::schema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a field has: a plain value, an object that is asked further, or many.
#[derive(Clone)]
pub(crate) enum Out<N> {
    /// A scalar, null, or a list of scalars.
    Leaf(Value),
    /// An object.
    Node(N),
    /// Objects in order.
    List(Vec<Out<N>>),
}

/// Knows what fields mean.
pub(crate) trait Resolver {
    /// An object of the model.
    type Node;

    /// The type of an object of a field whose type is an interface.
    fn concrete<'t>(&self, of: &'t str, node: &Self::Node) -> &'t str;

    /// The value of a field that the schema has. The error is told to the client; the field becomes null.
    fn resolve(
        &mut self,
        of: &str,
        node: Option<&Self::Node>,
        name: &str,
        args: &Args,
    ) -> Result<Out<Self::Node>, String>;
}

/// Arguments of a field, variables filled in.
#[derive(Debug, Default)]
pub(crate) struct Args(pub(crate) Map<String, Value>);

impl Args {
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// Text; ids may be numbers.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        self.get(name).as_u64().and_then(|count| usize::try_from(count).ok())
    }

    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.get(name).as_array()?;
        Some(list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
    }

    /// The `input` of a mutation.
    pub(crate) fn input(&self) -> Self {
        Self(self.get("input").as_object().cloned().unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct Body {
    query: String,
    #[serde(default, rename = "operationName")]
    operation: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

/// Answers the body of a `POST /graphql`: HTTP status and JSON.
pub(crate) fn execute(body: &[u8], resolver: &mut impl Resolver) -> (u16, Value) {
    let failed = |message: &str| (400, json!({ "errors": [{ "message": message }] }));
    let body: Body = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return failed(&format!("The body is not a GraphQL request: {error}")),
    };
    let document = match async_graphql_parser::parse_query(&body.query) {
        Ok(document) => document,
        Err(error) => return failed(&format!("Syntax Error: {error}")),
    };
    let Some(operation) = operation_of(&document, body.operation.as_deref()) else {
        return failed("Must provide the name of one operation of the document.");
    };
    let root = match operation.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => return failed("Subscriptions are not supported."),
    };
    if let Err(message) = schema().check(root, &operation.selection_set.node, &document) {
        return failed(&message);
    }
    let variables = match variables_of(operation, body.variables.unwrap_or_default()) {
        Ok(variables) => variables,
        Err(message) => return failed(&message),
    };
    let mut run = Execution { document: &document, variables, resolver, errors: Vec::new(), path: Vec::new() };
    let mut data = Map::new();
    run.set(root, None, &operation.selection_set.node, &mut data);
    let mut answer = json!({ "data": data });
    if !run.errors.is_empty() {
        answer["errors"] = Value::Array(run.errors);
    }
    (200, answer)
}

/// The name of the operation, for records of what was asked.
pub(crate) fn operation_name(body: &Value) -> Option<String> {
    if let Some(name) = body["operationName"].as_str().filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let document = async_graphql_parser::parse_query(body["query"].as_str()?).ok()?;
    document.operations.iter().find_map(|(name, _)| name.map(ToString::to_string))
}

fn operation_of<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match (&document.operations, name.filter(|name| !name.is_empty())) {
        (DocumentOperations::Single(operation), _) => Some(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name).map(|found| &found.node),
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            all.next().filter(|_| all.next().is_none()).map(|found| &found.node)
        }
    }
}

/// The variables that the operation declares, with its defaults.
fn variables_of(operation: &OperationDefinition, mut given: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut variables = Map::new();
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let name = definition.name.node.to_string();
        let default = || definition.default_value.as_ref().map(|value| const_json(value.node.clone()));
        let value = given.remove(&name).or_else(default);
        match value {
            Some(value) => {
                if !fits(&definition.var_type.node, &value) {
                    return Err(format!(
                        "Variable \"${name}\" of type \"{}\" got an invalid value.",
                        definition.var_type.node
                    ));
                }
                variables.insert(name, value);
            }
            None if !definition.var_type.node.nullable => {
                return Err(format!(
                    "Variable \"${name}\" of required type \"{}\" was not provided.",
                    definition.var_type.node
                ));
            }
            None => {}
        }
    }
    Ok(variables)
}

/// Whether a value can stand for a type. Scalars of our own take anything; one value stands for a list of one.
fn fits(of: &Type, value: &Value) -> bool {
    if value.is_null() {
        return of.nullable;
    }
    match &of.base {
        BaseType::List(inner) => match value {
            Value::Array(list) => list.iter().all(|item| fits(inner, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => fits(inner, value),
        },
        BaseType::Named(name) => match name.as_str() {
            "String" | "JSONString" => value.is_string(),
            "ID" => value.is_string() || value.is_i64() || value.is_u64(),
            "Int" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            _ => true,
        },
    }
}

fn const_json(value: ConstValue) -> Value {
    value.into_json().unwrap_or(Value::Null)
}

struct Execution<'a, R: Resolver> {
    document: &'a ExecutableDocument,
    variables: Map<String, Value>,
    resolver: &'a mut R,
    errors: Vec<Value>,
    path: Vec<Value>,
}

impl<R: Resolver> Execution<'_, R> {
    fn set(&mut self, of: &str, node: Option<&R::Node>, selected: &SelectionSet, into: &mut Map<String, Value>) {
        for item in &selected.items {
            match &item.node {
                Selection::Field(field) => {
                    if self.included(&field.node.directives) {
                        self.field(of, node, &field.node, into);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let document = self.document;
                    let fragment = document.fragments.get(&spread.node.fragment_name.node);
                    if let Some(fragment) = fragment.filter(|_| self.included(&spread.node.directives))
                        && schema().is(of, &fragment.node.type_condition.node.on.node)
                    {
                        self.set(of, node, &fragment.node.selection_set.node, into);
                    }
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    if self.included(&inline.node.directives) && on.is_none_or(|on| schema().is(of, &on.node.on.node)) {
                        self.set(of, node, &inline.node.selection_set.node, into);
                    }
                }
            }
        }
    }

    fn field(&mut self, of: &str, node: Option<&R::Node>, field: &Field, into: &mut Map<String, Value>) {
        let name = field.name.node.as_str();
        let key = field.response_key().node.as_str();
        if name == "__typename" {
            into.insert(key.to_owned(), Value::from(of));
            return;
        }
        let args = self.arguments(field);
        let set = &field.selection_set.node;
        if name == "__schema" || name == "__type" {
            let all = match args.text("name") {
                Some(name) => schema().describe(&name),
                None => schema().describe_all(),
            };
            into.insert(key.to_owned(), self.picked(&all, set));
            return;
        }
        let Some(known) = schema().field(of, name) else { return };
        let inner = schema::named(&known.ty.node);
        self.path.push(Value::from(key));
        let value = match self.resolver.resolve(of, node, name, &args) {
            Ok(out) => self.complete(inner, out, set, into.remove(key)),
            Err(message) => {
                self.errors.push(json!({ "message": message, "path": self.path }));
                Value::Null
            }
        };
        self.path.pop();
        into.insert(key.to_owned(), value);
    }

    /// `before` is what an earlier selection of the same field gave: both are merged.
    fn complete(&mut self, of: &str, out: Out<R::Node>, set: &SelectionSet, before: Option<Value>) -> Value {
        match out {
            Out::Leaf(value) => value,
            Out::Node(node) => {
                let mut into = match before {
                    Some(Value::Object(map)) => map,
                    _ => Map::new(),
                };
                self.set(self.resolver.concrete(of, &node), Some(&node), set, &mut into);
                Value::Object(into)
            }
            Out::List(items) => {
                let mut before = match before {
                    Some(Value::Array(list)) => list,
                    _ => Vec::new(),
                };
                let mut list = Vec::with_capacity(items.len());
                for (at, item) in items.into_iter().enumerate() {
                    self.path.push(Value::from(at));
                    let earlier = before.get_mut(at).map(Value::take);
                    list.push(self.complete(of, item, set, earlier));
                    self.path.pop();
                }
                Value::Array(list)
            }
        }
    }

    /// What a selection takes of a description of types, which is plain JSON.
    fn picked(&self, value: &Value, set: &SelectionSet) -> Value {
        match value {
            Value::Array(list) => list.iter().map(|item| self.picked(item, set)).collect(),
            Value::Object(map) if !set.items.is_empty() => {
                let mut into = Map::new();
                for item in &set.items {
                    match &item.node {
                        Selection::Field(field) => {
                            let inner = map.get(field.node.name.node.as_str()).unwrap_or(&Value::Null);
                            let key = field.node.response_key().node.to_string();
                            into.insert(key, self.picked(inner, &field.node.selection_set.node));
                        }
                        Selection::InlineFragment(inline) => {
                            if let Value::Object(more) = self.picked(value, &inline.node.selection_set.node) {
                                into.extend(more);
                            }
                        }
                        Selection::FragmentSpread(spread) => {
                            let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                            let more = fragment.map(|fragment| self.picked(value, &fragment.node.selection_set.node));
                            if let Some(Value::Object(more)) = more {
                                into.extend(more);
                            }
                        }
                    }
                }
                Value::Object(into)
            }
            Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.node.get_argument("if").and_then(|value| self.value(&value.node));
            let holds = condition.is_some_and(|value| value == Value::Bool(true));
            match directive.node.name.node.as_str() {
                "include" => holds,
                "skip" => !holds,
                _ => true,
            }
        })
    }

    fn arguments(&self, field: &Field) -> Args {
        let given = field.arguments.iter();
        Args(given.filter_map(|(name, value)| Some((name.node.to_string(), self.value(&value.node)?))).collect())
    }

    /// A value with its variables; none if it is a variable that was not given.
    fn value(&self, value: &QueryValue) -> Option<Value> {
        Some(match value {
            QueryValue::Variable(name) => self.variables.get(name.as_str())?.clone(),
            QueryValue::List(list) => list.iter().map(|item| self.value(item).unwrap_or(Value::Null)).collect(),
            QueryValue::Object(map) => {
                map.iter().filter_map(|(key, item)| Some((key.to_string(), self.value(item)?))).collect()
            }
            QueryValue::Null
            | QueryValue::Number(_)
            | QueryValue::String(_)
            | QueryValue::Boolean(_)
            | QueryValue::Binary(_)
            | QueryValue::Enum(_) => const_json(value.clone().into_const()?),
        })
    }
}

#[cfg(test)]
mod tests;
