//! A document of operations and fragments. Texts are slices of the document that was read, numbers and strings with
//! their quotes and escapes as they were written.

use alloc::{string::String, vec::Vec};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document<'a> {
    pub(super) definitions: Vec<Definition<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Definition<'a> {
    Operation(Operation<'a>),
    Fragment(Fragment<'a>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation<'a> {
    /// `query`, `mutation` or `subscription`; a lone selection is a query.
    pub(super) kind: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) variables: Vec<Variable<'a>>,
    pub(super) directives: Vec<Directive<'a>>,
    pub(super) selections: Vec<Selection<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fragment<'a> {
    pub(super) name: &'a str,
    pub(super) on: &'a str,
    pub(super) directives: Vec<Directive<'a>>,
    pub(super) selections: Vec<Selection<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    /// The type as it is written, without spaces.
    pub(super) kind: String,
    pub(super) default: Option<Value<'a>>,
    pub(super) directives: Vec<Directive<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Directive<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Vec<(&'a str, Value<'a>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection<'a> {
    Field(Field<'a>),
    Spread { name: &'a str, directives: Vec<Directive<'a>> },
    Inline { on: Option<&'a str>, directives: Vec<Directive<'a>>, selections: Vec<Selection<'a>> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) alias: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) arguments: Vec<(&'a str, Value<'a>)>,
    pub(super) directives: Vec<Directive<'a>>,
    /// Empty for a leaf.
    pub(super) selections: Vec<Selection<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Variable(&'a str),
    /// A number, a string, a name (`true`, `null`, a member of an enum).
    Literal(&'a str),
    List(Vec<Value<'a>>),
    Object(Vec<(&'a str, Value<'a>)>),
}
