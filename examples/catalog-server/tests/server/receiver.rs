//! A webhook of the test's own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

/// Takes batches of events, as it is told to.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    behavior: Behavior,
    /// By id, how often each came, and what it was.
    taken: BTreeMap<String, (usize, Value)>,
    /// The ids in the order in which they first came.
    order: Vec<String>,
    asked: usize,
}

/// How batches are answered.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// They are taken.
    Take,
    /// They are taken, and nobody is told.
    TakeInSilence,
    /// With that status, and they are not taken.
    Fail(u16),
    /// Those with the event of that request are refused.
    Refuse(String),
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = State { behavior: Behavior::Take, taken: BTreeMap::new(), order: Vec::new(), asked: 0 };
        let receiver = Self { url, state: Arc::new(Mutex::new(state)) };
        let state = Arc::clone(&receiver.state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&state));
                thread::spawn(move || serve(stream, &state));
            }
        });
        receiver
    }

    pub(crate) fn behave(&self, behavior: Behavior) {
        self.state.lock().unwrap().behavior = behavior;
    }

    /// The events that were taken, by id: how often, and what.
    pub(crate) fn taken(&self) -> BTreeMap<String, (usize, Value)> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Their ids in the order in which they first came.
    pub(crate) fn order(&self) -> Vec<String> {
        self.state.lock().unwrap().order.clone()
    }

    /// How many batches came.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let batch: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let Some(status) = answer(batch, state) else {
            while matches!(state.lock().unwrap().behavior, Behavior::TakeInSilence) {
                thread::sleep(Duration::from_millis(5));
            }
            return;
        };
        if write!(writer, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The status; none where nobody is told.
fn answer(batch: Vec<Value>, state: &Mutex<State>) -> Option<u16> {
    let mut state = state.lock().unwrap();
    state.asked += 1;
    match &state.behavior {
        Behavior::Fail(status) => return Some(*status),
        Behavior::Refuse(id) if batch.iter().any(|event| is_of(&event["data"], id)) => return Some(400),
        Behavior::Take | Behavior::TakeInSilence | Behavior::Refuse(_) => {}
    }
    for event in batch {
        let id = event["id"].as_str().unwrap().to_owned();
        if let Some((times, before)) = state.taken.get_mut(&id) {
            assert_eq!(*before, event, "what comes twice is the same");
            *times += 1;
        } else {
            state.order.push(id.clone());
            state.taken.insert(id, (1, event));
        }
    }
    (!matches!(state.behavior, Behavior::TakeInSilence)).then_some(204)
}

fn is_of(event: &Value, request: &str) -> bool {
    event["requestId"] == request && event["eventType"] == "request"
}
