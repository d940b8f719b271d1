//! See `runwire_proto::fuzzing::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_proto::fuzzing::log(data));
