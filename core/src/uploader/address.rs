//! Where a file goes, in the server's own words: the address and the headers of an upload.

use crate::net::Header;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// The whole address. One without a host belongs to the server at `base`, for storage that the server stands in front of.
/// Characters that an address may not have are escaped; escapes that are there stay.
pub(super) fn resolve(base: &str, given: &str) -> Result<String, String> {
    let given = given.trim();
    let (origin, prefix) = split_base(base);
    let whole = if given.is_empty() {
        return Err("the server gave an empty address for it".into());
    } else if let Some(rest) = given.strip_prefix("//") {
        let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
        format!("{scheme}://{rest}")
    } else if let Some(scheme) = scheme(given) {
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(format!("the server gave an address that begins with '{scheme}:', which cannot be used"));
        }
        given.to_string()
    } else if let Some(rest) = given.strip_prefix('/') {
        let is_under_prefix = !prefix.is_empty() && given.strip_prefix(prefix).is_some_and(|r| r.starts_with('/'));
        if is_under_prefix { format!("{origin}{given}") } else { format!("{base}/{rest}") }
    } else {
        format!("{base}/{given}")
    };
    Ok(escape(&whole))
}

/// Reads `Key: Value` entries. What is not a header, or is the business of the connection, is counted and left out.
pub(super) fn headers<'a>(entries: impl Iterator<Item = &'a str>) -> (Vec<Header>, usize) {
    let (mut good, mut bad) = (Vec::new(), 0);
    for entry in entries {
        match header(entry) {
            Some(header) => good.push(header),
            None => bad += 1,
        }
    }
    (good, bad)
}

fn header(entry: &str) -> Option<Header> {
    let (name, value) = entry.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let is_of_connection =
        ["content-length", "host", "transfer-encoding", "connection"].iter().any(|own| name.eq_ignore_ascii_case(own));
    let is_safe = !name.is_empty() && name.bytes().all(is_token) && !value.contains(|c: char| c.is_control());
    (is_safe && !is_of_connection).then(|| Header::new(name, value))
}

/// Origin and path of the server's address.
fn split_base(base: &str) -> (&str, &str) {
    let start = base.find("://").map_or(0, |at| at + 3);
    base.split_at(base[start..].find('/').map_or(base.len(), |at| start + at))
}

fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some(scheme)
}

fn escape(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let bytes = url.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let hex = |n: usize| bytes.get(at + n).is_some_and(u8::is_ascii_hexdigit);
        let stays = match byte {
            b'%' => hex(1) && hex(2),
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            byte => byte.is_ascii_graphic(),
        };
        if stays {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_belongs_to_the_server() {
        let cases = [
            ("https://store/b/f?X-Sig=a%2Fb+c", "https://store/b/f?X-Sig=a%2Fb+c"),
            ("/s/f.txt", "http://h:1/sub/s/f.txt"),
            ("/sub/s/f.txt", "http://h:1/sub/s/f.txt"),
            ("/subway/f", "http://h:1/sub/subway/f"),
            ("s/f.txt", "http://h:1/sub/s/f.txt"),
            ("//store/f", "http://store/f"),
            ("http://h/s/d\u{e9} p.txt", "http://h/s/d%C3%A9%20p.txt"),
            ("http://h/%\u{e9}%4", "http://h/%25%C3%A9%254"),
            ("s/a:b", "http://h:1/sub/s/a:b"),
        ];
        for (given, whole) in cases {
            assert_eq!(resolve("http://h:1/sub", given).as_deref(), Ok(whole));
        }
        assert_eq!(resolve("http://h", "/x").as_deref(), Ok("http://h/x"));
        for bad in ["", " ", "ftp://h/f", "file:///etc/passwd"] {
            assert!(resolve("http://h", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_those_with_a_colon_that_say_nothing_about_the_connection() {
        let given = [
            "X-Up: v1",
            "Content-Type:text/zzz",
            "bad",
            ": x",
            "a b: c",
            "Host: evil",
            "content-length: 1",
            "n: a\r\nb",
        ];
        let (good, bad) = headers(given.into_iter());
        assert_eq!(good, [Header::new("X-Up", "v1"), Header::new("Content-Type", "text/zzz")]);
        assert_eq!(bad, 6);
    }
}
