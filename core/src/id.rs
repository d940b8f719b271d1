//! Names of things that pass between the core and its runtime.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// One effect of one engine. Ids only grow; each is answered at most once (law L3).
    EffectId, "e");
id!(
    /// Whoever sends records to an engine: in the service, a connection.
    ClientId, "c");
id!(
    /// One awaited answer. Chosen by the caller, echoed in [`crate::Output::Reply`].
    Ticket, "t");
id!(
    /// One engine inside a service, from 1 on. Never reused, unlike the run id that it serves. 0 is the service itself: what
    /// it does for API clients, which belong to no run.
    StreamKey, "s");
