//! Transactions, several lanes of them side by side.

use async_trait::async_trait;
use sqlx::PgPool;
use wren_core::Result;
use wren_core::store::kit::{Group, Lane, Transactions, failpoint};

use crate::error::{OrStoreError, is_collision};
use crate::queue;
use crate::tables::PostgresTables;

/// How often a transaction is tried that collides with others': each time one of them has got on.
const TRIES: u32 = 10;

/// The transactions of one lane.
pub(crate) struct PostgresTransactions {
    pool: PgPool,
    lane: Lane,
}

impl PostgresTransactions {
    pub(crate) fn new(pool: PgPool, lane: Lane) -> Self {
        Self { pool, lane }
    }

    async fn once(&self, groups: &mut [Box<dyn Group>]) -> Result<()> {
        let mut transaction = self.pool.begin().await.or_store_error()?;
        if self.lane == Lane::Claims {
            queue::lock(&mut transaction).await?;
        }
        for group in groups {
            failpoint("group");
            group.run(&mut PostgresTables { connection: &mut transaction, lane: self.lane }).await?;
        }
        failpoint("commit");
        transaction.commit().await.or_store_error()
    }
}

#[async_trait]
impl Transactions for PostgresTransactions {
    async fn transact(&mut self, groups: &mut [Box<dyn Group>]) -> Result<()> {
        let mut tries = 1;
        loop {
            match self.once(groups).await {
                Err(error) if tries < TRIES && is_collision(&error) => tries += 1,
                done => return done,
            }
        }
    }

    /// Rows stay locked until the end of a transaction: one kind in each, so that all lock in the same order.
    fn kinds(&self) -> usize {
        1
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
