//! What `js/host.js` can do. Each function there is an import of the module; `README.md` lists them all.

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/host.js")]
extern "C" {
    pub(crate) fn create(path: &str) -> Promise;
    pub(crate) fn put(path: &str, at: f64, bytes: Uint8Array) -> Promise;
    pub(crate) fn patch(path: &str, at: f64, bytes: Uint8Array) -> Promise;
    pub(crate) fn read(path: &str, at: f64, length: f64) -> Promise;
    pub(crate) fn stat(path: &str) -> Promise;
    pub(crate) fn sync(path: &str) -> Promise;
    pub(crate) fn remove(path: &str) -> Promise;
    pub(crate) fn paths() -> Promise;

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn request(
        token: f64,
        method: &str,
        url: &str,
        headers: Array,
        body: Option<Uint8Array>,
        gzip: bool,
        timeout: f64,
        most: f64,
    ) -> Promise;
    pub(crate) fn abort(token: f64);

    pub(crate) fn monotonic() -> f64;
    pub(crate) fn wall() -> f64;
    pub(crate) fn zone() -> i32;
    pub(crate) fn stamp() -> String;
    pub(crate) fn later(milliseconds: f64, call: &Closure<dyn FnMut()>) -> f64;
    pub(crate) fn sleep(milliseconds: f64) -> Promise;
    pub(crate) fn forget(timer: f64);

    #[wasm_bindgen(js_name = hasLocks)]
    pub(crate) fn has_locks() -> bool;
    pub(crate) fn claim(name: &str) -> Promise;
    pub(crate) fn release(name: &str);

    pub(crate) fn facts() -> Array;
    pub(crate) fn random() -> u32;
    pub(crate) fn note(level: &str, text: &str);
    #[wasm_bindgen(catch)]
    pub(crate) fn row(values: &JsValue) -> Result<String, JsValue>;
}

/// 64 random bits.
pub(crate) fn seed() -> u64 {
    u64::from(random()) << 32 | u64::from(random())
}

/// A copy, since the memory of the module may move while it is written.
pub(crate) fn copied(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}
