//! A closed loop of requests over keep-alive connections.

use std::{
    io::{Error, ErrorKind},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What to ask, and of whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) path: String,
    /// Further header lines, each ended.
    pub(crate) headers: String,
    /// What is asked for is not to be there.
    pub(crate) absent: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Asks over so many connections for as long, each as soon as it has its answer; an answer that is neither 200 nor 304, or not 404 where
/// nothing is to be there, is an error.
pub(crate) async fn run(target: &Target, connections: usize, time: Duration) -> Result<Outcome, Error> {
    let begun = Instant::now();
    let tasks: Vec<_> =
        (0..connections).map(|_| tokio::spawn(client(target.clone(), begun + time))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.map_err(Error::other)??);
    }
    let elapsed = begun.elapsed();
    latencies.sort_unstable();
    let at = |part| percentile(&latencies, part);
    let count = f64::from(u32::try_from(latencies.len()).unwrap_or(u32::MAX));
    Ok(Outcome { per_second: count / elapsed.as_secs_f64(), p50: at(50), p99: at(99) })
}

/// Of sorted latencies.
fn percentile(latencies: &[Duration], part: usize) -> Duration {
    latencies.get(latencies.len() * part / 100).copied().unwrap_or_default()
}

async fn client(target: Target, until: Instant) -> Result<Vec<Duration>, Error> {
    let mut connection = Connection::open(&target).await?;
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let (status, _) = connection.ask().await?;
        latencies.push(begun.elapsed());
        if if target.absent { status != 404 } else { status != 200 && status != 304 } {
            return Err(Error::other(format!("{}: status {status}", target.path)));
        }
    }
    Ok(latencies)
}

/// What came of a paced load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paced {
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
    /// Which part was answered by 429.
    pub(crate) refused: f64,
}

/// Asks over so many connections so often a second, whatever the answers are.
pub(crate) async fn paced(
    target: &Target,
    connections: usize,
    per_second: u32,
    time: Duration,
) -> Result<Paced, Error> {
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            let target = target.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(&target).await?;
                let period = Duration::from_secs(1) / per_second;
                // connections keep out of step, as those of real clients do
                let offset = period.mul_f64(f64::from(u32::try_from(number).unwrap_or(0)) * 0.618_034 % 1.0);
                let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + offset, period);
                let (begun, mut latencies, mut refused) = (Instant::now(), Vec::new(), 0_u32);
                while begun.elapsed() < time {
                    beat.tick().await;
                    let asked = Instant::now();
                    let (status, _) = connection.ask().await?;
                    latencies.push(asked.elapsed());
                    refused += u32::from(status == 429);
                }
                Ok::<_, Error>((latencies, refused))
            })
        })
        .collect();
    let (mut latencies, mut refused) = (Vec::new(), 0);
    for task in tasks {
        let (own, times) = task.await.map_err(Error::other)??;
        latencies.extend(own);
        refused += times;
    }
    latencies.sort_unstable();
    let count = u32::try_from(latencies.len().max(1)).unwrap_or(u32::MAX);
    let at = |part| percentile(&latencies, part);
    Ok(Paced { p50: at(50), p95: at(95), p99: at(99), refused: f64::from(refused) / f64::from(count) })
}

/// Asks once, and gives status, head and body.
pub(crate) async fn once(target: &Target) -> Result<(u16, String, String), Error> {
    let mut connection = Connection::open(target).await?;
    let (status, body) = connection.ask().await?;
    let (head, body) = connection.buffer.split_at_checked(body).ok_or(ErrorKind::InvalidData)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((status, text(head), text(body)))
}

/// The status and the length of the body.
fn parse(head: &[u8]) -> Option<(u16, usize)> {
    let text = std::str::from_utf8(head).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    Some((status, length.unwrap_or(0)))
}

const CLOSE: &[u8] = b"connection: close";

/// A connection over which one request after another is sent.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self, Error> {
        let stream = TcpStream::connect(&target.address).await?;
        stream.set_nodelay(true)?;
        let request = format!("GET {} HTTP/1.1\r\nhost: bench\r\n{}\r\n", target.path, target.headers);
        Ok(Self { stream, request: request.into_bytes(), buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends the request and reads the answer into the buffer; gives its status and where its body begins.
    pub(crate) async fn ask(&mut self) -> Result<(u16, usize), Error> {
        self.stream.write_all(&self.request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let (status, length) =
            parse(self.buffer.get(..head).unwrap_or_default()).ok_or(ErrorKind::InvalidData)?;
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        Ok((status, head))
    }

    /// Whether the answer said that no other will follow.
    pub(crate) fn is_last(&self) -> bool {
        self.buffer.windows(CLOSE.len()).any(|window| window == CLOSE)
    }

    async fn read(&mut self) -> Result<(), Error> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
