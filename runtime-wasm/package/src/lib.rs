//! Makes the npm package of the browser runtime: builds the module for size, lets `wasm-bindgen` write the JavaScript around
//! it, and puts beside it what npm wants. The writer of JavaScript is a library here, so that the lock file keeps it at the
//! version that the module was built with.

use flate2::{Compression, write::GzEncoder};
use std::{
    env, fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// Features that every current browser has, and that the compiler uses.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-multivalue",
];
const MODULE: &str = "web_bg.wasm";
/// Names another profile of Cargo: `dev` makes a large module soon, to work with.
const PROFILE: &str = "RUNWIRE_PACKAGE_PROFILE";

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The module does not build.
    #[error("the module does not build: {0}; if the target is missing: rustup target add {TARGET}")]
    Build(String),
    /// The JavaScript around it can't be written.
    #[error("wasm-bindgen: {0}")]
    Bind(String),
    /// A file can't be written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
}

/// Sizes of the module in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// As it is.
    pub plain: usize,
    /// As a server sends it.
    pub gzipped: usize,
    /// Whether `wasm-opt` was there and made it smaller.
    pub optimised: bool,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.optimised { "with wasm-opt" } else { "without wasm-opt, which is not installed or of no use" };
        write!(f, "{} bytes, {} gzipped, {by}", self.plain, self.gzipped)
    }
}

/// Cargo's target folder of the workspace.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Makes the package in `folder`.
pub fn make(folder: &Path) -> Result<Size, PackageError> {
    make_with(folder, &target_dir())
}

/// The same with another target folder, so as not to wait for a build that goes on in the usual one.
pub fn make_with(folder: &Path, target: &Path) -> Result<Size, PackageError> {
    let file = |path: &Path, outcome: io::Result<()>| outcome.map_err(|error| PackageError::File(path.into(), error));
    let built = build(target)?;
    file(folder, fs::create_dir_all(folder))?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(built).out_name("web").typescript(true).remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).and_then(|web| web.generate(folder)).map_err(|error| PackageError::Bind(format!("{error:#}")))?;
    let module = folder.join(MODULE);
    let optimised = optimise(&module);
    for (name, text) in [
        ("index.js", INDEX.to_owned()),
        ("index.d.ts", TYPES.to_owned()),
        ("package.json", manifest()),
        ("README.md", include_str!("../../README.md").to_owned()),
        ("LICENSE-MIT", include_str!("../../../LICENSE-MIT").to_owned()),
        ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE").to_owned()),
    ] {
        let path = folder.join(name);
        file(&path, fs::write(&path, text))?;
    }
    Ok(Size { optimised, ..size_of(folder)? })
}

/// Sizes of a package that is there.
pub fn size_of(folder: &Path) -> Result<Size, PackageError> {
    let module = folder.join(MODULE);
    let bytes = fs::read(&module).map_err(|error| PackageError::File(module.clone(), error))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let gzipped = packed.write_all(&bytes).and_then(|()| packed.finish());
    let gzipped = gzipped.map_err(|error| PackageError::File(module, error))?.len();
    Ok(Size { plain: bytes.len(), gzipped, optimised: false })
}

/// Importing the package loads the module, so that `import { Run } from "runwire"` is all that a page needs.
const INDEX: &str = r#"import load from "./web.js";

await load({ module_or_path: new URL("./web_bg.wasm", import.meta.url) });

export * from "./web.js";
"#;

const TYPES: &str = "export * from \"./web.js\";\n";

fn manifest() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"{{
  "name": "runwire",
  "version": "{version}",
  "description": "Log runs from a web page to a W&B-compatible server. What a page that dies has logged is sent by the next one.",
  "license": "MIT OR Apache-2.0",
  "type": "module",
  "main": "./index.js",
  "types": "./index.d.ts",
  "exports": {{ ".": {{ "types": "./index.d.ts", "default": "./index.js" }}, "./web_bg.wasm": "./web_bg.wasm" }},
  "files": ["index.js", "index.d.ts", "web.js", "web.d.ts", "web_bg.wasm", "snippets", "LICENSE-MIT", "LICENSE-APACHE"],
  "sideEffects": ["./index.js", "./snippets/*"]
}}
"#
    )
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, Path::to_path_buf)
}

fn build(target: &Path) -> Result<PathBuf, PackageError> {
    let profile = env::var(PROFILE).unwrap_or_else(|_| "wasm".into());
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "-p",
            "runwire-wasm",
            "--lib",
            "--profile",
            &profile,
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target)
        .current_dir(root())
        // Flags of a build for this machine (coverage, sanitizers) are not for the page's.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .map_err(|error| PackageError::Build(error.to_string()))?;
    if !output.status.success() {
        return Err(PackageError::Build(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(target.join(TARGET).join(if profile == "dev" { "debug" } else { &profile }).join("runwire_wasm.wasm"))
}

/// Whether `wasm-opt` made the module smaller. Without it the module is as good, and larger.
fn optimise(module: &Path) -> bool {
    let smaller = module.with_extension("opt");
    let done = Command::new("wasm-opt").arg("-Oz").args(FEATURES).arg(module).arg("-o").arg(&smaller).output();
    let size = |path: &Path| fs::metadata(path).map_or(u64::MAX, |facts| facts.len());
    let better = done.is_ok_and(|done| done.status.success()) && size(&smaller) < size(module);
    let placed = better && fs::rename(&smaller, module).is_ok();
    // Not there is what is wanted.
    let _ = fs::remove_file(&smaller);
    placed
}
