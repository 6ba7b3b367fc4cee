//! An API server of its own for a test, with the store behind it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Request;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Config};
use tempfile::TempDir;

use crate::credentials::{self as file, Credentials};
use crate::real;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long a server may take to be ready.
const PATIENCE: Duration = Duration::from_mins(2);

/// Another may take a port between our look and the server's start.
const ATTEMPTS: usize = 3;

/// Waits for the end of our process, whatever ends it, and then does what `Drop` cannot after a kill.
const WATCHER: &str = r#"
trap '' HUP INT TERM
cat > /dev/null
kill "$1" "$2"
sleep 1
rm -rf -- "$3"
"#;

/// Both processes and the folder that they write to.
#[derive(Debug)]
pub(crate) struct Assets {
    config: Config,
    watcher: Child,
    /// In the order in which they are to be stopped.
    processes: [Child; 2],
    /// Removed last.
    _folder: TempDir,
}

impl Assets {
    /// Starts `etcd` and `kube-apiserver` of a folder, and waits until they serve.
    pub(crate) async fn start(programs: &Path) -> Self {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::try_start(programs).await {
                Ok(started) => return started,
                Err(error) => last = Some(error),
            }
        }
        panic!("the API server of {} does not start: {last:?}", programs.display());
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    async fn try_start(programs: &Path) -> Result<Self, Error> {
        let folder = TempDir::with_prefix("catalog-kubernetes-")?;
        let path = folder.path();
        let credentials = Credentials::create(path)?;
        let [client, peer, secure] = free_ports()?;

        let etcd = spawn(&programs.join("etcd"), path, &etcd_arguments(path, client, peer))?;
        let etcd = Guard(Some(etcd));
        let server = spawn(&programs.join("kube-apiserver"), path, &server_arguments(path, client, secure))?;
        let server = Guard(Some(server));

        let mut config = Config::new(format!("https://127.0.0.1:{secure}").parse()?);
        config.root_cert = Some(vec![credentials.authority]);
        config.auth_info.token = Some(credentials.token.into());

        let mut processes = [server, etcd];
        wait_until_ready(&config, &mut processes, path).await?;
        let [mut server, mut etcd] = processes;
        let (Some(server), Some(etcd)) = (server.0.take(), etcd.0.take()) else {
            return Err("stopped".into());
        };
        let watcher = Command::new("sh")
            .args(["-c", WATCHER, "catalog-kubernetes-watcher"])
            .args([server.id().to_string(), etcd.id().to_string()])
            .arg(path)
            .stdin(Stdio::piped())
            // With our own it would hold open what our caller reads from.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In our group it would be ended by the same Ctrl-C as we.
            .process_group(0)
            .spawn()?;
        Ok(Self { config, watcher, processes: [server, etcd], _folder: folder })
    }
}

impl Drop for Assets {
    fn drop(&mut self) {
        // First the watcher: it must not end whoever gets the ids of those that have ended.
        stop(&mut self.watcher);
        self.processes.iter_mut().for_each(stop);
    }
}

/// A process that is stopped if the start of the whole fails.
struct Guard(Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            stop(child);
        }
    }
}

/// Nothing of what they write is kept, so they need no time to end well.
fn stop(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn free_ports() -> io::Result<[u16; 3]> {
    // All at once, or the same one could come twice.
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = [listen()?, listen()?, listen()?];
    let [one, two, three] = &listeners;
    Ok([one.local_addr()?.port(), two.local_addr()?.port(), three.local_addr()?.port()])
}

fn spawn(program: &Path, folder: &Path, arguments: &[String]) -> Result<Child, Error> {
    let name = program.file_name().unwrap_or_default();
    let log = File::create(folder.join(name).with_extension("log"))?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    child.map_err(|error| format!("{}: {error}", program.display()).into())
}

fn etcd_arguments(folder: &Path, client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
    ]
}

fn server_arguments(folder: &Path, etcd: u16, secure: u16) -> Vec<String> {
    let path = |file: &str| folder.join(file).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--secure-port={secure}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        format!("--tls-cert-file={}", path(file::CERTIFICATE)),
        format!("--tls-private-key-file={}", path(file::KEY)),
        format!("--token-auth-file={}", path(file::TOKENS)),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", path(file::ACCOUNT_PUBLIC_KEY)),
        format!("--service-account-signing-key-file={}", path(file::ACCOUNT_KEY)),
    ]
}

async fn wait_until_ready(config: &Config, processes: &mut [Guard], folder: &Path) -> Result<(), Error> {
    let client = real::client(config.clone());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let end = Instant::now() + PATIENCE;
    loop {
        for process in processes.iter_mut().filter_map(|guard| guard.0.as_mut()) {
            if let Some(status) = process.try_wait()? {
                return Err(format!("ended with {status}; {}", last_words(folder)).into());
            }
        }
        let ready = client.request_text(Request::get("/readyz").body(Vec::new())?).await;
        // Made by the server itself, and only once it is ready.
        if ready.is_ok() && namespaces.get_opt("default").await?.is_some() {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("not ready: {ready:?}; {}", last_words(folder)).into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The end of what the server logged.
fn last_words(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("kube-apiserver.log")).unwrap_or_default();
    let mut lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.reverse();
    lines.join("\n")
}
