use catalog_core::{
    store::{database::Database, statement::Statement},
    testing,
};

/// A database of the test's own on the server that the task runner started.
async fn database(name: &'static str) -> Database {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let server = Database::postgres(&url).await.unwrap();
    for text in ["drop database if exists ", "create database "] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    let (base, _) = url.rsplit_once('/').unwrap();
    Database::postgres(&format!("{base}/{name}")).await.unwrap()
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn transactions_keep_all_or_nothing() {
    testing::transactions_keep_all_or_nothing(&database("contract_transactions").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_server_that_is_not_there_is_unavailable() {
    let error = Database::postgres("postgres://nobody@127.0.0.1:1/none").await.unwrap_err();
    assert_eq!(error.kind(), catalog_core::store::StoreErrorKind::Unavailable);
}
