//! Debug logs and the terminal: written in order, in the blocking pool, behind the loop's back.

use crate::executor::Executor;
use async_channel::{Receiver, Sender};
use runwire_core::{Notice, StreamKey, service::RunPlace};
use runwire_effects::debug_log::{CoreLog, Level, RunLog};
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// Something to write down.
pub(crate) enum Note {
    Begin(StreamKey, RunPlace),
    Line(Option<StreamKey>, Notice),
    End(StreamKey),
    Print(String),
}

/// Where notes go. When the last one is gone, so is the task that writes.
pub(crate) struct Notes {
    queue: Sender<Note>,
    written: Receiver<()>,
}

struct Writer {
    core: CoreLog,
    level: Level,
    runs: BTreeMap<StreamKey, RunLog>,
}

impl Notes {
    pub(crate) fn begin<E: Executor>(executor: &E, core: CoreLog, level: Level) -> Self {
        let (queue, notes) = async_channel::unbounded();
        let (done, written) = async_channel::bounded(1);
        let mut writer = Writer { core, level, runs: BTreeMap::new() };
        let pool = executor.clone();
        executor.spawn(async move {
            while let Ok(first) = notes.recv().await {
                let mut all = vec![first];
                all.extend(std::iter::from_fn(|| notes.try_recv().ok()));
                writer = pool
                    .unblock(move || {
                        all.into_iter().for_each(|note| writer.write(note));
                        writer
                    })
                    .await;
            }
            drop(done);
        });
        Notes { queue, written }
    }

    pub(crate) fn write(&self, note: Note) {
        // Fails only if the task panicked, and then there is nowhere to tell.
        let _ = self.queue.try_send(note);
    }

    /// Waits until all is written.
    pub(crate) async fn close(self) {
        drop(self.queue);
        // Ends with an error: nothing is ever sent.
        let _ = self.written.recv().await;
    }
}

impl Writer {
    fn write(&mut self, note: Note) {
        match note {
            Note::Begin(key, place) => {
                self.runs.insert(key, RunLog::of_run(&place.debug_log, &self.core, self.level));
            }
            Note::End(key) => drop(self.runs.remove(&key)),
            Note::Line(key, notice) => match key.and_then(|key| self.runs.get(&key)) {
                Some(run) => run.write(notice.level.into(), &notice.message, &[]),
                None => self.core.write(notice.level.into(), &notice.message, &[]),
            },
            // A closed terminal is no reason to stop.
            Note::Print(text) => drop(io::stdout().lock().write_all(text.as_bytes())),
        }
    }
}
