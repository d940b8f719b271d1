//! The kinds of faults, how often each fired, and how likely each is under one seed.

use std::fmt;

use super::dice::Dice;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What may go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// All kinds.
            pub const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// Its name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// An append fails for want of space; nothing of it is written.
    AppendFull = "append-full",
    /// An append fails with an I/O error.
    AppendError = "append-error",
    /// An append fails after a part of it was written.
    AppendTorn = "append-torn",
    /// A disk effect takes long, but not too long.
    DiskSlow = "disk-slow",
    /// A disk effect takes longer than its deadline; it is done all the same, late.
    DiskHang = "disk-hang",
    /// An outcome of the disk gets lost.
    OutcomeLost = "outcome-lost",
    /// A sync fails.
    SyncError = "sync-error",
    /// A sync is reported as done, and a power cut shows that it was not.
    LostSync = "lost-sync",
    /// A log can't be made.
    OpenError = "open-error",
    /// Another file can't be written.
    WriteError = "write-error",
    /// A file can't be read.
    ReadError = "read-error",
    /// A request is slow, but answered.
    NetSlow = "net-slow",
    /// The connection is refused.
    Refused = "refused",
    /// The server's name does not resolve.
    NameGone = "name-gone",
    /// The request reaches nobody, and nobody says so before its time is over.
    RequestLost = "request-lost",
    /// The server does what the request says; the answer is lost.
    AnswerLost = "answer-lost",
    /// Status 429 with the wish to be left alone for a time.
    TooMany = "too-many",
    /// A status of 500 to 504; nothing was done.
    ServerError = "server-error",
    /// Status 502 or 504 after the server has done what the request says.
    GatewayError = "gateway-error",
    /// A status of success from somebody in between who knows nothing of the protocol.
    Garbage = "garbage",
    /// The server is away for long.
    Outage = "outage",
    /// An outcome is given twice, or one to an effect that never was: the core must refuse it.
    Misuse = "misuse",
    /// The service's process is killed and started again.
    Kill = "kill",
    /// The machine loses its power: only what is durable survives, and a torn part of the rest.
    PowerCut = "power-cut",
    /// The wall clock is set.
    WallStep = "wall-step",
    /// The machine sleeps: time jumps, connections of that time are gone.
    Sleep = "sleep",
    /// The monotonic clock of the runtime goes back a little.
    ClockBack = "clock-back",
    /// A tick comes before its time.
    EarlyTick = "early-tick",
    /// A client does not read its answers for a while.
    SlowReader = "slow-reader",
    /// A client is gone in the middle of its run.
    ClientGone = "client-gone",
    /// A client says that it sends no more and goes on reading.
    HalfClose = "half-close",
    /// A connection sends what is no frame, or a frame that is no request.
    Malformed = "malformed",
    /// Frames arrive cut into small parts.
    Cut = "cut",
    /// The service gets a signal in the middle of its runs.
    Signal = "signal",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each fault fired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

impl Counts {
    /// One more.
    pub fn fired(&mut self, fault: Fault) {
        self.0.resize(Fault::ALL.len(), 0);
        self.0[fault as usize] += 1;
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(fault as usize).copied().unwrap_or(0)
    }

    /// Adds others.
    pub fn add(&mut self, others: &Counts) {
        self.0.resize(Fault::ALL.len(), 0);
        for (mine, theirs) in self.0.iter_mut().zip(&others.0) {
            *mine += theirs;
        }
    }

    /// Faults that never fired.
    pub fn missing(&self) -> Vec<Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.of(*fault) == 0).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Fault::ALL.iter().filter(|fault| self.of(**fault) > 0);
        let parts: Vec<String> = shown.map(|fault| format!("{fault} {}", self.of(*fault))).collect();
        f.write_str(&parts.join(", "))
    }
}

/// How likely each fault is where it could fire, in a thousandth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights(Vec<u64>);

impl Weights {
    /// No faults.
    pub fn none() -> Weights {
        Weights(vec![0; Fault::ALL.len()])
    }

    /// Each kind is off in most worlds, and weak or strong in the others.
    pub fn draw(dice: &mut Dice) -> Weights {
        // Calm worlds show bugs that storms hide.
        let most = *dice.pick(&[0, 150, 300, 600]);
        let mut weights = Weights::none();
        for fault in Fault::ALL {
            if dice.chance(most) {
                weights.0[*fault as usize] = *dice.pick(&[5, 20, 80, 250]);
            }
        }
        weights
    }

    /// Makes one fault this likely.
    #[must_use]
    pub fn with(mut self, fault: Fault, per_mille: u64) -> Weights {
        self.0[fault as usize] = per_mille;
        self
    }

    /// How likely, in a thousandth.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(fault as usize).copied().unwrap_or(0)
    }

    /// The faults that are on.
    pub fn enabled(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.iter().copied().filter(|fault| self.of(*fault) > 0)
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.enabled().map(|fault| format!("{fault}={}", self.of(fault))).collect();
        if parts.is_empty() { f.write_str("none") } else { f.write_str(&parts.join(" ")) }
    }
}
