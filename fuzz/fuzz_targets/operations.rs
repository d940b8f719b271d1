//! See `runwire_tests::fuzzing::operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_tests::fuzzing::operations(data));
