//! How a front end does what a program does.

use super::Act;
use crate::online::Backend;
use futures_lite::{FutureExt, future};
use runwire_async::{Executor, RunOptions};
use runwire_proto::wire::{MetricRecord, MetricSummary};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a program is played.
pub struct Stage {
    /// The server.
    pub backend: Backend,
    /// The folder of its runs.
    pub dir: PathBuf,
}

/// A front end.
pub trait FrontEnd {
    /// Does all acts, and returns when every run has ended.
    fn play(&self, stage: &Stage, acts: &[Act]);
}

/// `runwire_std::Run`.
pub struct Blocking;

/// `runwire_async::Run`, its loop on this executor, its futures awaited without one.
pub struct OnExecutor<E>(pub E);

impl Stage {
    fn options(&self, id: &str, resume: bool, online: bool) -> RunOptions {
        let options = RunOptions::new("p").entity("e").id(id).dir(&self.dir).resume(resume);
        if online { options.server(self.backend.url(), "0123456789012345678901234567890123456789") } else { options }
    }

    fn fault(&self, text: &str) {
        self.backend.fault(json(text));
    }

    fn write(&self, run: &Path, name: &str, content: &str) {
        let path = run.join("files").join(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
        fs::write(path, content).expect("a run's folder takes files");
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a scenario holds JSON")
}

fn row(x: u32) -> [(&'static str, f64); 2] {
    [("x", f64::from(x)), ("loss", 1.0 / f64::from(x + 1))]
}

fn minimum(name: &str) -> MetricRecord {
    let summary = Some(MetricSummary { min: true, ..Default::default() });
    MetricRecord { name: name.into(), summary, ..Default::default() }
}

impl FrontEnd for Blocking {
    fn play(&self, stage: &Stage, acts: &[Act]) {
        let (mut current, mut x) = (None, 0);
        for act in acts {
            let run = || current.as_ref().expect("a program begins with a run");
            match *act {
                Act::Begin { id, resume, online } => {
                    let options = stage.options(id, resume, online);
                    current = Some(runwire_std::Run::init(options).expect("the run begins"));
                    Ok(())
                }
                Act::Rows(count) => (0..count).try_for_each(|_| {
                    x += 1;
                    run().log_values(&row(x - 1))
                }),
                Act::RowAt(step, key, value) => run().log_at(step, &std::collections::BTreeMap::from([(key, value)])),
                Act::Json(text) => run().log(&json(text)),
                Act::Config(key, text) => run().config(key, &json(text)),
                Act::Summary(key, text) => run().summary(key, &json(text)),
                Act::DefineMin(name) => run().define_metric(minimum(name)),
                Act::File(name, content) => {
                    stage.write(run().dir(), name, content);
                    run().save(name)
                }
                Act::Fault(text) => {
                    stage.fault(text);
                    Ok(())
                }
                Act::Heal => {
                    stage.backend.controls().clear_faults();
                    Ok(())
                }
                // Calls that block can't be given up.
                Act::GiveUpLogging(_) | Act::GiveUpFinishing => Ok(()),
                Act::Wait(millis) => {
                    std::thread::sleep(Duration::from_millis(millis));
                    Ok(())
                }
                Act::Finish(code) => run().finish_with(code).map(drop),
                Act::LetGo => {
                    current = None;
                    Ok(())
                }
                Act::Panic => {
                    let held = current.take();
                    let panicked = std::thread::spawn(move || {
                        let _held = held;
                        panic!("planted: the program panics");
                    });
                    assert!(panicked.join().is_err());
                    Ok(())
                }
            }
            .unwrap_or_else(|error| panic!("{act:?}: {error}"));
        }
    }
}

impl<E: Executor> FrontEnd for OnExecutor<E> {
    fn play(&self, stage: &Stage, acts: &[Act]) {
        future::block_on(play(self.0.clone(), stage, acts));
    }
}

async fn play<E: Executor>(executor: E, stage: &Stage, acts: &[Act]) {
    let (mut current, mut x) = (None::<runwire_async::Run>, 0);
    for act in acts {
        let run = || current.as_ref().expect("a program begins with a run");
        let done = match *act {
            Act::Begin { id, resume, online } => {
                let options = stage.options(id, resume, online);
                let begun = runwire_async::Run::init_on(executor.clone(), options).await;
                current = Some(begun.expect("the run begins"));
                Ok(())
            }
            Act::Rows(count) => {
                for _ in 0..count {
                    run().log_values(&row(x)).await.expect("a row is accepted");
                    x += 1;
                }
                Ok(())
            }
            Act::RowAt(step, key, value) => run().log_at(step, &std::collections::BTreeMap::from([(key, value)])).await,
            Act::Json(text) => run().log(&json(text)).await,
            Act::Config(key, text) => run().config(key, &json(text)).await,
            Act::Summary(key, text) => run().summary(key, &json(text)).await,
            Act::DefineMin(name) => run().define_metric(minimum(name)).await,
            Act::File(name, content) => {
                stage.write(run().dir(), name, content);
                run().save(name).await
            }
            Act::Fault(text) => {
                stage.fault(text);
                Ok(())
            }
            Act::Heal => {
                stage.backend.controls().clear_faults();
                Ok(())
            }
            Act::GiveUpLogging(count) => {
                (0..count).for_each(|n| drop(run().log_values(&row(1_000_000 + n))));
                Ok(())
            }
            Act::GiveUpFinishing => {
                let given_up = async { Err(runwire_async::RunError::NoAnswer) };
                // The first is polled once, and then dropped.
                drop(run().finish().or(given_up).await);
                Ok(())
            }
            Act::Wait(millis) => {
                executor.sleep(Duration::from_millis(millis)).await;
                Ok(())
            }
            Act::Finish(code) => run().finish_with(code).await.map(drop),
            Act::LetGo => {
                current = None;
                runwire_async::settled().await;
                Ok(())
            }
            Act::Panic => {
                let held = current.take();
                let panicked = std::thread::spawn(move || {
                    future::block_on(async move {
                        let _held = held;
                        future::yield_now().await;
                        panic!("planted: the program panics");
                    })
                });
                assert!(panicked.join().is_err());
                runwire_async::settled().await;
                Ok(())
            }
        };
        done.unwrap_or_else(|error| panic!("{act:?}: {error}"));
    }
}
