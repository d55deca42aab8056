//! Logs and metrics. Neither carries personal data: paths are logged as patterns, ids as ids.
use crate::settings::Log;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging to standard error.
pub fn start_logging(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|_| {
        anyhow::anyhow!("log.filter is not a list of tracing directives such as info,lokapasar=debug")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    let outcome = match log.format.as_str() {
        "json" => registry.with(tracing_subscriber::fmt::layer().json().with_writer(writer)).try_init(),
        _ => registry.with(tracing_subscriber::fmt::layer().with_writer(writer)).try_init(),
    };
    outcome.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}

/// The process's one metrics registry.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])
            .unwrap_or_default();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // A second registry in one process (tests) keeps the first.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}
