//! What is measured beside what.

use std::{process::Stdio, time::Duration};

use catalog_core::store::database::Database;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    AnyError,
    database::{create, settle},
    load::{self, Target},
    neighbour, refresh, seed,
    table::{Goal, HEADER, Line, median},
};

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// A PostgreSQL server on which databases may be made.
    pub(crate) postgres: Option<String>,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
    /// Assets of each of two tenants.
    pub(crate) assets: usize,
    pub(crate) large: bool,
    /// The rows that are wanted; all where none is named.
    pub(crate) only: Vec<String>,
}

/// Measures everything, and prints a table.
pub(crate) async fn run(plan: &Plan) -> Result<(), AnyError> {
    println!(
        "{} connections, {} rounds of {} s, {} assets in each of two tenants",
        plan.connections, plan.rounds, plan.seconds, plan.assets
    );
    println!("a goal that is missed has a `!` before it\n\n{HEADER}");
    let folder = tempfile::tempdir()?;
    let sqlite = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    engine(plan, "SQLite", &sqlite("small.db"), &sqlite("many-rows.db"), &sqlite("many-tenants.db")).await?;
    if let Some(server) = &plan.postgres {
        let small = create(server, "catalog_bench_small").await?;
        let (rows, tenants) = if plan.large {
            (create(server, "catalog_bench_rows").await?, create(server, "catalog_bench_tenants").await?)
        } else {
            (String::new(), String::new())
        };
        engine(plan, "PostgreSQL", &small, &rows, &tenants).await?;
    }
    Ok(())
}

const MCP: &str = "/api/mcp_catalog/v1alpha1";
pub(crate) const LIST: &str = "/api/mcp_catalog/v1alpha1/mcpservers?namespace=t0";

async fn engine(plan: &Plan, name: &str, small: &str, rows: &str, tenants: &str) -> Result<(), AnyError> {
    let database = seed::open(small).await?;
    if plan.wants("Q11") {
        for line in refresh::measure(&database, name, plan.rounds, plan.assets).await? {
            println!("{line}");
        }
    }
    fill(database, seed::Size { tenants: 2, plugins: 2, assets: plan.assets }).await?;
    let (fresh, cached) = (Server::start(small, &[]).await?, Server::start(small, &["--cached"]).await?);
    let engine = Engine { plan, name, fresh, cached };
    engine.caches().await?;
    engine.reads().await?;
    engine.depth().await?;
    if plan.wants("Q10") {
        neighbour::measure(plan, name, small).await?;
    }
    if plan.large {
        engine.size(rows, "1,000,000 rows", seed::Size { tenants: 100, plugins: 1, assets: 10_000 }).await?;
        engine
            .size(tenants, "10,000 tenants", seed::Size { tenants: 10_000, plugins: 1, assets: 20 })
            .await?;
    }
    Ok(())
}

async fn fill(database: Database, size: seed::Size) -> Result<(), AnyError> {
    seed::fill(&database, size).await?;
    settle(&database).await?;
    database.close().await;
    Ok(())
}

/// One engine with two servers on one database: one that keeps no lists, and one that does.
struct Engine<'a> {
    plan: &'a Plan,
    name: &'a str,
    fresh: Server,
    cached: Server,
}

impl Engine<'_> {
    fn what(&self, text: &str) -> String {
        format!("{}: {text}", self.name)
    }

    async fn caches(&self) -> Result<(), AnyError> {
        let hello = self.cached.target("/raw/hello");
        let discovery = self.cached.target("/api/plugins");
        let (_, head, _) = load::once(&discovery).await?;
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default();
        let known = Target { headers: format!("if-none-match: {etag}\r\n"), ..discovery.clone() };
        let bytes = self.cached.target("/raw/cached");
        let goal = Goal::AtLeast(0.85);
        let bare = self.cached.target("/raw/discovery");
        let what = self.what("discovery, kept / bare axum with the same bytes");
        self.plan.compare("Q2", what, &bare, &discovery, goal).await?;
        self.plan.compare("Q2", self.what("discovery, 304 / bare axum"), &hello, &known, goal).await?;
        let through = self.cached.target("/through/hello?namespace=t0");
        self.plan
            .compare("Q1", self.what("the stack so far / bare axum"), &hello, &through, Goal::AtLeast(0.65))
            .await?;
        let what = self.what("discovery, 304 / the stack around nothing");
        self.plan.compare("Q2", what, &through, &known, Goal::AtLeast(0.9)).await?;
        let list = self.cached.target(LIST);
        let what = self.what("page of 100, kept / bytes through moka");
        self.plan.compare("Q5", what, &bytes, &list, Goal::AtLeast(0.8)).await?;
        let options = self.cached.target(&format!("{MCP}/filter_options?namespace=t0"));
        self.plan
            .compare("-", self.what("filter options, kept / bare axum"), &hello, &options, Goal::None)
            .await
    }

    async fn reads(&self) -> Result<(), AnyError> {
        let target = |path: &str| self.fresh.target(path);
        let page = target(LIST);
        let (row, goal, driver) = match self.name {
            "SQLite" => ("Q3", 0.8, "raw driver"),
            _ => ("Q4", 0.9, "prepared statement"),
        };
        let what = self.what(&format!("page of 100, not kept / {driver}"));
        self.plan.compare(row, what, &target("/raw/list"), &page, Goal::AtLeast(goal)).await?;
        let one = target(&format!("{MCP}/mcpservers/fraud-labs%2Ffraud-000000?namespace=t0"));
        let what = self.what(&format!("get by name / {driver}"));
        self.plan.compare("Q6", what, &target("/raw/get"), &one, Goal::AtLeast(0.9)).await?;
        let absent = |name: &str| {
            let name = name.replace('/', "%2F");
            Target { absent: true, ..target(&format!("{MCP}/mcpservers/{name}?namespace=t0")) }
        };
        // the second tenant has one more than the first
        let (nobody, foreign) =
            (absent(&seed::name(self.plan.assets + 1)), absent(&seed::name(self.plan.assets)));
        let what = self.what("get what is another tenant's / what is nobody's");
        self.plan.compare("T2", what, &nobody, &foreign, Goal::AtLeast(0.95)).await?;
        let filter = target(&format!("{LIST}&filterQuery=category%3D%27category-7%27"));
        let what = self.what(&format!("filter on a declared field / {driver}"));
        self.plan.compare("Q7", what, &target("/raw/filter"), &filter, Goal::AtLeast(0.9)).await?;
        for (text, query) in [
            ("filter that most match / page of 100", "filterQuery=verified%3Dfalse"),
            ("filter on a tag / page of 100", "filterQuery=tags%3D%27genome%27"),
            ("q of two words / page of 100", "q=fraud%20vis"),
            ("q of a rare word / page of 100", "q=000123"),
        ] {
            let asked = target(&format!("{LIST}&{query}"));
            self.plan.compare("Q7", self.what(text), &page, &asked, Goal::None).await?;
        }
        Ok(())
    }

    async fn depth(&self) -> Result<(), AnyError> {
        for (text, order) in [
            ("last of 10-row pages / first of them", ""),
            ("the same by a declared field, descending", "&orderBy=toolCount&sortOrder=DESC"),
        ] {
            let list = format!("{LIST}&pageSize=10{order}");
            let late = walk(&self.fresh, &list, self.plan.assets / 10 - 1).await?;
            let goal = Goal::AtLeast(1.0 / 1.2);
            self.plan.compare("Q8", self.what(text), &self.fresh.target(&list), &late, goal).await?;
        }
        Ok(())
    }

    async fn size(&self, url: &str, text: &str, size: seed::Size) -> Result<(), AnyError> {
        fill(seed::open(url).await?, size).await?;
        let large = Server::start(url, &[]).await?;
        let models = "/api/model_catalog/v1alpha1/models?namespace=t0&pageSize=20";
        let what = self.what(&format!("{text} / two tenants of {}", self.plan.assets));
        let goal = Goal::AtLeast(1.0 / 1.3);
        self.plan.compare("Q8", what, &self.fresh.target(models), &large.target(models), goal).await
    }
}

/// The target of the page that so many pages lead to.
async fn walk(server: &Server, list: &str, pages: usize) -> Result<Target, AnyError> {
    let mut target = server.target(list);
    for _ in 0..pages {
        let (status, _, body) = load::once(&target).await?;
        let body: serde_json::Value =
            serde_json::from_str(&body).map_err(|error| format!("status {status}: {error}"))?;
        let token =
            body.get("nextPageToken").and_then(|token| token.as_str()).ok_or("the list ended too soon")?;
        target = server.target(&format!("{list}&pageToken={token}"));
    }
    Ok(target)
}

impl Plan {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }

    /// Loads the two in turns, prints a line, and keeps nothing.
    async fn compare(
        &self,
        id: &'static str,
        what: String,
        baseline: &Target,
        ours: &Target,
        goal: Goal,
    ) -> Result<(), AnyError> {
        if !self.wants(id) {
            return Ok(());
        }
        let time = Duration::from_secs_f64(self.seconds);
        let (mut bases, mut own, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcome = load::Outcome::default();
        for target in [baseline, ours] {
            load::run(target, self.connections, time / 4).await?;
        }
        for _ in 0..self.rounds {
            let base = load::run(baseline, self.connections, time).await?;
            outcome = load::run(ours, self.connections, time).await?;
            ratios.push(outcome.per_second / base.per_second);
            bases.push(base.per_second);
            own.push(outcome.per_second);
        }
        let line = Line {
            id,
            what,
            baseline: median(&bases),
            ours: median(&own),
            unit: "req/s",
            ratios,
            goal,
            p50: outcome.p50,
            p99: outcome.p99,
        };
        println!("{line}");
        Ok(())
    }
}

/// A server in a process of its own, which ends with this.
pub(crate) struct Server {
    _process: Child,
    address: String,
}

impl Server {
    pub(crate) async fn start(url: &str, options: &[&str]) -> Result<Self, AnyError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--database-url", url]).args(options);
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let out = process.stdout.take().ok_or("the server has no output")?;
        let address = BufReader::new(out).lines().next_line().await?.ok_or("the server did not start")?;
        Ok(Self { _process: process, address })
    }

    pub(crate) fn target(&self, path: &str) -> Target {
        Target { address: self.address.clone(), path: path.into(), headers: String::new(), absent: false }
    }
}
