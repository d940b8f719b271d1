//! Files of runs: what is known of each, and its bytes in pieces.

use super::{Model, encoded, keys};
use crate::store::{Op, StoreError};
use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// Bytes of one piece in the store.
const PIECE: usize = 1 << 20;

/// A file of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    pub name: String,
    pub size: u64,
    /// MD5 of the content in base64; none while nothing has been stored.
    pub md5: Option<String>,
    pub content_type: Option<String>,
    pub updated_ms: u64,
    /// The client says that the upload is done.
    pub uploaded: bool,
    /// How often content was stored.
    pub puts: u64,
    /// Where the bytes are.
    pub blob: u64,
}

impl Model {
    pub(crate) fn file(&self, id: u64, name: &str) -> Result<Option<File>, StoreError> {
        Ok(self.store.get(&keys::file(id, name))?.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Files of a run by name.
    pub(crate) fn files(&self, id: u64) -> Result<Vec<File>, StoreError> {
        let mut files = Vec::new();
        self.store.scan(&keys::files(id), &[], &mut |_, value| {
            files.extend(serde_json::from_slice::<File>(value));
            true
        })?;
        Ok(files)
    }

    pub(crate) fn file_names(&self, id: u64) -> Result<Vec<String>, StoreError> {
        Ok(self.files(id)?.into_iter().map(|file| file.name).collect())
    }

    /// Stores the content of a file, in place of what it had.
    pub(crate) fn put_file(
        &mut self,
        now_ms: u64,
        id: u64,
        name: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let before = self.file(id, name)?.unwrap_or_default();
        if before.blob > 0 {
            self.delete_all(&keys::blob(before.blob))?;
        }
        let blob = self.put_blob(body);
        self.save_file(
            id,
            &File {
                name: name.to_owned(),
                size: body.len() as u64,
                md5: Some(STANDARD.encode(Md5::digest(body))),
                content_type: content_type.map(str::to_owned),
                updated_ms: now_ms,
                uploaded: before.uploaded,
                puts: before.puts + 1,
                blob,
            },
        );
        Ok(())
    }

    /// The content of a file; none if nothing has been stored.
    pub(crate) fn file_content(&self, file: &File) -> Result<Option<Vec<u8>>, StoreError> {
        if file.md5.is_none() {
            return Ok(None);
        }
        Ok(Some(self.blob_content(file.blob, file.size)?))
    }

    /// Stores bytes under a new number.
    pub(super) fn put_blob(&mut self, body: &[u8]) -> u64 {
        let blob = self.next_id();
        for (number, piece) in (0..).zip(body.chunks(PIECE)) {
            self.ops.push(Op::Put(keys::blob_piece(blob, number), piece.to_vec()));
        }
        blob
    }

    pub(super) fn blob_content(&self, blob: u64, size: u64) -> Result<Vec<u8>, StoreError> {
        let mut body = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        self.store.scan(&keys::blob(blob), &[], &mut |_, piece| {
            body.extend_from_slice(piece);
            true
        })?;
        Ok(body)
    }

    pub(crate) fn mark_uploaded(&mut self, now_ms: u64, id: u64, name: &str) -> Result<(), StoreError> {
        let file = self.file(id, name)?;
        let fresh = || File { name: name.to_owned(), updated_ms: now_ms, ..File::default() };
        self.save_file(id, &File { uploaded: true, ..file.unwrap_or_else(fresh) });
        Ok(())
    }

    /// Removes a file; false if it is not there.
    pub(crate) fn delete_file(&mut self, id: u64, name: &str) -> Result<bool, StoreError> {
        let Some(file) = self.file(id, name)? else { return Ok(false) };
        if file.blob > 0 {
            self.delete_all(&keys::blob(file.blob))?;
        }
        self.ops.push(Op::Delete(keys::file(id, name)));
        Ok(true)
    }

    fn save_file(&mut self, id: u64, file: &File) {
        self.ops.push(Op::Put(keys::file(id, &file.name), encoded(file)));
    }
}
