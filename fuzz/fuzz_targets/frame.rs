//! See `runwire_proto::fuzzing::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_proto::fuzzing::frame(data));
