//! What a reader tells about bytes that are lost.
use core::fmt;

/// A stretch of a log that holds no readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// File offset of the first lost byte.
    pub offset: u64,
    /// Bytes that were skipped; 0 when the damage was repaired.
    pub length: u64,
    /// Records missing between the records before and after the damage by their `Record.num`; `None` where the numbers
    /// do not tell, as at the end of a file.
    pub records_lost_estimate: Option<u64>,
    /// What was found first in the stretch.
    pub kind: DamageKind,
}

/// What is wrong at the start of a damaged stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A chunk's checksum does not fit its content.
    Checksum,
    /// A chunk's length was wrong; another one fits the checksum. Nothing is lost.
    LengthRepaired {
        /// Payload bytes by the file.
        stored: u16,
        /// Payload bytes by the checksum.
        actual: u16,
    },
    /// A chunk's length reaches past the end of its block.
    BadLength {
        /// Payload bytes by the file.
        length: u16,
    },
    /// Zeros where a chunk should be.
    Zeroed,
    /// A chunk of a type that this version does not know.
    UnknownType {
        /// The type byte.
        chunk_type: u8,
    },
    /// A middle or last part of a record without the parts before it.
    Orphan,
    /// A record that another record begins in.
    Unfinished,
    /// The file ends inside a record.
    Truncated,
}

impl DamageKind {
    /// A name for programs; it does not change with the wording of the text.
    pub fn name(self) -> &'static str {
        match self {
            DamageKind::Checksum => "checksum",
            DamageKind::LengthRepaired { .. } => "length_repaired",
            DamageKind::BadLength { .. } => "bad_length",
            DamageKind::Zeroed => "zeroed",
            DamageKind::UnknownType { .. } => "unknown_type",
            DamageKind::Orphan => "orphan",
            DamageKind::Unfinished => "unfinished",
            DamageKind::Truncated => "truncated",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let DamageKind::LengthRepaired { .. } = self.kind {
            return write!(f, "repaired at offset {}, nothing is lost: {}", self.offset, self.kind);
        }
        write!(f, "{} bytes lost at offset {}: {}", self.length, self.offset, self.kind)?;
        match self.records_lost_estimate {
            Some(1) => write!(f, "; 1 record is missing"),
            Some(records) => write!(f, "; {records} records are missing"),
            None => write!(f, "; the number of missing records is unknown"),
        }
    }
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DamageKind::Checksum => f.write_str("wrong checksum"),
            DamageKind::LengthRepaired { stored, actual } => {
                write!(f, "a chunk length of {stored} that must be {actual}")
            }
            DamageKind::BadLength { length } => write!(f, "chunk too long ({length})"),
            DamageKind::Zeroed => f.write_str("zeros in place of records"),
            DamageKind::UnknownType { chunk_type } => write!(f, "unknown chunk type {chunk_type}"),
            DamageKind::Orphan => f.write_str("a part of a record without its beginning"),
            DamageKind::Unfinished => f.write_str("a record without its end"),
            DamageKind::Truncated => f.write_str("the file ends inside a record"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_names_offset_and_loss() {
        let damage = Damage { offset: 531, length: 151, records_lost_estimate: Some(1), kind: DamageKind::Checksum };
        assert_eq!(damage.to_string(), "151 bytes lost at offset 531: wrong checksum; 1 record is missing");
        let kind = DamageKind::LengthRepaired { stored: 128, actual: 144 };
        let damage = Damage { offset: 531, length: 0, records_lost_estimate: Some(0), kind };
        assert!(damage.to_string().starts_with("repaired at offset 531"));
    }
}
