//! The transaction log, a `.wandb` file: records in checksummed chunks, chunks in blocks of 32 KiB.
//!
//! Owns the bytes of the format, both ways. It must not know files, nor what a record means; only to size a loss it
//! looks at `Record.num`.
//!
//! # Layout
//! Seven bytes of file header, then chunks: a checksum (CRC-32 of type and payload), a 16-bit length, a type, the
//! payload. A chunk never crosses a block end; a record that would is cut into `FIRST`, `MIDDLE`.., `LAST` chunks. Fewer
//! than seven bytes before a block end are zeros.
//!
//! # Following a file that grows
//! ```
//! # use runwire_proto::log::{LogEvent, LogReader, LogWriter, Tail};
//! # let mut file = Vec::new();
//! # LogWriter::create(&mut file).push(b"record", &mut file);
//! # let read_from = |offset: u64| &file[offset as usize..];
//! let mut reader = LogReader::new();
//! reader.push(read_from(0));
//! loop {
//!     match reader.next() {
//!         LogEvent::Record { offset, bytes } => println!("{} bytes at {offset}", bytes.len()),
//!         LogEvent::Damage(damage) => println!("{damage}"),
//!         // All was read. Wait, then push what was appended.
//!         LogEvent::NeedMore(Tail::Clean) => break,
//!         // The end is not a record's end, or looks damaged: on a network file system the bytes seen may still change.
//!         // Wait, then read again from the last good position.
//!         LogEvent::NeedMore(Tail::Incomplete { .. }) => {
//!             let offset = reader.rewind();
//!             reader.push(read_from(offset));
//! #           break;
//!         }
//!         LogEvent::Fatal(error) => panic!("{error}"),
//!     }
//! }
//! // The writer is known to be gone: now judge the tail.
//! reader.finish();
//! while let LogEvent::Record { .. } | LogEvent::Damage(_) = reader.next() {}
//! ```
mod block;
mod chunk;
mod crc;
mod damage;
mod header;
mod read;
mod salvage;
mod write;

pub use block::BLOCK_LEN;
pub use chunk::CHUNK_HEADER_LEN;
pub use damage::{Damage, DamageKind};
pub use header::{FILE_HEADER, HeaderError};
pub use read::{LogEvent, LogReader, Tail, read_all};
pub use write::LogWriter;
