//! The seven bytes at the start of a log.

const IDENTIFIER: [u8; 4] = *b":W&B";
const MAGIC: u16 = 0xbee1;
const VERSION: u8 = 0;

/// The file header: identifier `:W&B`, magic `0xBEE1` (little endian), version 0.
pub const FILE_HEADER: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, VERSION];

/// Why a file is no log that can be read. [`LogReader::at`](super::LogReader::at) reads on regardless, from an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The file does not begin with `:W&B`.
    #[error(
        "not a W&B transaction log: it begins with {} (\"{}\") instead of 3A572642 (\":W&B\"); check the path",
        Hex(found), found.escape_ascii()
    )]
    BadIdentifier {
        /// Bytes 0 to 3.
        found: [u8; 4],
    },
    /// The identifier is right but the magic number is not.
    #[error("the header of this W&B transaction log is damaged: magic {found:04X} instead of BEE1")]
    BadMagic {
        /// Bytes 4 and 5, little endian.
        found: u16,
    },
    /// The file was written by a newer version.
    #[error("this W&B transaction log has format version {found}, newer than {VERSION}: update to read it")]
    NewerVersion {
        /// Byte 6.
        found: u8,
    },
}

struct Hex<'a>(&'a [u8]);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Checks the file header.
pub(super) fn check(bytes: [u8; FILE_HEADER.len()]) -> Result<(), HeaderError> {
    let [a, b, c, d, low, high, version] = bytes;
    let magic = u16::from_le_bytes([low, high]);
    if [a, b, c, d] != IDENTIFIER {
        Err(HeaderError::BadIdentifier { found: [a, b, c, d] })
    } else if magic != MAGIC {
        Err(HeaderError::BadMagic { found: magic })
    } else if version != VERSION {
        Err(HeaderError::NewerVersion { found: version })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn each_part_has_its_error_in_hex() {
        assert_eq!(check(FILE_HEADER), Ok(()));
        let text = |at: usize, byte: u8| {
            let mut header = FILE_HEADER;
            header[at] = byte;
            check(header).unwrap_err().to_string()
        };
        assert!(text(1, b'X').contains("3A582642 (\":X&B\")"), "{}", text(1, b'X'));
        assert!(text(4, 0xe2).contains("BEE2"));
        assert!(text(6, 1).contains("newer"));
    }
}
