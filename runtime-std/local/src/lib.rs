//! An embedded server that speaks the W&B API.
#![forbid(unsafe_code)]

mod api;
mod auth;
mod backend;
mod graphql;
mod http;
mod json;
mod model;
mod page;
mod request;
mod state;
mod store;

pub use backend::{Backend, Settings};
pub use http::{Controls, Fault, Options, Server, StartError, kind};
pub use model::{Bucket, Counters};
pub use request::{Request, Response};
pub use store::{Barrier, DiskStore, MemoryStore, Op, Store, StoreError};
