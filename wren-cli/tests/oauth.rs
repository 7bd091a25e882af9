//! A user connects an integration to real servers through a real provider, and scripts use it from then on: whoever forges,
//! replays or steals a link gets nothing, all servers together refresh once, and a server that dies between the provider's
//! answer and its own disk costs the user one more consent and the provider one more request.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

#[path = "oauth/browser.rs"]
mod browser;
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use browser::{Browser, Page};
use serde_json::Value;
use support::processes::signal;
use support::{PATIENCE, Wren, eventually, eventually_within, http};
use wren_conformance::servers::{Fate, OidcOptions, OidcProvider, PostgresServer, Proxy};

/// Where users reach the platform; which server answers is a load balancer's choice, here the browser's.
const PUBLIC_URL: &str = "https://wrens.ie";
const CALLBACK: &str = "https://wrens.ie/integrations/gmail/callback";
const SCOPES: [&str; 1] = ["https://www.googleapis.com/auth/gmail.modify"];

/// Asks the integration's origin, which is the provider's own resource here, for what only a valid token opens. It does not
/// declare that it uses Gmail: a deploy would try the token, and renew it before any run does.
const SCRIPT: &str = "from wren import _host\n\n\ndef me(event=None):\n    \
                      request = {\"integration\": \"gmail\", \"method\": \"GET\", \"path\": \"/me\"}\n    \
                      return _host.call(\"integration.request\", request, what=\"me()\")[\"status\"]\n";

/// The provider, and what the servers are told of it.
struct World {
    provider: OidcProvider,
    /// Before the token URL.
    proxy: Proxy,
    clients: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    /// Starts a provider whose tokens are good for so many seconds; `None` where there is none to be had.
    fn start(access_token_seconds: u32) -> Option<Self> {
        let options = OidcOptions::new(CALLBACK, &SCOPES).with_access_token_seconds(access_token_seconds);
        let provider = match OidcProvider::start(&options) {
            Ok(provider) => provider,
            Err(reason) => {
                wren_conformance::requirement("a provider of OAuth", Err(reason));
                return None;
            }
        };
        let proxy = Proxy::start(provider.address());
        let folder = tempfile::tempdir().unwrap();
        let clients = folder.path().join("clients.toml");
        let content = format!(
            "[gmail]\nclient_id = \"{}\"\nclient_secret = \"{}\"\nauthentication = \"basic\"\nauthorize_url = \"{}\"\n\
             token_url = \"http://{}/token\"\nredirect_uri = \"{CALLBACK}\"\n",
            provider.client_id(),
            provider.client_secret(),
            provider.authorize_url(),
            proxy.address(),
        );
        write_privately(&clients, &content);
        Some(Self { provider, proxy, clients, _folder: folder })
    }

    /// Starts a server on a store.
    fn server(&self, store: &str) -> Wren {
        let origin = format!("http://{}", self.provider.address());
        let mut wren = Wren::prepare(
            store,
            &[
                "--public-url",
                PUBLIC_URL,
                "--oauth-clients",
                self.clients.to_str().unwrap(),
                "--integration-url",
                &format!("gmail={origin}"),
                "--allow-private",
                &origin,
                "--lease",
                "3s",
                "--concurrency",
                "8",
            ],
        );
        wren.start_server();
        wren
    }

    /// Takes a user to the provider and back: returns the browser and the address that it is to open next.
    fn visit(&self, server: &Wren) -> (Browser, String) {
        let mut browser = Browser::default();
        let sent = self.agree_to_leave(&mut browser, server);
        let back = self.provider.visit(sent.location());
        assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
        (browser, back)
    }

    /// Opens the page that a key asked for, and sends its form.
    fn agree_to_leave(&self, browser: &mut Browser, server: &Wren) -> Page {
        let (status, asked) = http::request(server, "POST", "/v1/integrations/gmail/connect", server.key(), b"{}");
        assert_eq!(status, 200, "{asked}");
        let setup = asked["url"].as_str().unwrap();
        let ticket = setup.strip_prefix(&format!("{PUBLIC_URL}/integrations/gmail/setup?ticket=")).unwrap();
        assert!(asked["expires_at"].is_string(), "{asked}");
        // Looking at the page begins nothing: programs that preview links do that, too.
        let page = browser.get(server, setup);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("<form") && page.body.contains("Gmail"), "{page:?}");
        assert!(page.headers("content-type").any(|value| value.starts_with("text/html")), "{page:?}");
        assert_eq!(page.headers("set-cookie").count(), 0, "{page:?}");
        let address = setup.split('?').next().unwrap();
        let sent = browser.post(server, address, &format!("ticket={ticket}"));
        assert_eq!(sent.status, 303, "{sent:?}");
        assert!(sent.location().starts_with(&self.provider.authorize_url()), "{sent:?}");
        assert!(sent.headers("set-cookie").any(|cookie| cookie.to_ascii_lowercase().contains("httponly")), "{sent:?}");
        sent
    }

    /// Connects the owner's Gmail: the user leaves through one server and comes back through another.
    fn connect(&self, leaves: &Wren, returns: &Wren) {
        let (mut browser, back) = self.visit(leaves);
        let done = browser.get(returns, &back);
        assert_eq!(done.status, 200, "{done:?}\n{}", returns.server_log());
        assert!(done.headers("content-type").any(|value| value.starts_with("text/html")), "{done:?}");
        assert_eq!(connection(returns)["status"], "connected");
    }
}

fn write_privately(file: &std::path::Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::write(file, content).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn connection(server: &Wren) -> Value {
    http::get(server, "/v1/integrations/gmail")
}

fn deploy(server: &Wren) -> String {
    let file = server.write("me.py", SCRIPT);
    let deployed = server.json(["deploy", &file, "--name", "me", "--json"]);
    deployed["deployment_id"].as_str().unwrap().to_owned()
}

/// Asks for a run and returns its id.
fn begin(server: &Wren, deployment: &str) -> String {
    let path = format!("/v1/deployments/{deployment}/runs");
    let (status, run) = http::request(server, "POST", &path, server.key(), b"{}");
    assert!((200..300).contains(&status), "{status}: {run}\n{}", server.server_log());
    run["run_id"].as_str().unwrap().to_owned()
}

/// Waits for a run's end. Long, since a claim of a server that died holds for a minute.
fn end(server: &Wren, run: &str) -> Value {
    eventually_within(3 * PATIENCE, "the run's end", || {
        let run = http::get(server, &format!("/v1/runs/{run}"));
        (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
    })
}

/// Runs the script four times through each server, all at once; each must end well.
fn run_everywhere(servers: [&Wren; 2], deployment: &str) {
    std::thread::scope(|scope| {
        for server in servers {
            for _ in 0..4 {
                scope.spawn(move || {
                    let run = end(server, &begin(server, deployment));
                    assert_eq!((&run["status"], &run["result"]), (&"success".into(), &200.into()), "{run}");
                });
            }
        }
    });
}

#[track_caller]
fn is_refused(page: &Page) {
    assert!((400..500).contains(&page.status), "{page:?}");
    assert_eq!(page.headers("location").count(), 0, "{page:?}");
}

#[test]
fn nobody_connects_with_a_link_that_is_forged_replayed_or_another_s() {
    let Some(world) = World::start(3600) else { return };
    let wren = world.server("sqlite");
    assert_eq!(connection(&wren)["status"], "not_connected");

    is_refused(&Browser::default().get(&wren, &format!("{PUBLIC_URL}/integrations/gmail/setup?ticket=forged")));
    let forged = Browser::default().post(&wren, &format!("{PUBLIC_URL}/integrations/gmail/setup"), "ticket=forged");
    is_refused(&forged);

    // Without the cookie: somebody else's browser, with the link of a flow that it did not begin.
    let (_, back) = world.visit(&wren);
    is_refused(&Browser::default().get(&wren, &back));
    // Nor with the cookie of another flow.
    let (_, back) = world.visit(&wren);
    let (mut other, _) = world.visit(&wren);
    is_refused(&other.get(&wren, &back));

    let (mut browser, back) = world.visit(&wren);
    let (address, query) = back.split_once('?').unwrap();
    let forged: Vec<String> = query
        .split('&')
        .map(|pair| if pair.starts_with("state=") { format!("state={}", "f".repeat(43)) } else { pair.to_owned() })
        .collect();
    is_refused(&browser.get(&wren, &format!("{address}?{}", forged.join("&"))));
    let (mut browser, back) = world.visit(&wren);
    is_refused(&browser.get(&wren, &back.replace("/integrations/gmail/", "/integrations/slack/")));

    assert_eq!(connection(&wren)["status"], "not_connected");
    assert_eq!(world.provider.grants().requests, 0, "nothing of it was worth a question to the provider");

    let (mut browser, back) = world.visit(&wren);
    assert_eq!(browser.get(&wren, &back).status, 200);
    is_refused(&browser.get(&wren, &back));
    let connected = connection(&wren);
    assert_eq!((&connected["name"], &connected["title"]), (&"gmail".into(), &"Gmail".into()), "{connected}");
    assert_eq!((&connected["status"], &connected["version"]), (&"connected".into(), &1.into()), "{connected}");
    assert_eq!(connected["scopes"], serde_json::json!(SCOPES), "{connected}");
    assert!(connected["expires_at"].is_string(), "{connected}");
    assert_eq!(world.provider.grants().requests, 1);
    assert!(!wren.server_log().contains("canary"), "the client's secret is in the log");
}

#[test]
fn two_servers_at_the_expiry_ask_the_provider_once() {
    let server = PostgresServer::shared();
    if !wren_conformance::requirement("PostgreSQL", server.map(drop)) {
        return;
    }
    // The first token has ended as soon as it is there; those after it last.
    let Some(world) = World::start(1) else { return };
    let database = server.unwrap().create_database();
    let (one, two) = (world.server(&database), world.server(&database));
    world.connect(&one, &two);
    world.provider.set_access_token_seconds(3600);
    let deployment = deploy(&one);
    run_everywhere([&one, &two], &deployment);
    assert_eq!(world.provider.grants().refreshes, 1);
    assert_eq!(connection(&one)["version"], 2);

    // Nor more than once when the token is refused before its time.
    world.provider.end_access_tokens();
    run_everywhere([&one, &two], &deployment);
    let grants = world.provider.grants();
    assert_eq!((grants.refreshes, grants.requests), (2, 3), "{grants:?}");
    assert!(grants.refused.is_empty(), "{grants:?}");
    for server in [&one, &two] {
        assert_eq!(connection(server)["version"], 3);
    }
}

#[test]
fn a_server_killed_before_the_answer_is_kept_leaves_one_question_to_the_user_and_no_loop() {
    let Some(world) = World::start(1) else { return };
    let mut wren = world.server("sqlite");
    world.connect(&wren, &wren);
    world.provider.set_access_token_seconds(3600);
    let deployment = deploy(&wren);

    // The provider has answered, and has spent the refresh token; the server dies before it hears of it.
    let kills = Arc::new(AtomicU32::new(0));
    world.proxy.on_answers({
        let (kills, pid) = (Arc::clone(&kills), wren.server_pid());
        move |request| {
            if request.contains("grant_type=refresh_token") && kills.fetch_add(1, Ordering::SeqCst) == 0 {
                signal(pid, "KILL");
                return Fate::Close;
            }
            Fate::Pass
        }
    });
    // The server may die before it has answered this.
    let _ = wren.run(["run", "me", "--json"]);
    eventually("the server's death", || wren.ended());
    assert_eq!(world.provider.grants().refreshes, 1);
    wren.start_server();

    // The run is taken up again, with the refresh token that the provider has seen.
    let parked = eventually_within(3 * PATIENCE, "a deployment that needs attention", || {
        let detail = http::get(&wren, &format!("/v1/deployments/{deployment}"));
        (detail["status"] == "needs_attention").then_some(detail)
    });
    let action = parked["action_url"].as_str().unwrap();
    assert!(action.ends_with("/integrations/gmail/reauthorize"), "{parked}");
    assert_eq!(connection(&wren)["status"], "expired");
    for _ in 0..10 {
        let run = end(&wren, &begin(&wren, &deployment));
        assert_eq!((&run["status"], &run["error"]["code"]), (&"failed".into(), &"OAUTH_TOKEN_EXPIRED".into()), "{run}");
    }
    let grants = world.provider.grants();
    assert_eq!(grants.requests, 3, "the code, the refresh that was lost, and one that was refused: {grants:?}");
    assert_eq!(grants.refused["refresh_token invalid_grant"], 1);

    // Connecting anew is all that it takes.
    world.connect(&wren, &wren);
    eventually("an active deployment", || {
        let detail = http::get(&wren, &format!("/v1/deployments/{deployment}"));
        (detail["status"] == "active").then_some(())
    });
    let run = end(&wren, &begin(&wren, &deployment));
    assert_eq!((&run["status"], &run["result"]), (&"success".into(), &200.into()), "{run}");
}
