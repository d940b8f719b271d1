//! A run inside a program that has an event loop of its own: a meter sends datagrams, the loop waits for sockets and
//! timers, and the engine is one more of its tenants. Its disk is a thread, because a disk may hang and the loop must not.

use polling::{Event, Events, Poller};
use runwire_core::{CloseReason, Config, Engine, Input, Instant, Output, UnixNanos, Wake};
use runwire_examples::{disk::Disk, records};
use std::{
    collections::VecDeque,
    error::Error,
    net::UdpSocket,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH},
};

/// Measurements that the meter sends.
const COUNT: u32 = 500;
/// The program's own timer: how often it says how it is doing.
const REPORT: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("runwire-own-event-loop-{}", std::process::id()));
    let settings = records::settings(&dir, "meter");
    let log = settings.sync_file.clone().unwrap_or_default();
    let begin = Clock::now();
    let now = || Instant::from_nanos(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
    let wall = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let mut engine = Engine::new(Config::new(settings), 1, now(), UnixNanos(wall), None);

    let poller = Arc::new(Poller::new()?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    // Safe if it is taken out before the socket is dropped: at the end of this function.
    #[allow(unsafe_code, reason = "the poller's contract, see the line above")]
    unsafe {
        poller.add(&socket, Event::readable(1))?;
    }
    let meter = start_meter(socket.local_addr()?);
    let (jobs, outcomes) = start_disk(&poller);

    let mut inputs = VecDeque::from([records::input(records::run("meter"))]);
    let (mut received, mut report_at) = (0, Clock::now() + REPORT);
    let mut events = Events::new();
    'program: loop {
        // The engine's turn: everything that is known goes in, everything that it wants comes out.
        let wake: Option<Wake> = loop {
            match engine.poll_output() {
                Output::Effect(id, effect) => jobs.send((id, effect))?,
                Output::Notice(notice) => println!("{notice}"),
                Output::Cancel(_) | Output::Reply(..) => {}
                Output::Finished(summary) => {
                    println!("{:?}", summary.accounts);
                    break 'program;
                }
                Output::Wait(wake) => match inputs.pop_front() {
                    Some(input) => engine.handle_input(now(), input)?,
                    None if wake.as_ref().is_some_and(|wake| wake.at <= now()) => {
                        engine.handle_input(now(), Input::Tick)?
                    }
                    None => break wake,
                },
            }
        };
        // The program's turn: it sleeps until the first of its own timer, the engine's, a datagram or the disk.
        let own = report_at.saturating_duration_since(Clock::now());
        let timeout = wake.map_or(own, |wake| own.min(wake.at.since(now())));
        events.clear();
        poller.wait(&mut events, Some(timeout))?;
        inputs.extend(outcomes.try_iter().map(|(id, outcome)| Input::Completed(id, outcome)));
        if !events.is_empty() {
            let mut datagram = [0; 64];
            while let Ok(len) = socket.recv(&mut datagram) {
                let value = String::from_utf8_lossy(&datagram[..len]).into_owned();
                inputs.push_back(records::input(records::row(&[("volts", value)])));
                received += 1;
            }
            poller.modify(&socket, Event::readable(1))?;
        }
        if report_at <= Clock::now() {
            println!("{received} of {COUNT} measurements");
            report_at += REPORT;
        }
        if received == COUNT {
            received += 1;
            inputs.extend([records::input(records::exit()), Input::Close(CloseReason::Finish)]);
        }
    }
    poller.delete(&socket)?;
    meter.join().map_err(|_| "the meter died")??;
    println!("log: {log}");
    Ok(())
}

/// Something that measures, elsewhere.
fn start_meter(to: std::net::SocketAddr) -> thread::JoinHandle<std::io::Result<()>> {
    thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for n in 0..COUNT {
            let volts = 230.0 + 5.0 * (f64::from(n) / 20.0).sin();
            socket.send_to(format!("{volts:.3}").as_bytes(), to)?;
            thread::sleep(Duration::from_micros(300));
        }
        Ok(())
    })
}

type Job = (runwire_core::EffectId, runwire_core::Effect);
type Outcome = (runwire_core::EffectId, runwire_core::Completion);

/// A thread for the disk. It wakes the loop when something is done.
fn start_disk(poller: &Arc<Poller>) -> (mpsc::Sender<Job>, mpsc::Receiver<Outcome>) {
    let (jobs, todo) = mpsc::channel::<Job>();
    let (done, outcomes) = mpsc::channel();
    let poller = Arc::clone(poller);
    thread::spawn(move || {
        let mut disk = Disk::default();
        for (id, effect) in todo {
            if done.send((id, disk.perform(effect))).is_err() || poller.notify().is_err() {
                return;
            }
        }
    });
    (jobs, outcomes)
}
