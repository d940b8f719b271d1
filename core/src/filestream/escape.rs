//! A line as an element of a push's list.

use alloc::vec::Vec;

/// Bytes that can't stand in a JSON string as they are.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Appends `line` as a JSON string and a comma; returns how many bytes that are.
pub(super) fn push_element(line: &str, out: &mut Vec<u8>) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let before = out.len();
    // Rows are full of quotes: room for them is made once.
    out.reserve(line.len() + line.len() / 4 + 3);
    out.push(b'"');
    let mut rest = line.as_bytes();
    while let Some(at) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let digits = [b'\\', b'u', b'0', b'0', HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]];
                out.extend_from_slice(&digits);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\",");
    out.len() - before
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_comes_out_as_it_went_in(line in "(\\PC|[\u{0}-\u{1f}\"\\\\\u{7f}]){0,80}") {
            let mut out = b"x".to_vec();
            let len = push_element(&line, &mut out);
            prop_assert_eq!(len + 1, out.len());
            let text = core::str::from_utf8(&out[1..out.len() - 1]).expect("UTF-8");
            prop_assert_eq!(serde_json::from_str::<alloc::string::String>(text).expect("JSON"), line);
        }
    }
}
