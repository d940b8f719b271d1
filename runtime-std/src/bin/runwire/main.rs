//! The program `runwire`.
fn main() {}
