//! Why the engine issued an effect: whom its outcome goes to.

use crate::uplink;
use alloc::string::String;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    Open,
    Append,
    Sync { upto: u64 },
    Close,
    File { path: String },
    ConsolePatch,
    Tail { watch: usize },
    Link { path: String },
    Sample,
    Probe,
    Code,
    Uplink(uplink::Tag),
}
