//! PostgreSQL: the pool, the one way to a transaction, and the trade's clock.
mod cluster;
mod copy;
mod errors;
mod pool;
mod sql;
mod transaction;

pub mod migrations;

pub use cluster::{Cluster, ClusterOptions};
pub use copy::Loader;
pub use errors::OnConstraint;
pub use pool::{Conn, Db, PooledConn};
pub use sql::{kept, sql};
pub use transaction::{Tx, now};
