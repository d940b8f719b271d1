//! Every bound of the core in one place. A bound that is reached is counted and told, never silent.

use crate::time::Duration;

/// Bounds of one run and of the service. The defaults are what the program uses.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest frame, in bytes; a larger one is refused when its header is read.
    pub frame_bytes_max: u32,
    /// Log bytes that are handed to the disk in one append.
    pub append_bytes_max: usize,
    /// Log bytes waiting in memory above which a run gives no credit: its clients are not read until the disk moves, at
    /// most for `disk_deadline`. Small, so that memory does not grow with the number of rows when they come faster than
    /// the disk takes them; at the pace of a training it is minutes.
    pub backlog_bytes_soft: usize,
    /// Log bytes waiting in memory above which a *failing* disk makes the run refuse records. Memory does not grow with
    /// trouble of the world: 3 MiB are ten minutes of ten rows a second with ten metrics each. Whoever has memory to spare
    /// sets more.
    pub backlog_bytes_hard: usize,
    /// Answers that a connection may leave unread before its requests are no longer taken.
    pub unsent_bytes_max: usize,
    /// Messages to the user that are kept until a client asks for them.
    pub messages_max: usize,
    /// Longest time one disk effect may take before it counts as failed.
    pub disk_deadline: Duration,
    /// Longest time a probe or a sample of the machine may take.
    pub probe_deadline: Duration,
    /// Longest time a file transfer without a bound of its own may take.
    pub transfer_deadline: Duration,
    /// First and largest wait between two tries of a failing append.
    pub append_retry: (Duration, Duration),
    /// Shortest time between two summary checkpoints.
    pub checkpoint_interval: Duration,
    /// How long console output may wait for its file.
    pub console_interval: Duration,
    /// Bound of one stage of the end of a run; see [`crate::defer`].
    pub stage_deadline: Duration,
    /// Bound of the stage in which event files of TensorBoard are read to their end.
    pub tensorboard_deadline: Duration,
    /// Longest time without any progress that the end of an online run waits for the server.
    pub finish_patience: Duration,
    /// Shortest time between two notes of what the server has.
    pub cursor_interval: Duration,
    /// Bound of the last stage, which waits for the disk.
    pub final_stage_deadline: Duration,
    /// Bytes of lines in one push to the server, unless one line alone is larger or the user wants less. Small, so that a
    /// push gets through a slow line before its deadline and a lost one costs little.
    pub stream_push_bytes: usize,
    /// Bytes of lines that wait for the server beside the push in flight, above which the log is not read on.
    pub stream_queue_bytes: usize,
    /// How long files are collected before the server is asked where they go.
    pub upload_batch_interval: Duration,
    /// Files that the server is asked for at a time, and about how many addresses are kept.
    pub upload_names_max: usize,
    /// Files that are digested at a time.
    pub hashes_max: usize,
    /// Files that are transferred at a time.
    pub transfers_max: usize,
    /// Shortest and longest time between two looks at live files.
    pub live_poll: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame_bytes_max: 1 << 30,
            append_bytes_max: 256 << 10,
            backlog_bytes_soft: 512 << 10,
            backlog_bytes_hard: 3 << 20,
            unsent_bytes_max: 1 << 20,
            messages_max: 128,
            disk_deadline: Duration::from_secs(10),
            probe_deadline: Duration::from_secs(30),
            transfer_deadline: Duration::from_secs(24 * 3600),
            append_retry: (Duration::from_millis(100), Duration::from_secs(2)),
            checkpoint_interval: Duration::from_secs(1),
            console_interval: Duration::from_secs(5),
            stage_deadline: Duration::from_secs(5),
            tensorboard_deadline: Duration::from_secs(60),
            finish_patience: Duration::from_secs(60),
            cursor_interval: Duration::from_secs(1),
            final_stage_deadline: Duration::from_secs(12),
            stream_push_bytes: 1 << 20,
            stream_queue_bytes: 1 << 20,
            upload_batch_interval: Duration::from_secs(5),
            upload_names_max: 1000,
            hashes_max: 8,
            transfers_max: 128,
            live_poll: (Duration::from_millis(500), Duration::from_secs(5)),
        }
    }
}
