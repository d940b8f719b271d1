//! One watched folder: how far each of its files was read, and the row that may still grow.
//!
//! A look lists the folder and reads its files one after the other, in the order of their paths, until none has more.

use super::{
    Action, Want, event,
    framing::{AROUND, Frame, frame},
    place::{Filter, below},
    row::{self, Open},
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet, VecDeque},
    format,
    string::String,
};
use bytes::Bytes;

/// Bytes that are read at a time.
const READ: u32 = 1 << 20;
/// A longer record is passed over: it holds a graph or something else that has no place in a row.
const RECORD_MAX: u64 = 64 << 20;
/// How often a damaged record is read before it is passed over.
const TRIES: u32 = 4;
/// How many different troubles are told.
const TOLD_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Watch {
    folder: String,
    filter: Filter,
    save: bool,
    current_dir: String,
    /// Where its files are saved, if the client says so.
    pub(super) save_path: Option<String>,
    /// The prefix of its tags, if the client says so.
    pub(super) namespace: Option<String>,
    /// The folder that the prefix is counted from: `None` while it is waited for.
    root: Option<Option<String>>,
    files: BTreeMap<String, File>,
    open: Option<Open>,
    state: State,
    /// What was said already: the same trouble comes with every step.
    told: BTreeSet<String>,
}

/// Where the watch is in a look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Between two looks.
    Idle,
    /// The next call is to be made.
    Due(Option<Want>),
    /// A call is outstanding. `again`: another look is to follow.
    Asked { want: Option<Want>, again: bool },
}

#[derive(Debug, Default)]
struct File {
    at: u64,
    /// Bytes that the record at `at` needs, if more than are read at a time.
    need: Option<u32>,
    /// Nothing more comes of it in this look.
    rests: bool,
    tries: u32,
    /// What follows can't be read.
    given_up: bool,
    saved: bool,
}

impl Watch {
    pub(super) fn new(folder: String, filter: Filter, save: bool, current_dir: String) -> Self {
        Watch {
            folder,
            filter,
            save,
            current_dir,
            save_path: None,
            namespace: None,
            root: None,
            files: BTreeMap::new(),
            open: None,
            state: State::Idle,
            told: BTreeSet::new(),
        }
    }

    /// Whether the client has named the same folder twice.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_root = self.root == other.root || other.root.is_none();
        self.folder == other.folder && same_root && self.namespace == other.namespace && self.filter == other.filter
    }

    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    pub(super) fn waits(&self) -> bool {
        self.root.is_none()
    }

    /// The root is known, or known to be none. The first look is due.
    pub(super) fn settle(&mut self, root: Option<String>) {
        if self.namespace.is_none() {
            let prefix = root.as_deref().and_then(|root| below(&self.folder, root)).unwrap_or_default();
            self.namespace = Some(prefix.to_owned());
        }
        self.root = Some(root);
        self.look_again();
    }

    /// Starts a look, after the one that is under way.
    pub(super) fn look_again(&mut self) {
        match &mut self.state {
            State::Idle if self.root.is_some() => {
                self.files.values_mut().for_each(|file| file.rests = false);
                self.state = State::Due(None);
            }
            State::Idle | State::Due(_) => {}
            State::Asked { again, .. } => *again = true,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.state != State::Idle
    }

    /// What to ask for now, if anything: `Some(None)` asks for the list alone.
    pub(super) fn next_want(&mut self) -> Option<Option<Want>> {
        let State::Due(want) = &self.state else { return None };
        let want = want.clone();
        self.state = State::Asked { want: want.clone(), again: false };
        Some(want)
    }

    pub(super) fn on_tail_failed(&mut self) {
        self.end_look();
    }

    pub(super) fn on_tail(&mut self, sizes: &[(String, u64)], bytes: &Bytes, last: bool, out: &mut VecDeque<Action>) {
        let State::Asked { want, again } = self.state.clone() else { return };
        if let Some(want) = want {
            let size = sizes.iter().find(|(path, _)| *path == want.path).map_or(0, |(_, size)| *size);
            self.read(&want, size, bytes, last, out);
        }
        let next = sizes.iter().filter(|(path, _)| self.filter.takes(path)).find(|(path, size)| {
            let file = self.files.get(path);
            file.map_or(*size > 0, |file| *size > file.at && !file.rests && !file.given_up)
        });
        match next {
            Some((path, _)) => {
                let file = self.files.entry(path.clone()).or_default();
                let want = Want { path: path.clone(), at: file.at, len: file.need.unwrap_or(READ) };
                if !core::mem::replace(&mut file.saved, true) && self.save {
                    self.save_file(path, out);
                }
                self.state = State::Asked { want: None, again };
                self.due(Some(want));
            }
            None => self.end_look(),
        }
    }

    /// The row that may still grow is complete.
    pub(super) fn flush(&mut self, out: &mut VecDeque<Action>) {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        if let Some(cells) = self.open.take().and_then(|row| row::close(row, namespace)) {
            out.push_back(Action::Row(cells));
        }
    }

    /// Keeps the wish for another look.
    fn due(&mut self, want: Option<Want>) {
        let again = matches!(self.state, State::Asked { again: true, .. });
        if again {
            // A look that begins anew sees everything that this one would.
            self.files.values_mut().for_each(|file| file.rests = false);
        }
        self.state = State::Due(want);
    }

    fn end_look(&mut self) {
        let again = matches!(self.state, State::Asked { again: true, .. });
        self.state = State::Idle;
        if again {
            self.look_again();
        }
    }

    /// Takes the records that are whole.
    fn read(&mut self, want: &Want, size: u64, bytes: &Bytes, last: bool, out: &mut VecDeque<Action>) {
        let Some(mut file) = self.files.remove(&want.path) else { return };
        file.need = None;
        let mut rest = &bytes[..];
        loop {
            let taken = match frame(rest) {
                Frame::Whole { payload, size } => {
                    self.take_event(&want.path, payload, out);
                    size
                }
                Frame::Cut { size: needed } if file.at.saturating_add(needed) > size => {
                    file.rests = true;
                    break;
                }
                // It is there, and longer than what was read.
                Frame::Cut { size: needed } if needed > RECORD_MAX => needed,
                Frame::Cut { size: needed } => {
                    // With nothing read although there is something, the file changes right now.
                    file.rests = bytes.is_empty();
                    file.need = u32::try_from(needed).ok().filter(|needed| *needed > READ);
                    break;
                }
                Frame::BadPayload { size } if last || file.tries >= TRIES => {
                    out.push_back(Action::Tell(format!(
                        "A damaged record of {} byte {} was passed over.",
                        self.name(&want.path),
                        file.at
                    )));
                    size
                }
                Frame::BadLength if last => {
                    out.push_back(Action::Tell(format!(
                        "{} is damaged at byte {}: what follows is not logged.",
                        self.name(&want.path),
                        file.at
                    )));
                    file.given_up = true;
                    break;
                }
                Frame::BadPayload { .. } | Frame::BadLength => {
                    file.tries += 1;
                    file.rests = true;
                    break;
                }
            };
            file.tries = 0;
            file.at = file.at.saturating_add(taken.max(AROUND));
            rest = usize::try_from(taken).ok().and_then(|taken| rest.get(taken..)).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
        }
        self.files.insert(want.path.clone(), file);
    }

    fn take_event(&mut self, path: &str, payload: &[u8], out: &mut VecDeque<Action>) {
        let Ok(event) = event::parse(payload) else {
            let text = format!("A record of {} is no event and was passed over.", self.name(path));
            return self.tell(text, out);
        };
        for (tag, why) in &event.left_out {
            self.tell(format!("A TensorBoard value named {tag:?} is not logged: {why}."), out);
        }
        let namespace = self.namespace.as_deref().unwrap_or_default();
        if let Some(cells) = row::fold(&mut self.open, event, namespace) {
            out.push_back(Action::Row(cells));
        }
    }

    fn tell(&mut self, text: String, out: &mut VecDeque<Action>) {
        if self.told.len() < TOLD_MAX && self.told.insert(text.clone()) {
            out.push_back(Action::Tell(text));
        }
    }

    fn name(&self, path: &str) -> String {
        format!("the TensorBoard file {}/{path}", self.folder)
    }

    fn save_file(&self, path: &str, out: &mut VecDeque<Action>) {
        let source = format!("{}/{path}", self.folder);
        let root = self.root.as_ref().and_then(|root| root.as_deref());
        let target = match (&self.save_path, root) {
            (Some(place), _) => format!("{}/{path}", place.trim_matches('/')),
            (None, Some(root)) => match below(&source, root) {
                Some(below) => below.to_owned(),
                None => {
                    return out.push_back(Action::Tell(format!(
                        "{} is not saved with the run: it is not below {root}.",
                        self.name(path)
                    )));
                }
            },
            // As it would be named from the program's folder.
            (None, None) => below(&source, &self.current_dir).unwrap_or(path).to_owned(),
        };
        if target.split('/').any(|part| part == "..") {
            return out.push_back(Action::Tell(format!("{} is not saved outside of the run.", self.name(path))));
        }
        out.push_back(Action::Save { source, path: target });
    }
}
