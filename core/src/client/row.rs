//! A row from numbers, or from anything that serde can serialise.

use super::json_text;
use crate::json;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire;
use serde::Serialize;

/// The values of one row, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    items: Vec<(String, String)>,
}

/// Why something is not a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Only structs and maps have names for their values.
    #[error("a row must be a struct or a map, so that each value has a name")]
    NoNames,
    /// serde refused.
    #[error("the row can't be serialised: {0}")]
    Serialise(String),
}

impl Row {
    /// A row without values.
    pub fn new() -> Self {
        Row::default()
    }

    /// Adds a number.
    pub fn push(&mut self, key: &str, value: f64) {
        let mut text = String::new();
        json::write_f64(value, &mut text);
        self.items.push((key.into(), text));
    }

    /// Adds a value by its JSON text, which the caller vouches for. Numbers that JSON lacks are bare tokens.
    pub fn push_json(&mut self, key: &str, text: &str) {
        self.items.push((key.into(), text.into()));
    }

    /// A row with the fields of a struct, or the entries of a map. Floats may be NaN or infinite at any
    /// depth.
    pub fn from_serialize(value: &impl Serialize) -> Result<Self, RowError> {
        let items = top_level::items(value)?;
        Ok(Row { items })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Names and JSON texts.
    pub fn items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }

    pub(super) fn into_items(self) -> Vec<wire::HistoryItem> {
        let item = |(key, value_json)| wire::HistoryItem { key, value_json, ..Default::default() };
        self.items.into_iter().map(item).collect()
    }
}

/// The JSON text of a value, for the config and the summary; a float that is not finite is a bare token.
pub fn to_json(value: &impl Serialize) -> Result<String, RowError> {
    top_level::text(value)
}

mod top_level {
    use super::{RowError, Serialize, String, ToString, Vec, json_text};
    use alloc::string::String as Text;
    use serde::ser::{Impossible, SerializeMap, SerializeStruct, Serializer};

    /// Text of one value.
    pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Text, RowError> {
        let mut out = Text::new();
        json_text::write(value, &mut out)?;
        Ok(out)
    }

    pub(super) fn items<T: Serialize + ?Sized>(value: &T) -> Result<Vec<(String, String)>, RowError> {
        value.serialize(Names).map_err(|error| error.0.unwrap_or(RowError::NoNames))
    }

    /// An error of the two small serialisers: `None` means "not this shape".
    #[derive(Debug)]
    pub(super) struct NotIt(Option<RowError>);

    impl core::fmt::Display for NotIt {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("another shape")
        }
    }

    impl core::error::Error for NotIt {}

    impl serde::ser::Error for NotIt {
        fn custom<T: core::fmt::Display>(message: T) -> Self {
            NotIt(Some(RowError::Serialise(message.to_string())))
        }
    }

    macro_rules! refuse {
        ($($method:ident($($type:ty),*);)*) => {
            $(fn $method(self, $(_: $type),*) -> Result<Self::Ok, NotIt> { Err(NotIt(None)) })*
        };
    }

    macro_rules! refuse_common {
        () => {
            refuse! {
                serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
                serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
                serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
                serialize_unit(); serialize_unit_struct(&'static str);
                serialize_unit_variant(&'static str, u32, &'static str);
            }
            fn serialize_newtype_variant<T: Serialize + ?Sized>(
                self,
                _: &'static str,
                _: u32,
                _: &'static str,
                _: &T,
            ) -> Result<Self::Ok, NotIt> {
                Err(NotIt(None))
            }
            fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, NotIt> {
                value.serialize(self)
            }
            fn serialize_newtype_struct<T: Serialize + ?Sized>(
                self,
                _: &'static str,
                value: &T,
            ) -> Result<Self::Ok, NotIt> {
                value.serialize(self)
            }
            fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotIt> {
                Err(NotIt(None))
            }
            fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotIt> {
                Err(NotIt(None))
            }
            fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, NotIt> {
                Err(NotIt(None))
            }
            fn serialize_tuple_variant(
                self,
                _: &'static str,
                _: u32,
                _: &'static str,
                _: usize,
            ) -> Result<Self::SerializeTupleVariant, NotIt> {
                Err(NotIt(None))
            }
            fn serialize_struct_variant(
                self,
                _: &'static str,
                _: u32,
                _: &'static str,
                _: usize,
            ) -> Result<Self::SerializeStructVariant, NotIt> {
                Err(NotIt(None))
            }
        };
    }

    /// Takes the names of the top level apart.
    struct Names;

    #[derive(Default)]
    struct Fields {
        items: Vec<(String, String)>,
        key: String,
    }

    impl Serializer for Names {
        type Ok = Vec<(String, String)>;
        type Error = NotIt;
        type SerializeSeq = Impossible<Self::Ok, NotIt>;
        type SerializeTuple = Impossible<Self::Ok, NotIt>;
        type SerializeTupleStruct = Impossible<Self::Ok, NotIt>;
        type SerializeTupleVariant = Impossible<Self::Ok, NotIt>;
        type SerializeMap = Fields;
        type SerializeStruct = Fields;
        type SerializeStructVariant = Impossible<Self::Ok, NotIt>;
        refuse_common!();
        refuse! { serialize_f32(f32); serialize_f64(f64); }
        fn serialize_map(self, _: Option<usize>) -> Result<Fields, NotIt> {
            Ok(Fields::default())
        }
        fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, NotIt> {
            Ok(Fields::default())
        }
    }

    impl SerializeMap for Fields {
        type Ok = Vec<(String, String)>;
        type Error = NotIt;
        fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotIt> {
            self.key = json_text::key_text(key).map_err(|error| NotIt(Some(error)))?;
            Ok(())
        }
        fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotIt> {
            let text = text(value).map_err(|error| NotIt(Some(error)))?;
            self.items.push((core::mem::take(&mut self.key), text));
            Ok(())
        }
        fn end(self) -> Result<Self::Ok, NotIt> {
            Ok(self.items)
        }
    }

    impl SerializeStruct for Fields {
        type Ok = Vec<(String, String)>;
        type Error = NotIt;
        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NotIt> {
            self.items.push((key.into(), text(value).map_err(|error| NotIt(Some(error)))?));
            Ok(())
        }
        fn end(self) -> Result<Self::Ok, NotIt> {
            Ok(self.items)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeMap, vec};

    #[derive(Serialize)]
    struct Sample {
        loss: f64,
        label: &'static str,
        nested: BTreeMap<&'static str, f32>,
        missing: Option<f64>,
    }

    #[test]
    fn a_struct_is_a_row_and_nan_stays_nan() {
        let sample = Sample {
            loss: f64::NAN,
            label: "a\"b",
            nested: BTreeMap::from([("x", f32::NAN)]),
            missing: Some(f64::INFINITY),
        };
        let row = Row::from_serialize(&sample).unwrap();
        let items: Vec<_> = row.items().collect();
        let expected =
            vec![("loss", "NaN"), ("label", "\"a\\\"b\""), ("nested", "{\"x\":NaN}"), ("missing", "Infinity")];
        assert_eq!(items, expected);
    }

    #[test]
    fn a_map_is_a_row_and_a_number_is_not() {
        assert_eq!(Row::from_serialize(&BTreeMap::from([("a", 1.5)])).unwrap().len(), 1);
        assert_eq!(Row::from_serialize(&1.5), Err(RowError::NoNames));
        assert_eq!(Row::from_serialize(&vec![1]), Err(RowError::NoNames));
        assert_eq!(to_json(&f32::NEG_INFINITY).unwrap(), "-Infinity");
    }
}
