//! What is in the way of opening is said with a hint and without a password, and the database is left as it was.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use wren_conformance::fixtures::{ada, at, every_minute, revision};
use wren_conformance::servers::PostgresServer;
use wren_core::store::{DeploymentStore, Namespace, PutOptions, RecordStore, Store};
use wren_core::{Error, ErrorCode};
use wren_store_postgres::{PostgresOptions, PostgresStore};

/// The password in every URL that has one. No message may hold it.
const PASSWORD: &str = "s3cr3t-of-ours";

/// Opens what cannot be opened; returns why.
async fn refused(options: PostgresOptions) -> Error {
    // Long enough for a machine that is busy, short for a server that is not there.
    let options = options.with_connect_timeout(Duration::from_secs(2));
    let shown = format!("{options:?}");
    let error = PostgresStore::open(options).await.unwrap_err();
    let told = format!("{error} {} {error:?} {:?} {:?} {shown}", error.chain(), error.hint(), error.details());
    assert!(!told.contains(PASSWORD), "{told}");
    assert!(error.hint().is_some(), "{}", error.chain());
    error
}

/// Opens what is unavailable; returns what is said.
async fn unavailable(options: PostgresOptions) -> String {
    let error = refused(options).await;
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    format!("{}: {}", error.message(), error.hint().unwrap_or_default())
}

/// Returns every schema, table, column and index of a database.
fn everything(server: &PostgresServer, database: &str) -> String {
    let columns = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns \
                   WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, ordinal_position";
    let others = "SELECT nspname, relname, relkind FROM pg_namespace LEFT JOIN pg_class ON relnamespace = pg_namespace.oid \
                  WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema' ORDER BY 1, 2";
    [columns, others].map(|statement| server.query(database, statement)).join("\n")
}

/// Returns the name of the database in a URL of the server's.
fn database(url: &str) -> &str {
    url.split_once("localhost/").unwrap().1.split('?').next().unwrap()
}

#[tokio::test]
async fn a_url_that_is_none_is_the_callers_to_mend() {
    let schemes = [
        "",
        "nonsense",
        &format!("postgres://wren:{PASSWORD}@[broken/db"),
        &format!("postgres://wren:{PASSWORD}@host:port/db"),
        &format!("postgres://wren:{PASSWORD}@localhost"),
        &format!("postgres://wren:{PASSWORD}@localhost/db?sslmode=perhaps"),
    ];
    for url in schemes {
        let error = refused(PostgresOptions::new(url)).await;
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{url}: {}", error.chain());
        assert!(error.hint().unwrap().contains("postgres://USER:PASSWORD@HOST"), "{url}: {}", error.chain());
    }
    for schema in ["", "Big", "a b", "1st", "x\"; DROP SCHEMA public; --", &"x".repeat(64)] {
        let url = format!("postgres://wren:{PASSWORD}@localhost/db");
        let error = refused(PostgresOptions::new(url).with_schema(schema)).await;
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{schema}: {}", error.chain());
        assert!(error.message().contains("no name for a schema"), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // Takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap(), silent);
    for url in [
        format!("postgres://wren:{PASSWORD}@{closed}/db"),
        format!("postgres://wren:{PASSWORD}@localhost/db?host={}", folder.path().display()),
        format!("postgres://wren:{PASSWORD}@{}/db", silent.0),
    ] {
        let said = unavailable(PostgresOptions::new(url)).await;
        assert!(said.contains("cannot be reached") && said.contains("check that it runs"), "{said}");
    }
    let error = refused(PostgresOptions::new(format!("postgres://wren:{PASSWORD}@{closed}/db"))).await;
    assert_eq!(error.details()["address"], closed.to_string(), "who was asked");
}

#[tokio::test]
async fn a_password_or_database_that_is_wrong_is_named() {
    // A server of its own: who may come in is a setting of the whole server.
    let server = PostgresServer::start();
    if !wren_conformance::requirement("PostgreSQL", server.as_ref().map(drop).map_err(String::as_str)) {
        return;
    }
    let server = server.unwrap();
    server.query("postgres", &format!("CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'"));
    let file = server.socket_folder().join("data/pg_hba.conf");
    let rules = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("local all guest scram-sha-256\nlocal all nobody reject\n{rules}")).unwrap();
    server.query("postgres", "SELECT pg_reload_conf()");

    let url = |user: &str, database: &str| server.url(database).replace("wren@", &format!("{user}@"));
    // Right, but for the schema, which the role may not make.
    let said = unavailable(PostgresOptions::new(url(&format!("guest:{PASSWORD}"), "postgres"))).await;
    assert!(said.contains("may not use the tables"), "{said}");
    for user in ["guest:wrong".to_owned(), format!("nobody:{PASSWORD}"), "guest".to_owned()] {
        let said = unavailable(PostgresOptions::new(url(&user, "postgres"))).await;
        assert!(said.contains("refuses user or password") && said.contains("pg_hba.conf"), "{user}: {said}");
    }
    let said = unavailable(PostgresOptions::new(url(&format!("guest:{PASSWORD}"), "missing"))).await;
    assert!(said.contains("the database does not exist") && said.contains("createdb"), "{said}");
    assert_eq!(server.query("postgres", "SELECT count(*) FROM pg_namespace WHERE nspname = 'wren'"), "0");
}

#[tokio::test]
async fn a_schema_of_another_program_is_left_as_it_is() {
    let Some(server) = support::server() else { return };
    let url = server.create_database();
    server.query(database(&url), "CREATE SCHEMA wren CREATE TABLE theirs (x int)");
    let before = everything(server, database(&url));
    let said = unavailable(PostgresOptions::new(&url)).await;
    assert!(said.contains("another program") && said.contains("name another schema"), "{said}");
    assert_eq!(everything(server, database(&url)), before);
}

#[tokio::test]
async fn a_schema_of_a_newer_binary_is_left_as_it_is() {
    let Some(server) = support::server() else { return };
    let url = server.create_database();
    PostgresStore::connect(&url).await.unwrap().close().await.unwrap();
    server.query(database(&url), "UPDATE wren.wren_schema SET version = 99, compatible_with = 98");
    let before = server.query(database(&url), "SELECT * FROM wren.wren_schema");
    for migrate in [true, false] {
        let said = unavailable(PostgresOptions::new(&url).with_migrate(migrate)).await;
        assert!(said.contains("version 99") && said.contains("newer Wren"), "{said}");
    }
    assert_eq!(server.query(database(&url), "SELECT * FROM wren.wren_schema"), before);

    // A newer one that this binary can still work with is opened.
    server.query(database(&url), "UPDATE wren.wren_schema SET compatible_with = 1");
    let store = PostgresStore::connect(&url).await.unwrap();
    store.check().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(server.query(database(&url), "SELECT version FROM wren.wren_schema"), "99");
}

#[tokio::test]
async fn a_schema_that_is_not_to_be_made_is_not_made() {
    let Some(server) = support::server() else { return };
    let url = server.create_database();
    let before = everything(server, database(&url));
    let said = unavailable(PostgresOptions::new(&url).with_migrate(false)).await;
    assert!(said.contains("not at version") && said.contains("may change tables"), "{said}");
    assert_eq!(everything(server, database(&url)), before);
    PostgresStore::connect(&url).await.unwrap().close().await.unwrap();
    let store = PostgresStore::open(PostgresOptions::new(&url).with_migrate(false)).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_schema_once() {
    let Some(server) = support::server() else { return };
    let url = server.create_database();
    let openings: Vec<_> = (0..8).map(|_| tokio::spawn(PostgresStore::connect(url.clone()))).collect();
    for opening in openings {
        opening.await.unwrap().unwrap().check().await.unwrap();
    }
    assert_eq!(server.query(database(&url), "SELECT count(*) FROM wren.wren_schema"), "1");
}

#[tokio::test]
async fn a_role_that_may_only_read_is_told_what_it_lacks() {
    let Some(server) = support::server() else { return };
    let url = server.create_database();
    let name = database(&url);
    let role = format!("reader_{name}");
    server.query(name, &format!("CREATE ROLE {role} LOGIN"));
    let theirs = PostgresOptions::new(url.replace("wren@", &format!("{role}@"))).with_migrate(false);

    // Without the schema, with it and no right to it, and with the right to read.
    let before = everything(server, name);
    let said = unavailable(theirs.clone().with_migrate(true)).await;
    assert!(said.contains("may not use the tables") && said.contains("grant it the schema"), "{said}");
    assert_eq!(everything(server, name), before);
    let owner = PostgresStore::connect(&url).await.unwrap();
    owner.put_revision(&ada(), revision("read", vec![every_minute("main")])).await.unwrap();
    let said = unavailable(theirs.clone()).await;
    assert!(said.contains("may not use the tables"), "{said}");
    server.query(
        name,
        &format!("GRANT USAGE ON SCHEMA wren TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA wren TO {role}"),
    );
    let reader = PostgresStore::open(theirs).await.unwrap();
    assert_eq!(reader.deployments(&ada(), Default::default()).await.unwrap().items.len(), 1);
    let space = Namespace::system("reader");
    let put = reader.put_record(&space, "key", Bytes::new(), PutOptions::at(at(0)));
    for error in [put.await.unwrap_err(), reader.check().await.unwrap_err()] {
        assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
        assert!(error.message().contains("may not use the tables"), "{}", error.chain());
    }

    // A standby, or a role that is set to it, takes no write of anybody.
    server.query(name, &format!("GRANT ALL ON ALL TABLES IN SCHEMA wren TO {role}"));
    server.query(name, &format!("ALTER ROLE {role} SET default_transaction_read_only = on"));
    server.cut_connections(name);
    let theirs = PostgresOptions::new(url.replace("wren@", &format!("{role}@")));
    let reader = PostgresStore::open(theirs).await.unwrap();
    let error = reader.put_record(&space, "key", Bytes::new(), PutOptions::at(at(0))).await.unwrap_err();
    assert!(error.message().contains("read-only") && error.hint().unwrap().contains("primary"), "{}", error.chain());
    assert!(owner.record(&space, "key", at(0)).await.unwrap().is_none());
}
