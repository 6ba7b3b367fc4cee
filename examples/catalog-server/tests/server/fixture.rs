//! A server of the test's own, and a client.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A running server; it is killed when this goes.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) process: Child,
    pub(crate) base: String,
    /// What is sent with requests that say nothing of who asks.
    pub(crate) token: Option<&'static str>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, having checked that it is one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{self:?}");
        assert!(problem["detail"].is_string() && problem["title"].is_string(), "{self:?}");
        problem["code"].as_str().unwrap().into()
    }

    /// The names of the items of a list.
    pub(crate) fn names(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let body = self.json();
        body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().into()).collect()
    }
}

/// The server that is tested.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_catalog-server");

/// The binary in an empty folder, with no environment but what is given.
pub(crate) fn command(folder: &Path, env: &[(&str, &str)]) -> Command {
    of(Path::new(BINARY), folder, env)
}

fn of(binary: &Path, folder: &Path, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder).env_clear().envs(env.iter().copied()).stdin(Stdio::null());
    command
}

/// How the record names who runs the tests' commands.
pub(crate) fn operator() -> String {
    let name = Command::new("id").arg("-un").output().unwrap();
    format!("system:catalog:operator:{}", String::from_utf8(name.stdout).unwrap().trim())
}

/// What the binary answers to those arguments.
pub(crate) fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    command(folder.path(), env).args(args).output().unwrap()
}

impl Server {
    /// The demo, ready.
    pub(crate) fn demo() -> Self {
        Self::start(tempfile::tempdir().unwrap(), &[])
    }

    /// A server in that folder, ready.
    pub(crate) fn start(folder: TempDir, env: &[(&str, &str)]) -> Self {
        let server = Self::spawn(folder, env);
        server.wait_until("/readyz", 200);
        server
    }

    /// A server in that folder, listening.
    pub(crate) fn spawn(folder: TempDir, env: &[(&str, &str)]) -> Self {
        Self::spawn_release(Path::new(BINARY), folder, env)
    }

    /// Likewise, of that binary.
    pub(crate) fn spawn_release(binary: &Path, folder: TempDir, env: &[(&str, &str)]) -> Self {
        let command = of(binary, folder.path(), env);
        Self::spawn_by(folder, env, command)
    }

    /// Likewise, by a command that ends in the binary.
    pub(crate) fn spawn_by(folder: TempDir, env: &[(&str, &str)], mut command: Command) -> Self {
        let knows_nobody =
            env.iter().any(|(name, value)| *name == "CATALOG_AUTH_MODE" && *value == "anonymous");
        let token = (!knows_nobody).then_some("demo-operator");
        let address = folder.path().join("address");
        let _ = fs::remove_file(&address);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = command
            .args(["--listen", "127.0.0.1:0", "--listen-file", "address"])
            .stdout(fs::File::create(folder.path().join("out")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { folder, process, base: String::new(), token };
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.base.is_empty() {
            if let Ok(text) = fs::read_to_string(&address) {
                server.base = format!("http://{text}");
            } else if let Some(status) = server.process.try_wait().unwrap() {
                panic!("the server left with {status}: {}", server.log());
            } else {
                assert!(Instant::now() < deadline, "the server does not listen: {}", server.log());
                thread::sleep(Duration::from_millis(5));
            }
        }
        server
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn out(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap_or_default()
    }

    pub(crate) fn wait_until(&self, path: &str, status: u16) {
        self.answers(path, |answer| answer.status == status);
    }

    /// Asks until the answer is as wanted, and gives it.
    pub(crate) fn answers(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays {answer:?}: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until readiness says so of a component.
    pub(crate) fn wait_for_component(&self, component: &str, status: &str) {
        self.answers("/readyz", |answer| answer.json()["components"][component]["status"] == status);
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// A list with parameters, which are encoded here.
    pub(crate) fn list(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| {
            text.bytes().fold(String::new(), |out, byte| {
                if byte.is_ascii_alphanumeric() {
                    out + &char::from(byte).to_string()
                } else {
                    format!("{out}%{byte:02X}")
                }
            })
        };
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.get(&format!("{path}?{}", query.join("&")))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .max_redirects(0)
            .build();
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let says = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(token) = self.token.filter(|_| !says) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let agent = ureq::Agent::new_with_config(config);
        let mut response = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let mut text = String::new();
        response.body_mut().as_reader().read_to_string(&mut text).unwrap();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Takes the folder out of a server that is killed as hard as can be.
    pub(crate) fn kill(mut self) -> TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Each plugin's list.
pub(crate) const LISTS: [&str; 8] = [
    "/api/model_catalog/v1alpha1/models",
    "/api/mcp_catalog/v1alpha1/mcpservers",
    "/api/agents_catalog/v1alpha1/agents",
    "/api/prompts_catalog/v1alpha1/prompttemplates",
    "/api/knowledge_catalog/v1alpha1/knowledgesources",
    "/api/guardrails_catalog/v1alpha1/guardrails",
    "/api/policies_catalog/v1alpha1/policies",
    "/api/skills_catalog/v1alpha1/skills",
];
/// Those of them that have sample data.
pub(crate) const SAMPLED: usize = 5;
