//! Functions that fuzz targets feed with bytes: each makes a scenario of them and panics if something that must hold does
//! not. The corpora under `fuzz/corpus` go through the same functions in `cargo test`.

mod answers;
mod backend;
mod operations;

pub use answers::answers;
pub use backend::backend;
pub use operations::operations;
