//! A pooler in transaction mode: it gives each transaction another backend, and prepares there again what a client has prepared, as
//! `PgBouncer` does.

use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Which of the free backends is next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// That which was free the longest.
    Oldest,
    /// That which was used last.
    Newest,
}

struct Backend {
    stream: TcpStream,
    prepared: HashSet<Vec<u8>>,
}

struct Pool {
    server: String,
    user: String,
    password: String,
    database: String,
    next: Next,
    free: Mutex<VecDeque<Backend>>,
    permits: Semaphore,
}

type Message = (u8, Vec<u8>);

async fn read(stream: &mut TcpStream) -> io::Result<Message> {
    let kind = stream.read_u8().await?;
    let length = usize::try_from(stream.read_u32().await?).unwrap() - 4;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// Up to the zero byte, and after it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == 0).unwrap();
    (&text[..end], &text[end + 1..])
}

/// Serves that database through so many backends, for as long as the test's runtime lasts, and gives the URL.
pub(crate) async fn pooler(url: &str, backends: usize, next: Next) -> String {
    let (place, database) = url.rsplit_once('/').unwrap();
    let (who, server) = place.rsplit_once('@').unwrap();
    let (_, who) = who.rsplit_once('/').unwrap();
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let pool = Arc::new(Pool {
        server: server.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        database: database.to_owned(),
        next,
        free: Mutex::default(),
        permits: Semaphore::new(backends),
    });
    for _ in 0..backends {
        let backend = pool.open().await.unwrap();
        pool.free.lock().unwrap().push_back(backend);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for client in 0_u32.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let pool = Arc::clone(&pool);
            // a client that goes away ends what serves it
            tokio::spawn(async move {
                let _ = serve(&pool, stream, client).await;
            });
        }
    });
    format!("postgres://postgres@{address}/{database}?sslmode=disable")
}

impl Pool {
    async fn open(&self) -> io::Result<Backend> {
        let mut stream = TcpStream::connect(&self.server).await?;
        let mut start = 196_608_u32.to_be_bytes().to_vec();
        for text in ["user", &self.user, "database", &self.database, ""] {
            start.extend_from_slice(text.as_bytes());
            start.push(0);
        }
        let length = u32::try_from(start.len() + 4).unwrap();
        stream.write_all(&[&length.to_be_bytes(), start.as_slice()].concat()).await?;
        let mut scram = None;
        loop {
            let (kind, body) = read(&mut stream).await?;
            match (kind, body.get(..4)) {
                (b'Z', _) => break,
                (b'R', Some([0, 0, 0, 10])) => {
                    let begun = Scram::begin();
                    stream.write_all(&message(b'p', &begun.first())).await?;
                    scram = Some(begun);
                }
                (b'R', Some([0, 0, 0, 11])) => {
                    let proof = scram.take().unwrap().last(&self.password, &body[4..]);
                    stream.write_all(&message(b'p', &proof)).await?;
                }
                (b'E', _) => panic!("{}", String::from_utf8_lossy(&body)),
                _ => {}
            }
        }
        Ok(Backend { stream, prepared: HashSet::new() })
    }

    async fn take(&self) -> io::Result<Backend> {
        self.permits.acquire().await.unwrap().forget();
        let free = {
            let mut free = self.free.lock().unwrap();
            if self.next == Next::Oldest { free.pop_front() } else { free.pop_back() }
        };
        match free {
            Some(backend) => Ok(backend),
            None => self.open().await,
        }
    }
}

/// Gives a backend back, or its place where it was lost.
struct Lent<'a>(&'a Pool, Option<Backend>);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.permits.add_permits(1);
    }
}

async fn serve(pool: &Pool, mut client: TcpStream, number: u32) -> io::Result<()> {
    let length = usize::try_from(client.read_u32().await?).unwrap() - 4;
    client.read_exact(&mut vec![0; length]).await?;
    let mut hello = message(b'R', &0_u32.to_be_bytes());
    for parameter in [&b"server_version\x0015.0\0"[..], b"client_encoding\0UTF8\0", b"TimeZone\0UTC\0"] {
        hello.extend(message(b'S', parameter));
    }
    hello.extend(message(b'K', &[0; 8]));
    hello.extend(message(b'Z', b"I"));
    client.write_all(&hello).await?;

    let mut parsed: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let prefixed = |name: &[u8]| [format!("client_{number}_").as_bytes(), name, &[0]].concat();
    let mut lent: Option<Lent<'_>> = None;
    // what the client has not asked for, and is not told
    let mut hidden: HashMap<u8, usize> = HashMap::new();
    loop {
        let (kind, body) = read(&mut client).await?;
        if kind == b'X' {
            return Ok(());
        }
        if lent.is_none() {
            lent = Some(Lent(pool, Some(pool.take().await?)));
        }
        let backend = lent.as_mut().and_then(|lent| lent.1.as_mut()).unwrap();
        let (before, name, after) = match kind {
            b'P' => (&b""[..], Some(split(&body).0), split(&body).1),
            b'B' => {
                let (portal, rest) = split(&body);
                (&body[..=portal.len()], Some(split(rest).0), split(rest).1)
            }
            b'D' | b'C' if body[0] == b'S' => (&body[..1], Some(split(&body[1..]).0), &b""[..]),
            _ => (&b""[..], None, body.as_slice()),
        };
        if let Some(name) = name {
            let full = prefixed(name);
            let whole = message(kind, &[before, full.as_slice(), after].concat());
            if kind == b'P' {
                parsed.insert(full.clone(), whole.clone());
                if backend.prepared.contains(&full) {
                    backend.stream.write_all(&message(b'C', &[b"S", full.as_slice()].concat())).await?;
                    *hidden.entry(b'3').or_default() += 1;
                }
                backend.prepared.insert(full);
            } else if kind == b'C' {
                backend.prepared.remove(&full);
            } else if let Some(parse) = parsed.get(&full).filter(|_| !backend.prepared.contains(&full)) {
                backend.stream.write_all(parse).await?;
                *hidden.entry(b'1').or_default() += 1;
                backend.prepared.insert(full);
            }
            backend.stream.write_all(&whole).await?;
        } else {
            backend.stream.write_all(&message(kind, after)).await?;
        }
        if kind != b'S' && kind != b'Q' {
            continue;
        }
        let state = loop {
            let (kind, body) = read(&mut backend.stream).await?;
            if let Some(count) = hidden.get_mut(&kind).filter(|count| **count > 0) {
                *count -= 1;
                continue;
            }
            client.write_all(&message(kind, &body)).await?;
            if kind == b'Z' {
                break body[0];
            }
        };
        hidden.clear();
        if state == b'I'
            && let Some(mut lent) = lent.take()
        {
            pool.free.lock().unwrap().extend(lent.1.take());
        }
    }
}

/// Showing a password to a server that wants it by SCRAM-SHA-256 (RFC 5802, RFC 7677).
struct Scram {
    nonce: String,
}

impl Scram {
    fn begin() -> Self {
        let mut random = [0; 18];
        rand::fill(&mut random).unwrap();
        Self { nonce: STANDARD.encode(random) }
    }

    fn first(&self) -> Vec<u8> {
        let text = format!("n,,n=,r={}", self.nonce);
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&b"SCRAM-SHA-256\0"[..], &length, text.as_bytes()].concat()
    }

    /// What proves the password to the server that has answered so.
    fn last(&self, password: &str, answer: &[u8]) -> Vec<u8> {
        let answer = std::str::from_utf8(answer).unwrap();
        let part = |name: &str| answer.split(',').find_map(|part| part.strip_prefix(name)).unwrap();
        let (nonce, salt) = (part("r="), STANDARD.decode(part("s=")).unwrap());
        let rounds = part("i=").parse().unwrap();
        let mut salted = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            std::num::NonZeroU32::new(rounds).unwrap(),
            &salt,
            password.as_bytes(),
            &mut salted,
        );
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let last = format!("c=biws,r={nonce}");
        let all = format!("n=,r={},{answer},{last}", self.nonce);
        let signature = sign(stored.as_ref(), all.as_bytes());
        let proof: Vec<u8> =
            client.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        format!("{last},p={}", STANDARD.encode(proof)).into_bytes()
    }
}
