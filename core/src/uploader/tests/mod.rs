//! The uploader alone: a made-up disk, and a server whose answers the tests make up.

mod batch;
mod faults;
mod golden;
mod law;
mod live;
mod rig;
