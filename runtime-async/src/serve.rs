//! The drop-in for the official sidecar as one future: sockets, port file and parent watch around a loop.

use crate::{
    driver::{Driver, Event, Inbox},
    executor::{Executor, Incoming},
    notes::Notes,
    peers, world,
};
use async_channel::Sender;
use futures_lite::{StreamExt, future::or};
use runwire_core::{
    ClientId,
    service::{Machine, Service, ServiceInput, StopReason},
};
use runwire_effects::{
    debug_log::{CoreLog, Level},
    environment,
    rendezvous::{Door, bind, write_port_file},
};
use std::{
    future::Future,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often the parent is looked at.
#[cfg(unix)]
const PARENT_INTERVAL: Duration = Duration::from_millis(100);
/// How long a door rests after the system ran out of something.
const DOOR_PAUSE: Duration = Duration::from_secs(1);
/// How long clients may take for the last answers.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// How a service is found and when it ends by itself.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// The file that tells clients where the service is.
    pub port_file: PathBuf,
    /// Listen on a port of this machine too, not only on a Unix socket.
    pub tcp: bool,
    /// End when this process is no longer the parent; also a part of the socket's name.
    pub parent: Option<u32>,
    /// End after so long without any connection.
    pub idle_timeout: Option<Duration>,
}

/// Serves until a client, the parent, idleness or `stop` ends it. When `stop` is ready, all runs are finished first.
pub async fn serve<E: Executor>(
    executor: E,
    options: ServeOptions,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let parent = options.parent.and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
    let (tcp, log) = (options.tcp, CoreLog::open(Level::Info));
    let mut config = environment::service_config();
    config.idle_timeout = options.idle_timeout;
    let bound = executor.unblock(move || bind(parent, tcp)).await?;
    let driver = Driver::new(
        executor.clone(),
        |clock| Service::new(config, clock.now(), clock.wall()),
        world::real(executor.clone()),
        Notes::begin(&executor, log.clone(), Level::Info),
        |_| {},
    );
    let inbox = driver.inbox();
    let (port_file, doors, dir) = (options.port_file, bound.doors, bound.dir);
    let served = listen(driver, &executor, doors, {
        // Only now: whoever reads the file may connect at once.
        let socket = dir.as_ref().map(|dir| dir.socket());
        let written = move || {
            write_port_file(&port_file, socket.as_deref(), bound.tcp_port)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", port_file.display())))?;
            log.activate();
            log.write(Level::Info, "main: starting server", &[]);
            Ok(dir)
        };
        executor.unblock(written)
    })
    .await?;
    let watched = async {
        or(stop, parent_gone(&executor, options.parent, &inbox)).await;
        // Fails when the loop has ended.
        let _ = inbox.heard.send(Event::Input(ServiceInput::Stop(StopReason::Signal))).await;
        futures_lite::future::pending().await
    };
    or(served, watched).await;
    Ok(())
}

/// Opens the doors of a loop, does what comes `then`, and gives the future that is the loop. What `then` gives is kept as
/// long as the service listens.
pub(crate) async fn listen<'e, E: Executor, M: Machine + 'e, K: Send + 'static>(
    mut driver: Driver<E, M>,
    executor: &'e E,
    doors: Vec<Door>,
    then: impl Future<Output = io::Result<K>>,
) -> io::Result<impl Future<Output = ()> + 'e> {
    let (open, shut) = async_channel::bounded::<()>(1);
    let (writing, written) = async_channel::bounded::<()>(1);
    let ids = Arc::new(AtomicU64::new(1));
    for door in doors {
        let incoming = executor.incoming(door)?;
        let (to, ids, writing, shut) = (driver.inbox(), Arc::clone(&ids), writing.clone(), shut.clone());
        let own = executor.clone();
        executor.spawn(async move {
            let gone = async {
                // Nothing is ever sent.
                let _ = shut.recv().await;
            };
            or(gone, accept(&own, incoming, &ids, &to, writing)).await;
        });
    }
    driver.keep((open, then.await?));
    Ok(async move {
        driver.run().await;
        drop(writing);
        let all_written = async {
            // Nothing is ever sent.
            let _ = written.recv().await;
        };
        // The last answers: as much as the clients take in a short time.
        or(all_written, executor.sleep(LAST_ANSWERS)).await;
    })
}

async fn accept<E: Executor>(executor: &E, mut door: Incoming, ids: &AtomicU64, inbox: &Inbox, writing: Sender<()>) {
    while let Some(accepted) = door.next().await {
        match accepted {
            Ok(socket) => {
                let client = ClientId(ids.fetch_add(1, Ordering::Relaxed));
                peers::welcome(executor, client, socket, inbox.clone(), writing.clone());
            }
            Err(_) => executor.sleep(DOOR_PAUSE).await,
        }
    }
}

/// Tells the service when the parent is gone; is never ready.
async fn parent_gone<E: Executor>(executor: &E, parent: Option<u32>, inbox: &Inbox) {
    #[cfg(unix)]
    if let Some(pid) = parent {
        while std::os::unix::process::parent_id() == pid {
            executor.sleep(PARENT_INTERVAL).await;
        }
        // Fails when the loop has ended.
        let _ = inbox.heard.send(Event::Input(ServiceInput::Stop(StopReason::ParentGone))).await;
    }
    #[cfg(not(unix))]
    let _ = (executor, parent, inbox);
    futures_lite::future::pending().await
}
