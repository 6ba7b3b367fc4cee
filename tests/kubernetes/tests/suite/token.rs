//! Whose token it is.

use catalog_testkit_kubernetes::TestCluster;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewStatus, UserInfo};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::support::{object, refused};

async fn review(client: &Client, spec: Value) -> TokenReviewStatus {
    let reviews: Api<TokenReview> = Api::all(client.clone());
    let review = object(json!({ "metadata": {}, "spec": spec }));
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap()
}

pub(crate) async fn service_account_tokens(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let account = namespace.service_account("bot").await;
    let answer = review(&cluster.client(), json!({ "token": account.token })).await;
    assert_eq!((answer.authenticated, answer.error.as_deref()), (Some(true), None));
    let user = answer.user.unwrap();
    assert_eq!(user.username.as_deref(), Some(account.user.as_str()));
    assert_eq!(user.uid.as_deref(), Some(account.uid.as_str()));
    assert_eq!(
        user.groups.unwrap(),
        [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{}", namespace.name()),
            "system:authenticated".to_owned(),
        ]
    );

    let answer = review(&cluster.client(), json!({ "token": "unknown" })).await;
    assert!(
        !answer.authenticated.unwrap_or_default() && answer.user.unwrap_or_default() == UserInfo::default()
    );
    assert!(answer.error.unwrap().contains("invalid bearer token"));

    let reviews: Api<TokenReview> = Api::all(cluster.client());
    let empty = object(json!({ "metadata": {}, "spec": {} }));
    let why = refused(reviews.create(&PostParams::default(), &empty).await, 400, "BadRequest");
    assert_eq!(why, "token is required for TokenReview in authentication");
}

pub(crate) async fn audiences(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let account = namespace.service_account("bot").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), namespace.name());
    let request = object(json!({ "spec": { "audiences": ["catalog", "other"] } }));
    let token = accounts.create_token_request("bot", &PostParams::default(), &request).await.unwrap();
    let token = token.status.unwrap().token;
    let client = cluster.client();

    let answer = review(&client, json!({ "token": token, "audiences": ["catalog", "third"] })).await;
    assert_eq!(answer.authenticated, Some(true));
    assert_eq!(answer.audiences.unwrap(), ["catalog"]);
    for spec in [
        json!({ "token": token }),
        json!({ "token": token, "audiences": ["third"] }),
        json!({ "token": account.token, "audiences": ["catalog"] }),
    ] {
        let answer = review(&client, spec.clone()).await;
        assert!(!answer.authenticated.unwrap_or_default(), "{spec}");
        assert!(answer.error.unwrap().contains("is invalid for the target audiences"), "{spec}");
    }
    refused(cluster.client_as(&token).apiserver_version().await, 401, "Unauthorized");
}

pub(crate) async fn requests_with_tokens(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let account = namespace.service_account("bot").await;
    cluster.client_as(&account.token).apiserver_version().await.unwrap();
    refused(cluster.client_as("unknown").apiserver_version().await, 401, "Unauthorized");

    let namespaces: Api<Namespace> = Api::all(cluster.client_as(&account.token));
    refused(namespaces.get(namespace.name()).await, 403, "Forbidden");
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), namespace.name());
    accounts.delete("bot", &DeleteParams::default()).await.unwrap();
    // A real server may still know it for the time that it keeps verdicts.
    if cluster.as_fake().is_some() {
        refused(namespaces.get(namespace.name()).await, 401, "Unauthorized");
    }
}
