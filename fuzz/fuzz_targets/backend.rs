//! See `runwire_tests::fuzzing::backend`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_tests::fuzzing::backend(data));
