//! Fuzz targets are shims over ordinary functions; `corpus/` is replayed through the same functions by `cargo test`.
//!
//! One minute of a target, new inputs kept out of the repository (link-time optimisation and coverage do not go
//! together):
//! ```text
//! CARGO_PROFILE_RELEASE_LTO=off cargo +nightly fuzz run -s none log target/corpus-log fuzz/corpus/log -- -max_total_time=60
//! ```
