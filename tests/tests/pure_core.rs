//! The core asks nothing of the world: linked as a WebAssembly module it has no imports.
//!
//! The module is `tests/pure`. Owns a reader of the one section that matters; knows nothing of what the core does.

use runwire_tests::official::workspace;
use std::{env, fs, path::Path, process::Command};

const TARGET: &str = "wasm32-unknown-unknown";

#[test]
fn the_core_imports_nothing() {
    let module = fs::read(build()).expect("cargo has just written the module");
    let parts = read_module(&module).expect("the linker writes well-formed modules");
    assert!(
        parts.exports.iter().any(|name| name == "drive"),
        "the module does not hold the engine: {:?}",
        parts.exports
    );
    assert!(parts.imports.is_empty(), "the core asks the world for:\n  {}", parts.imports.join("\n  "));
}

#[test]
fn an_import_would_be_seen() {
    // (module (import "env" "now" (func)) (export "f" (func 0)))
    let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0b\x01\x03env\x03now\0\0\x07\x05\x01\x01f\0\0";
    let parts = read_module(module).expect("the module is well-formed");
    assert_eq!(parts.imports, ["env.now"]);
    assert_eq!(parts.exports, ["f"]);
    assert!(read_module(&module[..module.len() - 1]).is_none(), "a cut module is not read as a whole one");
}

/// Builds `tests/pure` in the target folder of this test and returns the module's path.
fn build() -> std::path::PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let target_dir = test.ancestors().nth(3).expect("tests lie three folders below the target folder").to_owned();
    if !sysroot_has_target() {
        // `cargo test` alone must do on a bare machine.
        let added = Command::new("rustup").args(["target", "add", TARGET]).status();
        let installed = added.is_ok_and(|status| status.success()) && sysroot_has_target();
        assert!(installed, "the target {TARGET} is missing and could not be added; run: rustup target add {TARGET}");
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "-p", "runwire-pure", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .current_dir(workspace())
        // Flags that this test was built with (coverage, sanitizers) are for another machine.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target_dir.join(TARGET).join("debug").join("runwire_pure.wasm")
}

fn sysroot_has_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).current_dir(workspace()).output();
    let output = output.expect("rustc can be started");
    let sysroot = String::from_utf8_lossy(&output.stdout);
    Path::new(sysroot.trim()).join("lib").join("rustlib").join(TARGET).join("lib").is_dir()
}

#[derive(Default)]
struct Parts {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Sections 2 (imports) and 7 (exports) of a module; `None` if it is not a well-formed one.
fn read_module(module: &[u8]) -> Option<Parts> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut parts = Parts::default();
    while !rest.is_empty() {
        let kind = byte(&mut rest)?;
        let size = number(&mut rest)?;
        let mut section = take(&mut rest, size)?;
        match kind {
            2 => {
                for _ in 0..number(&mut section)? {
                    let (module, field) = (name(&mut section)?, name(&mut section)?);
                    skip_import(&mut section)?;
                    parts.imports.push(format!("{module}.{field}"));
                }
            }
            7 => {
                for _ in 0..number(&mut section)? {
                    parts.exports.push(name(&mut section)?);
                    byte(&mut section)?;
                    number(&mut section)?;
                }
            }
            _ => {}
        }
    }
    Some(parts)
}

/// What is imported: a function, a table, a memory, a global or a tag.
fn skip_import(section: &mut &[u8]) -> Option<()> {
    match byte(section)? {
        0 => drop(number(section)?),
        1 => {
            byte(section)?;
            limits(section)?;
        }
        2 => limits(section)?,
        3 => drop(take(section, 2)?),
        4 => {
            byte(section)?;
            number(section)?;
        }
        _ => return None,
    }
    Some(())
}

fn limits(section: &mut &[u8]) -> Option<()> {
    let has_max = byte(section)? & 1 == 1;
    number(section)?;
    if has_max {
        number(section)?;
    }
    Some(())
}

fn name(section: &mut &[u8]) -> Option<String> {
    let length = number(section)?;
    String::from_utf8(take(section, length)?.to_vec()).ok()
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1).map(|bytes| bytes[0])
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for shift in [0, 7, 14, 21, 28] {
        let next = byte(rest)?;
        value |= usize::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
