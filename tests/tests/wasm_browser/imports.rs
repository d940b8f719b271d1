//! What the module asks of the page is listed and explained in `runtime-wasm/README.md`, all of it and nothing else.

use crate::stage::package;
use runwire_tests::official::workspace;
use std::{collections::BTreeSet, fs};

#[test]
fn every_import_is_explained() {
    let module = fs::read(package().0.join("web_bg.wasm")).expect("the package has a module");
    let asked: BTreeSet<String> =
        imports(&module).expect("the module is whole").iter().map(|name| plain(name)).collect();
    let readme = fs::read_to_string(workspace().join("runtime-wasm/README.md")).expect("it is there");
    let table =
        readme.split("## Imports").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section Imports");
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let explained: BTreeSet<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    let missing: Vec<&String> = asked.difference(&explained).collect();
    let stale: Vec<&String> = explained.difference(&asked).collect();
    assert!(missing.is_empty() && stale.is_empty(), "not explained: {missing:?}; not asked for: {stale:?}");
}

/// The name without what `wasm-bindgen` adds: a prefix, and a hash of sixteen digits.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("__wbg_").unwrap_or(name);
    match name.rsplit_once('_') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name.into(),
        Some(_) | None => name.into(),
    }
}

/// Names in section 2 of a module.
fn imports(module: &[u8]) -> Option<Vec<String>> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    loop {
        let kind = take(&mut rest, 1)?[0];
        let size = number(&mut rest)?;
        let mut section = take(&mut rest, size)?;
        if kind != 2 {
            continue;
        }
        let mut names = Vec::new();
        for _ in 0..number(&mut section)? {
            let module = number(&mut section)?;
            take(&mut section, module)?;
            let length = number(&mut section)?;
            names.push(String::from_utf8(take(&mut section, length)?.to_vec()).ok()?);
            // What it is: a function has the number of its type, and nothing else is asked for.
            if take(&mut section, 1)?[0] != 0 {
                return None;
            }
            number(&mut section)?;
        }
        return Some(names);
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
