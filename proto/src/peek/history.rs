//! The items of one logged step, as slices of the message.
//!
//! Owns the walk over a [`PartialHistoryRequest`](crate::wire::PartialHistoryRequest). It must not know how steps are
//! put together.
use super::{Field, Fields, PeekError, Value, text};

/// Iterates over the items of a serialized [`PartialHistoryRequest`](crate::wire::PartialHistoryRequest), in wire order.
///
/// A serialized [`HistoryRecord`](crate::wire::HistoryRecord) has items and step at the same field numbers and can be
/// walked too; its `flush` is `None`.
#[derive(Clone, Debug)]
pub struct PartialHistory<'a> {
    /// `step.num`; `None` when the client left the step to the service.
    pub step: Option<i64>,
    /// `action.flush`; `None` when the client gave no action.
    pub flush: Option<bool>,
    fields: Fields<'a>,
}

/// One [`HistoryItem`](crate::wire::HistoryItem).
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// `key`, empty when `nested` is used.
    pub key: &'a str,
    /// `nested_key`, the path of a key inside dictionaries.
    pub nested: Nested<'a>,
    /// `value_json`: the value as JSON text (with `NaN`, `Infinity`, `-Infinity` as tokens); empty when absent.
    pub value_json: &'a str,
    /// The `value` oneof.
    pub typed: Option<Typed<'a>>,
}

/// The `value` oneof of a [`HistoryItem`](crate::wire::HistoryItem).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Typed<'a> {
    /// `none`
    Null,
    /// `boolean`
    Boolean(bool),
    /// `integer`
    Integer(i64),
    /// `number`
    Number(f64),
    /// `text`
    Text(&'a str),
    /// `json`: JSON text.
    Json(&'a str),
}

/// The parts of a nested key, outermost first.
#[derive(Clone, Debug)]
pub struct Nested<'a> {
    fields: Fields<'a>,
    left: usize,
}

const NESTED_KEY: u32 = 2;

impl<'a> PartialHistory<'a> {
    /// Reads `step` and `flush` of a serialized request; the items are read by iterating.
    ///
    /// # Errors
    /// See [`PeekError`].
    pub fn new(body: &'a [u8]) -> Result<PartialHistory<'a>, PeekError> {
        let mut step = None;
        let mut flush = None;
        for field in Fields::new(body) {
            let field = field?;
            match (field.number, field.value) {
                (2, Value::Bytes(body)) => step = Some(first_varint(body, step.unwrap_or(0))?),
                (3, Value::Bytes(body)) => flush = Some(first_varint(body, flush.unwrap_or(0))?),
                (1 | 200, Value::Bytes(_)) => {}
                (1..=3 | 200, _) => return Err(PeekError::WrongType { number: field.number }),
                _ => {}
            }
        }
        let flush = flush.map(|flush| flush != 0);
        Ok(PartialHistory { step: step.map(|step| step as i64), flush, fields: Fields::new(body) })
    }
}

/// Field 1 of `HistoryStep` and `HistoryAction`, the only one they have; `before` is what an earlier part said.
fn first_varint(message: &[u8], before: u64) -> Result<u64, PeekError> {
    let mut last = before;
    for field in Fields::new(message) {
        match field? {
            Field { number: 1, value: Value::Varint(value) } => last = value,
            Field { number: 1, .. } => return Err(PeekError::WrongType { number: 1 }),
            _ => {}
        }
    }
    Ok(last)
}

impl<'a> Iterator for PartialHistory<'a> {
    type Item = Result<Item<'a>, PeekError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.fields.next()? {
                Ok(Field { number: 1, value: Value::Bytes(item) }) => return Some(Item::read(item)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<'a> Item<'a> {
    #[inline]
    fn read(item: &'a [u8]) -> Result<Item<'a>, PeekError> {
        let mut key = "";
        let mut value_json = "";
        let mut typed = None;
        let mut nested = Nested { fields: Fields::new(&[]), left: 0 };
        let mut fields = Fields::new(item);
        loop {
            let at = fields.rest();
            let Some(field) = fields.next() else { break };
            let Field { number, value } = field?;
            match (number, value) {
                (1, Value::Bytes(bytes)) => key = text(number, bytes)?,
                (16, Value::Bytes(bytes)) => value_json = text(number, bytes)?,
                (NESTED_KEY, Value::Bytes(bytes)) => {
                    text(number, bytes)?;
                    if nested.left == 0 {
                        nested.fields = Fields::new(at);
                    }
                    nested.left += 1;
                }
                (3, Value::Varint(_)) => typed = Some(Typed::Null),
                (4, Value::Varint(on)) => typed = Some(Typed::Boolean(on != 0)),
                (5, Value::Varint(zigzag)) => {
                    typed = Some(Typed::Integer((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)));
                }
                (6, Value::Fixed64(bits)) => typed = Some(Typed::Number(f64::from_bits(bits))),
                (7, Value::Bytes(bytes)) => typed = Some(Typed::Text(text(number, bytes)?)),
                (8, Value::Bytes(bytes)) => typed = Some(Typed::Json(text(number, bytes)?)),
                (1..=8 | 16, _) => return Err(PeekError::WrongType { number }),
                _ => {}
            }
        }
        Ok(Item { key, nested, value_json, typed })
    }
}

impl<'a> Iterator for Nested<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        while self.left > 0 {
            // All of it was read once already, so that neither the scan nor the text can fail.
            let field = self.fields.next()?.ok()?;
            if let Field { number: NESTED_KEY, value: Value::Bytes(part) } = field {
                self.left -= 1;
                return core::str::from_utf8(part).ok();
            }
        }
        None
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Nested<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;
    use prost::Message;

    #[test]
    fn items_come_as_slices_in_order() {
        let request = wire::PartialHistoryRequest {
            item: vec![
                wire::HistoryItem { key: "loss".to_string(), value_json: "0.5".to_string(), ..Default::default() },
                wire::HistoryItem {
                    nested_key: vec!["a".to_string(), alloc::string::String::new(), "ü".to_string()],
                    value: Some(wire::history_item::Value::Integer(-3)),
                    ..Default::default()
                },
            ],
            step: Some(wire::HistoryStep { num: -1 }),
            action: Some(wire::HistoryAction { flush: false }),
            ..Default::default()
        };
        let body = request.encode_to_vec();
        let history = PartialHistory::new(&body).unwrap();
        assert_eq!((history.step, history.flush), (Some(-1), Some(false)));
        let items: Vec<_> = history.map(Result::unwrap).collect();
        assert_eq!((items[0].key, items[0].value_json, items[0].nested.len()), ("loss", "0.5", 0));
        assert_eq!(items[1].nested.clone().collect::<Vec<_>>(), ["a", "", "ü"]);
        assert_eq!(items[1].typed, Some(Typed::Integer(-3)));
        assert_eq!(items.len(), 2);
    }

    #[test]
    fn absent_step_and_action_are_told_from_zero() {
        let history = PartialHistory::new(&[]).unwrap();
        assert_eq!((history.step, history.flush), (None, None));
        let history = PartialHistory::new(&[0x12, 0, 0x1a, 0]).unwrap();
        assert_eq!((history.step, history.flush), (Some(0), Some(false)));
        // Two parts of one step merge: the second says nothing about the number.
        let history = PartialHistory::new(&[0x12, 2, 8, 5, 0x12, 0]).unwrap();
        assert_eq!(history.step, Some(5));
    }

    #[test]
    fn bad_items_are_errors() {
        let item = |bytes: &[u8]| {
            let mut body = vec![0x0a, bytes.len() as u8];
            body.extend_from_slice(bytes);
            PartialHistory::new(&body).unwrap().next().unwrap().map(|item| item.key.len())
        };
        assert_eq!(item(&[0x0a, 1, 0xff]), Err(PeekError::NotUtf8 { number: 1 }));
        assert_eq!(item(&[0x12, 1, 0xff]), Err(PeekError::NotUtf8 { number: 2 }));
        assert_eq!(item(&[0x08, 1]), Err(PeekError::WrongType { number: 1 }));
        assert_eq!(item(&[0x31, 1]), Err(PeekError::Malformed));
        assert_eq!(item(&[0x0a, 1, b'k']), Ok(1));
    }
}
