//! COPY, for loading many rows: a bare client beside the pool, in one transaction of its own, so
//! that an interrupted load leaves nothing behind. diesel-async knows no COPY.
use anyhow::Context;
use futures_util::SinkExt;
use std::pin::pin;
use tokio_postgres::{Client, NoTls};

const CHUNK: usize = 1 << 16;

/// A transaction that copies in, and derives rows from what it copied.
pub struct Loader {
    client: Client,
}

impl Loader {
    /// Begins; the address is one of a socket or a server without TLS.
    pub async fn begin(url: &str) -> anyhow::Result<Self> {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.context("the database does not answer")?;
        tokio::spawn(connection);
        client
            .batch_execute(
                "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
        Ok(Self { client })
    }

    /// Copies rows into `table (columns)`; an empty cell is null.
    pub async fn copy(&self, into: &str, rows: impl Iterator<Item = Vec<String>>) -> anyhow::Result<u64> {
        let sink = self.client.copy_in(&format!("COPY {into} FROM STDIN WITH (FORMAT csv)")).await?;
        let mut sink = pin!(sink);
        let mut writer =
            csv::WriterBuilder::new().has_headers(false).from_writer(Vec::with_capacity(2 * CHUNK));
        for row in rows {
            writer.write_record(&row)?;
            if writer.get_ref().len() >= CHUNK {
                let full = std::mem::replace(
                    &mut writer,
                    csv::WriterBuilder::new().has_headers(false).from_writer(Vec::with_capacity(2 * CHUNK)),
                );
                sink.send(bytes::Bytes::from(full.into_inner()?)).await?;
            }
        }
        sink.send(bytes::Bytes::from(writer.into_inner()?)).await?;
        Ok(sink.finish().await?)
    }

    /// Runs a statement that derives rows from those copied in.
    pub async fn derive(&self, statement: &str) -> anyhow::Result<()> {
        Ok(self.client.batch_execute(statement).await?)
    }

    pub async fn commit(self) -> anyhow::Result<()> {
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }

    /// Refreshes the planner's statistics after a load.
    pub async fn analyse(url: &str, tables: &[&str]) -> anyhow::Result<()> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        for table in tables {
            client.batch_execute(&format!("ANALYZE {table}")).await?;
        }
        Ok(())
    }
}
