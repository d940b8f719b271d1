//! The JSON text of anything that serde can serialise, with the protocol's bare `NaN`, `Infinity` and `-Infinity` at any
//! depth, where `serde_json` writes `null`.
//!
//! It must not know rows. Numbers and strings are laid out as `serde_json` does it.

use super::RowError;
use crate::json;
use alloc::string::{String, ToString};
use serde::{Serialize, Serializer, ser};

/// Appends the text of a value.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, out: &mut String) -> Result<(), RowError> {
    value.serialize(Text { out }).map_err(|Refused(why)| RowError::Serialise(why))
}

/// What serde says when it refuses.
#[derive(Debug)]
pub(super) struct Refused(String);

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: core::fmt::Display>(message: T) -> Self {
        Refused(message.to_string())
    }
}

struct Text<'o> {
    out: &'o mut String,
}

/// A list or an object that is being written.
struct Open<'o> {
    out: &'o mut String,
    is_empty: bool,
    close: &'static str,
}

impl<'o> Open<'o> {
    fn next(&mut self) -> Text<'_> {
        if !core::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
        Text { out: self.out }
    }

    fn named(&mut self, name: &str) -> Text<'_> {
        let text = self.next();
        json::write_string(name, text.out);
        text.out.push(':');
        text
    }

    fn end(self) -> Result<(), Refused> {
        self.out.push_str(self.close);
        Ok(())
    }
}

impl<'o> Text<'o> {
    /// A value that `serde_json` lays out as the protocol wants it.
    fn plain(self, value: impl Serialize) -> Result<(), Refused> {
        let text = serde_json::to_string(&value).map_err(|error| Refused(error.to_string()))?;
        self.out.push_str(&text);
        Ok(())
    }

    fn open(self, open: &str, close: &'static str) -> Open<'o> {
        self.out.push_str(open);
        Open { out: self.out, is_empty: true, close }
    }

    /// `{"variant":` and what follows it.
    fn variant(self, name: &str, open: &str, close: &'static str) -> Open<'o> {
        self.out.push('{');
        json::write_string(name, self.out);
        self.out.push(':');
        self.open(open, close)
    }
}

macro_rules! plain {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<(), Refused> { self.plain(value) })*
    };
}

impl<'o> Serializer for Text<'o> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Open<'o>;
    type SerializeTuple = Open<'o>;
    type SerializeTupleStruct = Open<'o>;
    type SerializeTupleVariant = Open<'o>;
    type SerializeMap = Open<'o>;
    type SerializeStruct = Open<'o>;
    type SerializeStructVariant = Open<'o>;

    plain! {
        serialize_bool(bool); serialize_char(char);
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64); serialize_i128(i128);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_u128(u128);
        serialize_bytes(&[u8]);
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        // A short number of 32 bits is not short with 64.
        if value.is_finite() { self.plain(value) } else { self.serialize_f64(value.into()) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        if value.is_finite() {
            return self.plain(value);
        }
        json::write_f64(value, self.out);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        json::write_string(value, self.out);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Refused> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        let mut open = self.open("{", "}");
        value.serialize(open.named(variant))?;
        open.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'o>, Refused> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'o>, Refused> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'o>, Refused> {
        Ok(self.open("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'o>, Refused> {
        Ok(self.variant(variant, "[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'o>, Refused> {
        Ok(self.open("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'o>, Refused> {
        Ok(self.open("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'o>, Refused> {
        Ok(self.variant(variant, "{", "}}"))
    }
}

/// The name that a map's key has as text: strings as they are, numbers and the like as their JSON.
pub(super) fn key_text<T: Serialize + ?Sized>(key: &T) -> Result<String, RowError> {
    match serde_json::to_value(key) {
        Ok(serde_json::Value::String(key)) => Ok(key),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(RowError::Serialise(error.to_string())),
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident;)*) => {
        $(impl ser::$trait for Open<'_> {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                value.serialize(self.next())
            }
            fn end(self) -> Result<(), Refused> {
                Open::end(self)
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)*) => {
        $(impl ser::$trait for Open<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Refused> {
                value.serialize(self.named(key))
            }
            fn end(self) -> Result<(), Refused> {
                Open::end(self)
            }
        })*
    };
}

fields! { SerializeStruct; SerializeStructVariant; }

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        let key = key_text(key).map_err(|error| Refused(error.to_string()))?;
        self.named(&key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(Text { out: self.out })
    }

    fn end(self) -> Result<(), Refused> {
        Open::end(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeMap, vec, vec::Vec};

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(f64),
        Pair(i8, f32),
        Named { deep: Vec<Option<f64>> },
    }

    fn text(value: &impl Serialize) -> String {
        let mut out = String::new();
        write(value, &mut out).unwrap();
        out
    }

    #[test]
    fn numbers_that_json_lacks_are_bare_at_any_depth() {
        let shapes = vec![
            Shape::Unit,
            Shape::New(f64::NAN),
            Shape::Pair(-1, f32::INFINITY),
            Shape::Named { deep: vec![None, Some(f64::NEG_INFINITY), Some(0.5)] },
        ];
        let expected = r#"["Unit",{"New":NaN},{"Pair":[-1,Infinity]},{"Named":{"deep":[null,-Infinity,0.5]}}]"#;
        assert_eq!(text(&shapes), expected);
    }

    #[test]
    fn what_json_has_is_written_as_serde_json_does_it() {
        let finite = (
            ("a\"\n\u{1}é", 'x', true, ()),
            (0.1_f32, 1.0_f64, 1e300_f64, -0.0_f64, u64::MAX, i128::MIN),
            BTreeMap::from([(1, Some("one")), (2, None)]),
            Shape::Pair(1, 2.5),
            BTreeMap::<String, u8>::new(),
        );
        assert_eq!(text(&finite), serde_json::to_string(&finite).unwrap());
    }
}
