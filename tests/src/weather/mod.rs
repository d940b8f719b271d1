//! Bad weather: a real sidecar process logs online while its server, its network or its disk misbehaves, and afterwards
//! the log and the server are compared row by row.
//!
//! - `gate`: a door in front of the embedded server that can be closed. `facts`: what a log and a server hold.
//! - `scene`: one sidecar fed at a pace. `storms`: the weathers over the network. `disk`, `kills`: the other two.
//! - `world`: effects performed against the server without sockets, on a real or a made-up disk. `table`: what is printed.

pub mod disk;
pub mod facts;
pub mod gate;
pub mod kills;
pub mod scene;
pub mod storms;
pub mod table;
pub mod world;
