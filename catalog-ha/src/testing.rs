//! The contracts of the stores, as functions that any author of one may run against it.
//!
//! Each takes a store that knows nothing of the lease and panics at what does not hold.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a contract that does not hold panics")]

use std::time::Duration;

use crate::{
    fence::FenceStore,
    lease::{Claim, LeaseErrorKind, LeaseName, LeaseStore, Version},
};

fn claim(holder: &str, replaces: Option<&Version>) -> Claim {
    Claim {
        holder: holder.into(),
        duration: Duration::from_secs(15),
        replaces: replaces.cloned(),
        takes: replaces.is_none(),
    }
}

/// A lease is made once, renewed by its version, released by its holder, and taken when it is free; whoever knows an older version changes
/// nothing.
pub async fn a_lease_is_written_by_its_version(store: &impl LeaseStore, name: &LeaseName) {
    assert_eq!(store.read(name).await.unwrap(), None);
    let first = store.claim(name, &claim("a", None)).await.unwrap();
    let conflict = |result: Result<Version, crate::lease::LeaseError>| {
        assert_eq!(result.unwrap_err().kind(), LeaseErrorKind::Conflict);
    };
    conflict(store.claim(name, &claim("b", None)).await);
    let stored = store.read(name).await.unwrap().unwrap();
    assert_eq!(stored.holder.as_deref(), Some("a"));
    assert_eq!((&stored.version, stored.duration), (&first, Duration::from_secs(15)));
    assert!(stored.remaining.is_none_or(|left| left <= stored.duration));

    let second = store.claim(name, &claim("a", Some(&first))).await.unwrap();
    assert_ne!(second, first);
    let renewed = store.read(name).await.unwrap().unwrap();
    assert_ne!(renewed.heartbeat, stored.heartbeat, "a renewal shows");
    assert_eq!(
        store.read(name).await.unwrap().unwrap().heartbeat,
        renewed.heartbeat,
        "and nothing else does"
    );
    conflict(store.claim(name, &claim("a", Some(&first))).await);
    conflict(store.claim(name, &claim("b", Some(&first))).await);

    for (holder, version) in [("b", &second), ("a", &first)] {
        let refused = store.release(name, holder, version).await.unwrap_err();
        assert_eq!(refused.kind(), LeaseErrorKind::Conflict, "{holder}");
    }
    assert_eq!(store.read(name).await.unwrap().unwrap().holder.as_deref(), Some("a"));
    store.release(name, "a", &second).await.unwrap();
    let free = store.read(name).await.unwrap().unwrap();
    assert_eq!(free.holder, None);
    conflict(store.claim(name, &claim("a", Some(&second))).await);
    let taken = Claim { takes: true, ..claim("b", Some(&free.version)) };
    store.claim(name, &taken).await.unwrap();
    assert_eq!(store.read(name).await.unwrap().unwrap().holder.as_deref(), Some("b"));
}

/// Of many that take a free lease at once one gets it.
pub async fn one_of_many_gets_a_lease<S: LeaseStore + Clone>(store: &S, name: &LeaseName) {
    let claims: Vec<_> = (0..16)
        .map(|number| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move { store.claim(&name, &claim(&format!("c{number}"), None)).await })
        })
        .collect();
    let mut got = 0;
    for claimed in claims {
        match claimed.await.unwrap() {
            Ok(_) => got += 1,
            Err(error) => assert_eq!(error.kind(), LeaseErrorKind::Conflict),
        }
    }
    assert_eq!(got, 1);
}

/// Tokens rise, one at a time, and whoever does not know the newest makes none.
pub async fn tokens_rise<F: FenceStore + Clone>(store: &F, name: &LeaseName) {
    let mut newest = store.newest(name).await.unwrap();
    assert_eq!(newest.number, 0);
    for number in 1..=3 {
        let raised = store.raise(name, newest, "a").await.unwrap();
        assert_eq!(raised.number, number);
        assert!(raised > newest);
        let late = store.raise(name, newest, "b").await.unwrap_err();
        assert_eq!(late.kind(), LeaseErrorKind::Conflict);
        assert_eq!(store.newest(name).await.unwrap(), raised);
        newest = raised;
    }
    let other = LeaseName::new("of-another-lease").unwrap();
    assert_eq!(store.newest(&other).await.unwrap().number, 0);
    let racing: Vec<_> = (0..8)
        .map(|_| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move { store.raise(&name, newest, "c").await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for raised in racing {
        made += i32::from(raised.await.unwrap());
    }
    assert_eq!(made, 1);
}
