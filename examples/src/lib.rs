//! Programs under `src/bin`, and what several of them share; Python scripts on the official SDK under `python/`.

pub mod disk;
pub mod records;
