//! See `runwire_core::service::fuzzing::service`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runwire_core::service::fuzzing::service(data));
