//! From text to tree, by recursive descent with a bound on its depth.

use super::{
    GraphqlError,
    lex::{Kind, Token, fail, tokens},
    tree::{Definition, Directive, Document, Field, Fragment, Operation, Selection, Value, Variable},
};
use alloc::{format, string::String, vec::Vec};

/// Things inside each other; far more than any query has, far less than a stack holds.
const DEPTH_MAX: usize = 100;

/// Reads a document.
pub(super) fn document(text: &str) -> Result<Document<'_>, GraphqlError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let mut definitions = Vec::new();
    while parser.peek().kind != Kind::End {
        definitions.push(parser.definition()?);
    }
    if definitions.is_empty() {
        return Err(parser.unexpected("an operation"));
    }
    Ok(Document { definitions })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, GraphqlError>;

impl<'a> Parser<'a> {
    fn definition(&mut self) -> Parsed<Definition<'a>> {
        let first = self.peek();
        match (first.kind, first.text) {
            (Kind::Mark, "{") => Ok(Definition::Operation(Operation {
                kind: "query",
                name: None,
                variables: Vec::new(),
                directives: Vec::new(),
                selections: self.selections()?,
            })),
            (Kind::Name, "query" | "mutation" | "subscription") => {
                let kind = self.name()?;
                let name = if self.peek().kind == Kind::Name { Some(self.name()?) } else { None };
                Ok(Definition::Operation(Operation {
                    kind,
                    name,
                    variables: self.variables()?,
                    directives: self.directives()?,
                    selections: self.selections()?,
                }))
            }
            (Kind::Name, "fragment") => {
                self.name()?;
                if self.peek().text == "on" {
                    return Err(self.unexpected("the name of a fragment"));
                }
                let name = self.name()?;
                if self.peek().text != "on" {
                    return Err(self.unexpected("`on`"));
                }
                self.name()?;
                Ok(Definition::Fragment(Fragment {
                    name,
                    on: self.name()?,
                    directives: self.directives()?,
                    selections: self.selections()?,
                }))
            }
            _ => Err(self.unexpected("an operation or a fragment")),
        }
    }

    fn variables(&mut self) -> Parsed<Vec<Variable<'a>>> {
        self.some_in("(", ")", |parser| {
            parser.mark("$")?;
            let name = parser.name()?;
            parser.mark(":")?;
            let mut kind = String::new();
            parser.kind(&mut kind)?;
            let default = if parser.skip("=") { Some(parser.value()?) } else { None };
            Ok(Variable { name, kind, default, directives: parser.directives()? })
        })
    }

    fn kind(&mut self, out: &mut String) -> Parsed<()> {
        if self.skip("[") {
            out.push('[');
            self.deeper(|parser| parser.kind(out))?;
            self.mark("]")?;
            out.push(']');
        } else {
            out.push_str(self.name()?);
        }
        if self.skip("!") {
            out.push('!');
        }
        Ok(())
    }

    fn directives(&mut self) -> Parsed<Vec<Directive<'a>>> {
        let mut directives = Vec::new();
        while self.skip("@") {
            directives.push(Directive { name: self.name()?, arguments: self.arguments()? });
        }
        Ok(directives)
    }

    fn arguments(&mut self) -> Parsed<Vec<(&'a str, Value<'a>)>> {
        self.some_in("(", ")", Self::named_value)
    }

    fn named_value(&mut self) -> Parsed<(&'a str, Value<'a>)> {
        let name = self.name()?;
        self.mark(":")?;
        Ok((name, self.value()?))
    }

    fn value(&mut self) -> Parsed<Value<'a>> {
        let first = self.peek();
        match (first.kind, first.text) {
            (Kind::Name | Kind::Number | Kind::String, text) => {
                self.at += 1;
                Ok(Value::Literal(text))
            }
            (Kind::Mark, "$") => {
                self.at += 1;
                Ok(Value::Variable(self.name()?))
            }
            (Kind::Mark, "[") => self.deeper(|parser| parser.all_in("[", "]", Self::value)).map(Value::List),
            (Kind::Mark, "{") => self.deeper(|parser| parser.all_in("{", "}", Self::named_value)).map(Value::Object),
            (Kind::Mark | Kind::End, _) => Err(self.unexpected("a value")),
        }
    }

    fn selections(&mut self) -> Parsed<Vec<Selection<'a>>> {
        if self.peek().text != "{" {
            return Err(self.unexpected("`{`"));
        }
        self.deeper(|parser| parser.some_in("{", "}", Self::selection))
    }

    fn selection(&mut self) -> Parsed<Selection<'a>> {
        if self.skip("...") {
            let next = self.peek();
            return match (next.kind, next.text) {
                (Kind::Name, "on") => {
                    self.at += 1;
                    let on = Some(self.name()?);
                    Ok(Selection::Inline { on, directives: self.directives()?, selections: self.selections()? })
                }
                (Kind::Name, name) => {
                    self.at += 1;
                    Ok(Selection::Spread { name, directives: self.directives()? })
                }
                _ => Ok(Selection::Inline { on: None, directives: self.directives()?, selections: self.selections()? }),
            };
        }
        let first = self.name()?;
        let (alias, name) = if self.skip(":") { (Some(first), self.name()?) } else { (None, first) };
        Ok(Selection::Field(Field {
            alias,
            name,
            arguments: self.arguments()?,
            directives: self.directives()?,
            selections: if self.peek().text == "{" { self.selections()? } else { Vec::new() },
        }))
    }

    /// Nothing, or one thing or more between marks.
    fn some_in<T>(&mut self, open: &str, close: &str, one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.peek().text != open {
            return Ok(Vec::new());
        }
        let found = self.all_in(open, close, one)?;
        if found.is_empty() {
            self.at -= 1;
            return Err(self.unexpected("a name"));
        }
        Ok(found)
    }

    fn all_in<T>(&mut self, open: &str, close: &str, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.mark(open)?;
        let mut found = Vec::new();
        while !self.skip(close) {
            found.push(one(self)?);
        }
        Ok(found)
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(fail(self.text, self.peek().at, format!("more than {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).copied().unwrap_or(Token { kind: Kind::End, text: "", at: self.text.len() })
    }

    fn name(&mut self) -> Parsed<&'a str> {
        let token = self.peek();
        if token.kind != Kind::Name {
            return Err(self.unexpected("a name"));
        }
        self.at += 1;
        Ok(token.text)
    }

    fn mark(&mut self, mark: &str) -> Parsed<()> {
        if self.skip(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn skip(&mut self, mark: &str) -> bool {
        let found = self.peek();
        let is = found.kind == Kind::Mark && found.text == mark;
        self.at += usize::from(is);
        is
    }

    fn unexpected(&self, wanted: &str) -> GraphqlError {
        let found = self.peek();
        let shown: String = found.text.chars().take(40).collect();
        let what = match found.kind {
            Kind::End => format!("expected {wanted}, but the text ends"),
            Kind::Name | Kind::Number | Kind::String | Kind::Mark => format!("expected {wanted}, found `{shown}`"),
        };
        fail(self.text, found.at, what)
    }
}
