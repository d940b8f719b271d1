//! Where blocks begin and end. It must not know what is in them.

/// Bytes of a block. Blocks are aligned to file offsets, so that the file header is part of the first one.
pub const BLOCK_LEN: u64 = 32 * 1024;

/// Bytes from `offset` to the end of its block, 1 to [`BLOCK_LEN`].
pub(super) fn left_in_block(offset: u64) -> usize {
    (BLOCK_LEN - offset % BLOCK_LEN) as usize
}

/// Position of `offset` inside its block.
pub(super) fn position_in_block(offset: u64) -> usize {
    (offset % BLOCK_LEN) as usize
}
