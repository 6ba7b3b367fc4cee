//! A policy in files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use catalog_core::clock::{ManualClock, Timestamp};
use catalog_rbac::{
    engine::RbacAuthorizer,
    policy::{FilePolicy, FilePolicyError, FilePolicyStatus},
};
use tempfile::TempDir;

use crate::fixture::{causes, decide, list_assets, user};

const ROLE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: viewer}
rules:
- {apiGroups: [catalog.kubeflow.org], resources: [assets], verbs: [list]}
";

fn binding(user: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {user}, namespace: team-a}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: viewer}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}
"
    )
}

/// Puts a file into its place at once.
fn write(folder: &Path, name: &str, text: &str) {
    let new = folder.join(".new");
    fs::write(&new, text).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

async fn may(policy: &FilePolicy, name: &str) -> bool {
    let authorizer = RbacAuthorizer::new(Arc::clone(policy.handle()));
    decide(&authorizer, &user(name), &list_assets(), Some("team-a")).await.unwrap().is_allowed()
}

/// Waits until the status is as wanted.
async fn until(policy: &FilePolicy, wanted: impl Fn(&FilePolicyStatus) -> bool) -> FilePolicyStatus {
    let waiting = async {
        loop {
            let status = policy.status();
            if wanted(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), waiting)
        .await
        .unwrap_or_else(|_| panic!("{:?}", policy.status()))
}

fn is_generation(wanted: u64) -> impl Fn(&FilePolicyStatus) -> bool {
    move |status| matches!(status, FilePolicyStatus::Ok { generation, .. } if *generation == wanted)
}

fn is_failed(part: &str) -> impl Fn(&FilePolicyStatus) -> bool {
    move |status| matches!(status, FilePolicyStatus::Failed { error, .. } if causes(error).contains(part))
}

/// A folder with the role and a binding of jane, and its policy, watched.
async fn watched() -> (TempDir, FilePolicy, ManualClock) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "10-role.yaml", ROLE);
    write(folder.path(), "20-jane.yml", &binding("jane"));
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let policy = FilePolicy::load_at([folder.path()], Arc::new(clock.clone())).await.unwrap();
    tokio::spawn({
        let policy = policy.clone();
        async move { policy.watch(Duration::from_millis(10)).await }
    });
    (folder, policy, clock)
}

#[tokio::test(start_paused = true)]
async fn what_is_written_counts_and_what_is_removed_does_not() {
    let (folder, policy, _clock) = watched().await;
    assert!(may(&policy, "jane").await && !may(&policy, "joe").await);
    write(
        folder.path(),
        "20-joe.json",
        &serde_json::json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "joe", "namespace": "team-a"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "viewer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}],
        })
        .to_string(),
    );
    until(&policy, is_generation(2)).await;
    assert!(may(&policy, "jane").await && may(&policy, "joe").await);
    fs::remove_file(folder.path().join("20-jane.yml")).unwrap();
    until(&policy, is_generation(3)).await;
    assert!(!may(&policy, "jane").await && may(&policy, "joe").await);
}

#[tokio::test(start_paused = true)]
async fn bad_files_leave_the_last_good_policy_in_force() {
    let (folder, policy, clock) = watched().await;
    write(folder.path(), "30-bad.yaml", "kind: [");
    until(&policy, is_failed("30-bad.yaml:")).await;
    assert!(may(&policy, "jane").await);
    clock.advance(Duration::from_secs(5));
    write(folder.path(), "30-bad.yaml", &ROLE.replace("[list]", "[]").replace("viewer", "other"));
    let FilePolicyStatus::Failed { since, .. } = until(&policy, is_failed("30-bad.yaml:6")).await else {
        panic!()
    };
    assert_eq!(since, Timestamp::UNIX_EPOCH, "something is wrong since the first of them");
    fs::write(folder.path().join("30-bad.yaml"), [0xff]).unwrap();
    until(&policy, is_failed("UTF-8")).await;
    // a binding that would be good counts no more than the bad file beside it
    write(folder.path(), "20-joe.yaml", &binding("joe"));
    fs::write(folder.path().join("30-bad.yaml"), ROLE).unwrap();
    until(&policy, is_failed("stands twice")).await;
    assert!(may(&policy, "jane").await && !may(&policy, "joe").await);
    fs::remove_file(folder.path().join("30-bad.yaml")).unwrap();
    let status = until(&policy, is_generation(2)).await;
    assert!(matches!(status, FilePolicyStatus::Ok { loaded_at, .. } if loaded_at.unix_ms() == 5_000));
    assert!(may(&policy, "joe").await);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_gone_stays_in_force_until_there_is_another() {
    let (folder, policy, _clock) = watched().await;
    for name in ["10-role.yaml", "20-jane.yml"] {
        fs::rename(folder.path().join(name), folder.path().join(format!("{name}.away"))).unwrap();
    }
    until(&policy, is_failed("no policy file")).await;
    assert!(may(&policy, "jane").await);
    for name in ["10-role.yaml", "20-jane.yml"] {
        fs::rename(folder.path().join(format!("{name}.away")), folder.path().join(name)).unwrap();
    }
    until(&policy, is_generation(1)).await;
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_mounted_config_map_is_swapped_at_once() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let version = |number: u32, who: &str| {
        let version = folder.path().join(format!("..version-{number}"));
        fs::create_dir(&version).unwrap();
        fs::write(version.join("policy.yaml"), format!("{ROLE}---{}", binding(who))).unwrap();
        symlink(version, folder.path().join("..new")).unwrap();
        fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
    };
    version(1, "jane");
    symlink("..data/policy.yaml", folder.path().join("policy.yaml")).unwrap();
    let policy = FilePolicy::load([folder.path()]).await.unwrap();
    assert!(may(&policy, "jane").await && !may(&policy, "joe").await);
    let watching = policy.watch(Duration::from_millis(10));
    let swap = async {
        version(2, "joe");
        until(&policy, is_generation(2)).await;
        assert!(!may(&policy, "jane").await && may(&policy, "joe").await);
        fs::remove_dir_all(folder.path().join("..version-2")).unwrap();
        until(&policy, is_failed("policy.yaml` cannot be read")).await;
        assert!(may(&policy, "joe").await);
    };
    tokio::select! {
        () = watching => panic!("the watch ended"),
        () = swap => {}
    }
}

#[tokio::test]
async fn what_cannot_be_loaded_whole_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let load = async |paths: &[PathBuf]| FilePolicy::load(paths).await;
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(load(&[]).await, Err(FilePolicyError::NoFile { .. })));
    // neither hidden files nor folders nor other endings are policies
    for name in [".hidden.yaml", "notes.txt"] {
        fs::write(at(name), "kind: [").unwrap();
    }
    fs::create_dir(at("folder.yaml")).unwrap();
    assert!(matches!(load(&[folder.path().into()]).await, Err(FilePolicyError::NoFile { .. })));
    assert!(matches!(load(&[at("missing.yaml")]).await, Err(FilePolicyError::Unreadable { .. })));
    fs::write(at("role.yaml"), ROLE).unwrap();
    fs::write(at("jane.yaml"), binding("jane")).unwrap();
    let policy = load(&[at("role.yaml"), at("jane.yaml")]).await.unwrap();
    assert!(may(&policy, "jane").await);
    assert!(may(&load(&[folder.path().into()]).await.unwrap(), "jane").await);
    fs::write(at("joe.yaml"), binding("joe").replace("kind: User", "kind: Robot")).unwrap();
    let error = load(&[folder.path().into()]).await.unwrap_err().to_string();
    assert!(error.contains("joe.yaml:7: RoleBinding `team-a/joe`: `subjects[0].kind`"), "{error}");
}
