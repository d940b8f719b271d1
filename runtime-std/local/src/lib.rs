//! An embedded server that speaks the W&B API: what the official client and our own engine ask during a run, what
//! `wandb.Api()` reads, and a page with charts. One process, one file.
//!
//! ```
//! use runwire_local::{Options, Server};
//!
//! let server = Server::start(Options { test_controls: true, ..Options::default() })?;
//! // WANDB_BASE_URL={url} WANDB_API_KEY={any 40 characters}
//! println!("{}", server.url());
//! assert!(server.snapshot("local", "project", "run")?.is_null());
//! server.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `backend` | the heart: a [`Request`] in, a [`Response`] out; no socket, no clock, no randomness |
//! | `model` | projects, runs, rows, files, and where in the store each is |
//! | `store` | ordered bytes: in memory, or in one file |
//! | `graphql`, `api` | executing a query; what its fields mean |
//! | `http` | sockets, threads, who may connect, and scripted [faults](Fault) for tests of clients |
//! | `page` | the page |
//! | `state` | a run as JSON, for tests |
//!
//! ## What is kept
//! A push is applied whole or not at all, and is answered once it is on the disk; pushes that wait at the same time share
//! one write. The same rows at the same offsets change nothing; other content at an offset that is taken is counted as a
//! conflict and not taken. Rows are stored as they came, and every number of every row once more by metric, in memory and in
//! pages of some thousand rows in the file: a chart of a million steps is one pass over its metric, and the first one after
//! a restart reads that and the rows behind the last page. Runs that are not asked for leave memory again. A run gets pages
//! as far as the rows of its first writer begin at 0 and have no gap; what several writers have sent is read as rows.
//!
//! ## What is not served
//! Sweeps, reports, registries, automations, launch, parquet exports of a history (all rows are live), and uploads in
//! several parts (an upload is at most [`Settings::body_max`] long). A query for a field that is not in `graphql/schema.graphql` is answered with status 400 and `Cannot query field "x" on type "Y".`
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod api;
mod auth;
mod backend;
#[doc(hidden)]
pub mod fuzzing;
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
