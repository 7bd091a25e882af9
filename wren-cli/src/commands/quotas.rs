//! `wren quotas`: works on the store, whether the server runs or not. A server that runs hears of a change within ten seconds.

use chrono::Utc;
use serde_json::{Value, json};
use wren_core::OwnerId;
use wren_core::quota::{Limit, OwnerQuotas, QuotaOverrides};

use super::keys::lasting;
use crate::args::{DataArgs, QuotasArgs, QuotasCommand};
use crate::backends::open_existing_store;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables::table;

/// Sets or shows what holds for one owner.
pub(super) async fn quotas(args: QuotasArgs, output: Output) -> Result<(), Failure> {
    match args.command {
        QuotasCommand::Set { owner, deployments, triggers, runs_per_day, log_bytes_per_day, data } => {
            let quotas = open(&data).await?;
            let mut own = quotas.of(&owner, Utc::now()).await?;
            let wanted = [deployments, triggers, runs_per_day, log_bytes_per_day];
            if wanted.iter().all(Option::is_none) {
                let hint = "name at least one of --deployments, --triggers, --runs-per-day, --log-bytes-per-day";
                return Err(Failure::usage("there is nothing to set", hint));
            }
            for (place, wanted) in places(&mut own).into_iter().zip(wanted) {
                if let Some(wanted) = wanted {
                    *place = wanted.0;
                }
            }
            quotas.set(&owner, own, Utc::now()).await?;
            output.done(format_args!("Set: the quotas of {owner}"));
            show(&owner, own, output);
        }
        QuotasCommand::Show { owner, data } => {
            let own = open(&data).await?.of(&owner, Utc::now()).await?;
            show(&owner, own, output);
        }
    }
    Ok(())
}

async fn open(data: &DataArgs) -> Result<OwnerQuotas, Failure> {
    Ok(OwnerQuotas::new(open_existing_store(lasting(data, "quotas")?).await?))
}

/// The quotas, in the order in which they are shown.
const NAMES: [&str; 4] = ["deployments", "triggers", "runs_per_day", "log_bytes_per_day"];

fn places(own: &mut QuotaOverrides) -> [&mut Option<Limit>; 4] {
    [&mut own.deployments, &mut own.triggers, &mut own.runs_per_day, &mut own.log_bytes_per_day]
}

fn show(owner: &OwnerId, mut own: QuotaOverrides, output: Output) {
    let limits = places(&mut own).map(|limit| limit.map_or_else(|| "default".to_owned(), |limit| limit.to_string()));
    let rows = NAMES.iter().zip(&limits).map(|(name, limit)| [(*name).to_owned(), limit.clone()]);
    output.line(table(["QUOTA", "LIMIT"], rows));
    let mut document = json!({"owner": owner});
    for (name, limit) in NAMES.into_iter().zip(places(&mut own)) {
        document[name] = match limit {
            None => Value::from("default"),
            Some(Limit::Unlimited) => Value::from("unlimited"),
            Some(Limit::AtMost(limit)) => Value::from(*limit),
        };
    }
    output.document(&document);
}
