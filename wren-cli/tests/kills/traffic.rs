//! What the test asks of the server, and what it was promised.

use std::collections::BTreeMap;
use std::io;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::client::{Client, text};
use super::due::instant;
use super::script;

/// Something to ask for. Whoever gets no answer asks again: the effect must be there once, whether or not it was there
/// already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// A new revision of the script that stays.
    DeploySteady,
    /// The script that is removed again.
    DeployPassing,
    /// A run of the script that stays.
    RunTotal,
    /// The same request again.
    RunTotalAgain,
    /// A run that takes long enough to be cancelled while it runs.
    RunSlow,
    CancelSlow,
    Pause,
    /// A run of a deployment that is paused, and its cancellation, which may meet it in any state.
    RunTick,
    CancelTick,
    Resume,
    Undeploy,
}

/// What is asked for in turn, again and again.
const ROUND: [Ask; 11] = [
    Ask::DeploySteady,
    Ask::DeployPassing,
    Ask::RunTotal,
    Ask::RunSlow,
    Ask::Pause,
    Ask::RunTick,
    Ask::CancelTick,
    Ask::CancelSlow,
    Ask::Resume,
    Ask::RunTotalAgain,
    Ask::Undeploy,
];

/// A deployment that the server has confirmed.
#[derive(Debug)]
pub(crate) struct Promised {
    pub(crate) id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) revision: u64,
    pub(crate) status: &'static str,
    /// When the answer to its removal came.
    pub(crate) removed_at: Option<DateTime<Utc>>,
}

/// The traffic, and what was acknowledged of it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    place: usize,
    round: u64,
    pub(crate) steady: Option<Promised>,
    pub(crate) passing: Vec<Promised>,
    /// Run by deployment and `Idempotency-Key`.
    pub(crate) runs: BTreeMap<(String, String), String>,
    /// The attempt at which each run was when its cancellation was confirmed.
    pub(crate) cancelled: BTreeMap<String, u64>,
}

impl Traffic {
    /// Asks for the next thing, and goes on to the one after it when it was confirmed.
    pub(crate) fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        let ask = ROUND[self.place];
        if self.confirmed(ask, client)? {
            self.place = (self.place + 1) % ROUND.len();
            self.round += u64::from(self.place == 0);
        }
        Ok(())
    }

    /// Returns how many rounds were confirmed to their end, where nothing stands that is to be removed.
    pub(crate) fn rounds(&self) -> u64 {
        self.round
    }

    /// Returns the deployment that was confirmed last and not removed, with what it may be by now.
    pub(crate) fn standing(&self) -> Option<(&Promised, Vec<&'static str>)> {
        let standing = self.passing.last().filter(|promised| promised.removed_at.is_none())?;
        // The answer to what was asked last may have been lost.
        let wanted = match ROUND[self.place] {
            Ask::Pause => Some("paused"),
            Ask::Resume => Some("active"),
            Ask::Undeploy => Some("undeployed"),
            _ => None,
        };
        Some((standing, wanted.into_iter().chain([standing.status]).collect()))
    }

    /// Returns the revisions that the script that stays may have.
    pub(crate) fn steady_revisions(&self) -> Vec<u64> {
        let known = self.steady.as_ref().map_or(0, |steady| steady.revision);
        if ROUND[self.place] == Ask::DeploySteady { vec![known, known + 1] } else { vec![known] }
    }

    fn confirmed(&mut self, ask: Ask, client: &Client<'_>) -> io::Result<bool> {
        match ask {
            Ask::DeploySteady => self.deploy_steady(client),
            Ask::DeployPassing => self.deploy_passing(client),
            Ask::RunTotal | Ask::RunTotalAgain => self.run(self.steady_id(), "total", client),
            Ask::RunSlow => self.run(self.standing_id(), "slow", client),
            Ask::RunTick => self.run(self.standing_id(), "tick", client),
            Ask::CancelSlow => self.cancel("slow", client),
            Ask::CancelTick => self.cancel("tick", client),
            Ask::Pause => self.set_status("POST", "/pause", "paused", client),
            Ask::Resume => self.set_status("POST", "/resume", "active", client),
            Ask::Undeploy => self.set_status("DELETE", "", "undeployed", client),
        }
    }

    fn deploy_steady(&mut self, client: &Client<'_>) -> io::Result<bool> {
        let known = self.steady.as_ref().map_or(0, |steady| steady.revision);
        let Some(promised) = deploy(client, "steady", script::steady(self.round))? else { return Ok(false) };
        assert_eq!(promised.revision, known + 1, "asked for once, stored once");
        if let Some(steady) = &self.steady {
            assert_eq!((&promised.id, promised.created_at), (&steady.id, steady.created_at), "the same deployment");
        }
        self.steady = Some(promised);
        Ok(true)
    }

    fn deploy_passing(&mut self, client: &Client<'_>) -> io::Result<bool> {
        let Some(promised) = deploy(client, "passing", script::passing(self.round))? else { return Ok(false) };
        assert_eq!(promised.revision, 1, "the one before was removed");
        assert!(self.passing.iter().all(|other| other.id != promised.id), "{} was removed", promised.id);
        self.passing.push(promised);
        Ok(true)
    }

    fn run(&mut self, deployment: String, func: &str, client: &Client<'_>) -> io::Result<bool> {
        let key = self.key(func);
        let path = format!("/v1/deployments/{deployment}/runs");
        let header = format!("Idempotency-Key: {key}");
        let Some(run) = done(client.ask("POST", &path, &[&header], &json!({"func": func}))?, 202) else {
            return Ok(false);
        };
        let id = text(&run, "run_id").to_owned();
        let first = self.runs.entry((deployment, key)).or_insert_with(|| id.clone());
        assert_eq!(*first, id, "one key, one run");
        Ok(true)
    }

    fn cancel(&mut self, func: &str, client: &Client<'_>) -> io::Result<bool> {
        let id = self.runs[&(self.standing_id(), self.key(func))].clone();
        let answer = client.ask("POST", &format!("/v1/runs/{id}/cancel"), &[], &Value::Null)?;
        if answer.0 == 409 {
            // It has ended: by an earlier request whose answer was lost, or by itself.
            return Ok(true);
        }
        let Some(run) = done(answer, 200) else { return Ok(false) };
        self.cancelled.insert(id, run["attempt"].as_u64().unwrap());
        Ok(true)
    }

    fn set_status(&mut self, method: &str, verb: &str, status: &'static str, client: &Client<'_>) -> io::Result<bool> {
        let path = format!("/v1/deployments/{}{verb}", self.standing_id());
        let answer = client.ask(method, &path, &[], &Value::Null)?;
        // Where an earlier request removed it, whose answer was lost.
        let is_gone = status == "undeployed" && answer.0 == 409;
        if !is_gone {
            let Some(deployment) = done(answer, 200) else { return Ok(false) };
            assert_eq!(text(&deployment, "status"), status, "{deployment}");
        }
        let promised = self.passing.last_mut().unwrap();
        promised.status = status;
        promised.removed_at = (status == "undeployed").then(Utc::now);
        Ok(true)
    }

    fn key(&self, func: &str) -> String {
        format!("{func}-{}", self.round)
    }

    fn steady_id(&self) -> String {
        self.steady.as_ref().unwrap().id.clone()
    }

    fn standing_id(&self) -> String {
        self.passing.last().unwrap().id.clone()
    }
}

fn deploy(client: &Client<'_>, name: &str, script: String) -> io::Result<Option<Promised>> {
    let (status, answer) = client.ask("POST", "/v1/scripts/deploy", &[], &json!({"name": name, "script": script}))?;
    // 200 where an earlier request did it, whose answer was lost.
    let deployed = done((if status == 201 { 200 } else { status }, answer), 200);
    Ok(deployed.map(|deployed| Promised {
        id: text(&deployed, "deployment_id").to_owned(),
        created_at: instant(&deployed, "created_at"),
        revision: deployed["revision"].as_u64().unwrap(),
        status: "active",
        removed_at: None,
    }))
}

/// Returns the answer of what was done; `None` where the store was in trouble, and it is unknown whether it was.
fn done((status, answer): (u16, Value), wanted: u16) -> Option<Value> {
    assert!(status == wanted || status >= 500, "{status}, not {wanted}: {answer}");
    (status == wanted).then_some(answer)
}
