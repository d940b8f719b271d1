//! Frames, peeks and the log: run with `cargo bench -p runwire-proto`.
fn main() {
    divan::main();
}
