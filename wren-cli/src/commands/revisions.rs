//! `wren revisions` and `wren rollback`.

use chrono::Utc;
use serde_json::{Value, json};
use wren_core::{Error, ErrorCode};

use super::{deploy, deployments, understood};
use crate::args::{DeploymentArgs, RollbackArgs};
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::tables;
use crate::wire::{Deployment, Revision, RevisionPage};

/// How many revisions are asked for at once.
const READ: usize = 200;

/// Lists the revisions of a deployment, latest first.
pub(super) async fn revisions(args: DeploymentArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let id = deployments::find(&args.deployment, client).await?;
    let mut all = Vec::new();
    let mut query = vec![("limit", READ.to_string())];
    loop {
        let page: RevisionPage = client.get(&format!("/v1/deployments/{id}/revisions"), &query).await?;
        all.extend(page.revisions);
        let Some(cursor) = page.next_cursor else { break };
        query = vec![("limit", READ.to_string()), ("cursor", cursor)];
    }
    let list: Vec<Revision> = all.iter().map(understood).collect::<Result<_, _>>()?;
    output.line(tables::revisions(&list, Utc::now()));
    output.document(&json!({"revisions": all}));
    Ok(())
}

/// Makes an earlier revision's script the current one.
pub(super) async fn rollback(args: RollbackArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let id = deployments::find(&args.deployment.deployment, client).await?;
    let number = match args.to {
        Some(number) => number,
        None => before_current(&id, client).await?,
    };
    let answer: Value = client.post(&format!("/v1/deployments/{id}/rollback"), &json!({"revision": number})).await?;
    output.line(format_args!("Back to the script of revision {number}"));
    deploy::show(&answer, output)?;
    output.document(&answer);
    Ok(())
}

/// Returns the number of the revision before the current one. After a rollback that is the one that was left: done twice, it is
/// undone.
async fn before_current(id: &str, client: &Client) -> Result<u32, Failure> {
    let answer: Value = client.get(&format!("/v1/deployments/{id}"), &[]).await?;
    let deployment: Deployment = understood(&answer)?;
    let current = deployment.revision.unwrap_or_default();
    if current > 1 {
        return Ok(current - 1);
    }
    let error = Error::new(ErrorCode::Conflict, format!("deployment {id} has no revision before the current one"))
        .with_hint("`wren revisions` lists what there is");
    Err(Problem::from(&error).into())
}
