//! Recording due times and events, and the records that are written with them.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::job::Operation;
use super::keeping::{place_of, write};
use super::recording::Recording;
use super::tables::Tables;
use crate::error::{Error, Result};
use crate::store::{Fire, Fired, RecordFires, RecordWrite};

#[async_trait]
impl Operation for RecordFires {
    type Output = Vec<Fired>;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Vec<Fired>>>> {
        let fires: Vec<&Fire> = operations.iter().flat_map(|one| &one.fires).collect();
        // Before the records: whoever locks both, an undeploy say, locks the deployment first.
        let mut recording = Recording::read(tables, &fires).await?;
        let mut refusals = put_records(tables, operations).await?;
        let mut answers = Vec::with_capacity(operations.len());
        for (place, operation) in operations.iter().enumerate() {
            if let Some((_, refusal)) = refusals.pop_if(|(refused, _)| *refused == place) {
                answers.push(Err(refusal));
                continue;
            }
            let fired: Result<Vec<Fired>> =
                operation.fires.iter().map(|fire| recording.record(fire, operation.now)).collect();
            answers.push(Ok(fired?));
        }
        recording.write(tables).await?;
        Ok(answers)
    }
}

/// Writes the operations' records; returns the refusals of those that are to write nothing, the last one first.
///
/// Fails as a whole when an operation is refused of which a record is written already. The transaction is then rolled back
/// and the operations are carried out one by one, so that this one alone has written nothing. Most have a single record, and
/// are never refused that late.
async fn put_records(tables: &mut dyn Tables, operations: &[RecordFires]) -> Result<Vec<(usize, Error)>> {
    let mut refusals = Vec::new();
    let mut ordered: Vec<(usize, Vec<&RecordWrite>)> =
        operations.iter().map(|operation| in_order(&operation.records)).enumerate().collect();
    ordered.retain(|(_, records)| !records.is_empty());
    // Where rows are locked everybody locks them in this order. Those of one key stay in the order of arrival.
    ordered.sort_by_key(|(_, records)| records.first().map(|record| place_of(record)));
    for (place, records) in ordered {
        for (number, record) in records.into_iter().enumerate() {
            match write(tables, record).await? {
                Ok(_) => {}
                Err(refusal) if number == 0 => {
                    refusals.push((place, refusal));
                    break;
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }
    refusals.sort_unstable_by_key(|(place, _)| Reverse(*place));
    Ok(refusals)
}

fn in_order(records: &[RecordWrite]) -> Vec<&RecordWrite> {
    let mut ordered: Vec<&RecordWrite> = records.iter().collect();
    ordered.sort_by_key(|record| place_of(record));
    ordered
}
