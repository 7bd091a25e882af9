//! Finding deployments by id or name, and `pause`, `resume`, `undeploy`.

use serde_json::{Value, json};
use wren_core::{DeploymentId, Error};

use crate::args::{DeploymentArgs, PauseArgs};
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::style::harmless;
use crate::wire::{Deployment, DeploymentPage};

/// Pauses a deployment.
pub(super) async fn pause(args: PauseArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let id = find(&args.deployment.deployment, client).await?;
    let body = json!({"reason": args.reason, "until": args.until});
    let answer: Value = client.post(&format!("/v1/deployments/{id}/pause"), &body).await?;
    said("Paused", &answer, output)
}

/// Resumes a deployment.
pub(super) async fn resume(args: DeploymentArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let id = find(&args.deployment, client).await?;
    let answer: Value = client.post(&format!("/v1/deployments/{id}/resume"), &json!({})).await?;
    said("Resumed", &answer, output)
}

/// Removes a deployment.
pub(super) async fn undeploy(args: DeploymentArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let id = find(&args.deployment, client).await?;
    let answer: Value = client.delete(&format!("/v1/deployments/{id}")).await?;
    said("Undeployed", &answer, output)
}

fn said(what: &str, answer: &Value, output: Output) -> Result<(), Failure> {
    let deployment: Deployment = super::understood(answer)?;
    output.done(format_args!("{what}: {} ({})", deployment.id, harmless(&deployment.name)));
    output.document(answer);
    Ok(())
}

/// Returns the id of the deployment of that id or name.
pub(super) async fn find(id_or_name: &str, client: &Client) -> Result<String, Failure> {
    if id_or_name.parse::<DeploymentId>().is_ok() {
        return Ok(id_or_name.to_owned());
    }
    // What cannot be a name is not sent: the server would blame the query.
    if id_or_name.parse::<wren_core::DeploymentName>().is_ok() {
        let query = [("name", id_or_name.to_owned())];
        let page: DeploymentPage = client.get("/v1/deployments", &query).await?;
        for item in &page.deployments {
            let deployment: Deployment = super::understood(item)?;
            if deployment.name == id_or_name {
                return Ok(deployment.id);
            }
        }
    }
    let error = Error::not_found(format!("deployment `{id_or_name}`")).with_hint("`wren status` lists the deployments");
    Err(Problem::from(&error).into())
}

/// Returns all deployments, each as it came.
pub(super) async fn all(client: &Client) -> Result<Vec<Value>, Failure> {
    let mut list = Vec::new();
    let mut query: Vec<(&str, String)> = Vec::new();
    loop {
        let page: DeploymentPage = client.get("/v1/deployments", &query).await?;
        list.extend(page.deployments);
        let Some(cursor) = page.next_cursor else { return Ok(list) };
        query = vec![("cursor", cursor)];
    }
}
