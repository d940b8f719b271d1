//! See `runwire_proto::fuzzing::peek`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_proto::fuzzing::peek(data));
