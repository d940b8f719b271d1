//! Targets are shims over ordinary functions; see docs/HACKING.md.
