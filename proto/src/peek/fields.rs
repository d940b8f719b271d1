//! The field scanner: a message as a sequence of numbered values.
//!
//! Owns the wire format's varints, keys and lengths, as strict as prost's. It must not know any message.
use super::PeekError;

/// One value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Integers, booleans and enums (wire type 0).
    Varint(u64),
    /// `double`, `fixed64`, `sfixed64` (wire type 1), as bits.
    Fixed64(u64),
    /// Strings, bytes, messages and packed lists (wire type 2).
    Bytes(&'a [u8]),
    /// `float`, `fixed32`, `sfixed32` (wire type 5), as bits.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number in the schema, 1 or more.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
}

/// Iterates over the fields of one message in wire order. After an error it is at its end.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Scans `message`, a serialized message without its length.
    #[inline]
    pub fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    /// The bytes that were not scanned yet; they begin at a field.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all that is left is a sequence of well-formed fields.
    pub fn is_well_formed(mut self) -> bool {
        self.all(|field| field.is_ok())
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        match *self.rest {
            [first, ref rest @ ..] if first < 0x80 => {
                self.rest = rest;
                Some(u64::from(first))
            }
            // Keys of fields 16 to 2047, among them `value_json`, and lengths up to 16 KiB.
            [first, second, ref rest @ ..] if second < 0x80 => {
                self.rest = rest;
                Some(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte holds one bit.
                if index == 9 && byte > 1 {
                    return None;
                }
                self.rest = &self.rest[index + 1..];
                return Some(value);
            }
        }
        None
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(value)
    }

    #[inline(always)]
    fn field(&mut self) -> Result<Field<'a>, PeekError> {
        let key = self.varint().ok_or(PeekError::Malformed)?;
        let key = u32::try_from(key).map_err(|_| PeekError::Malformed)?;
        let number = key >> 3;
        if number == 0 {
            return Err(PeekError::Malformed);
        }
        let value = match key & 7 {
            0 => self.varint().map(Value::Varint),
            1 => self.take(8).and_then(|v| v.try_into().ok()).map(|v| Value::Fixed64(u64::from_le_bytes(v))),
            2 => {
                let length = self.varint().and_then(|length| usize::try_from(length).ok());
                length.and_then(|length| self.take(length)).map(Value::Bytes)
            }
            3 => return Err(PeekError::Unusual),
            5 => self.take(4).and_then(|v| v.try_into().ok()).map(|v| Value::Fixed32(u32::from_le_bytes(v))),
            _ => None,
        };
        Ok(Field { number, value: value.ok_or(PeekError::Malformed)? })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, PeekError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn scan(message: &[u8]) -> Result<Vec<Field<'_>>, PeekError> {
        Fields::new(message).collect()
    }

    #[test]
    fn every_wire_type_is_read() {
        let message = [
            0x08, 0xac, 0x02, // 1: varint 300
            0x11, 1, 0, 0, 0, 0, 0, 0, 0, // 2: fixed64
            0x1a, 2, b'h', b'i', // 3: bytes
            0x25, 2, 0, 0, 0, // 4: fixed32
            0xc2, 0x0c, 0, // 200: empty bytes
        ];
        let fields: Vec<_> = scan(&message).unwrap().into_iter().map(|f| (f.number, f.value)).collect();
        let expected = [
            (1, Value::Varint(300)),
            (2, Value::Fixed64(1)),
            (3, Value::Bytes(b"hi")),
            (4, Value::Fixed32(2)),
            (200, Value::Bytes(b"")),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn malformed_input_ends_the_scan() {
        let bad: [&[u8]; 9] = [
            &[0x80],                                                             // cut key
            &[0x00, 0x00],                                                       // field number 0
            &[0x08],                                                             // no value
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], // 65 bits
            &[0x12, 3, b'a'],                                                    // length past the end
            &[0x0e],                                                             // wire type 6
            &[0x0c],                                                             // end of a group
            &[0x11, 0, 0],                                                       // short fixed64
            &[0x88, 0x80, 0x80, 0x80, 0x10, 0],                                  // key over 32 bits
        ];
        for message in bad {
            assert_eq!(scan(message), Err(PeekError::Malformed), "{message:x?}");
            assert!(!Fields::new(message).is_well_formed());
            let mut fields = Fields::new(message);
            assert!(fields.next().is_some());
            assert!(fields.next().is_none());
        }
        assert_eq!(scan(&[0x0b, 0x0c]), Err(PeekError::Unusual));
    }
}
