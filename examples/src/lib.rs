//! Programs under `src/bin`; Python scripts on the official SDK under `python/`.
