//! What cannot wait: clocks in hours, and the comparison afterwards.
use super::{Journey, Reached, Token, line};
use anyhow::{Context, bail};
use chrono::TimeDelta;
use serde_json::{Value, json};

impl Journey {
    /// Reason → approval within hours → order → acceptance → comparison.
    pub(super) async fn urgent(&mut self, owner: &Token, pens: &str) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let why = json!({ "code": "service_failure", "reason": "Listrik kantor padam sejak pagi" });
        let fields = |day| json!({ "method": "urgent", "urgent": why, "lines": [line(pens, "100", day)] });
        let draft = self.draft_of(&officer, 1, fields).await?;
        let path = format!("/api/v1/requests/{}", draft.text("/id")?);
        let submit = format!("{path}/actions/submit");
        let submitted = self.act("what is needed tomorrow is urgent", &officer, &submit).await?;
        submitted.says("/status", "pending_approval")?;
        within_hours(&submitted, "/submitted_at", "/approval_due_at")?;
        let reason = json!({ "reason": "Hanya satu penyedia yang siap hari itu" });
        self.compare("offers are compared afterwards", &officer, &path, &reason, (409, "illegal_transition"))
            .await?;
        self.approve("it is approved within hours", &submitted).await?.says("/status", "ordered")?;
        let order = self.order_of(&officer, &draft.text("/id")?).await?.text("/id")?;
        let order = format!("/api/v1/orders/{order}");
        let issued = self.get("the vendor has hours to answer", owner, &order).await?;
        within_hours(&issued, "/issued_at", "/answer_due_at")?;
        self.act("and accepts", owner, &format!("{order}/actions/accept"))
            .await?
            .says("/status", "accepted")?;
        let alone = json!({ "product_ids": [pens] });
        self.compare("one offer is no comparison", &officer, &path, &alone, (422, "comparison_required"))
            .await?;
        let filed =
            self.compare("why there was no other is filed", &officer, &path, &reason, (200, "")).await?;
        filed.says("/comparison/reason", "Hanya satu penyedia yang siap hari itu")
    }

    async fn compare(
        &mut self,
        what: &str,
        officer: &Token,
        path: &str,
        body: &Value,
        expected: (u16, &str),
    ) -> anyhow::Result<Reached> {
        let etag = self.get("the request is looked at", officer, path).await?.etag;
        let request = self.client.put(format!("{}{path}/comparison", self.base));
        let request = request.bearer_auth(officer.clone().unwrap_or_default()).header("If-Match", etag);
        let response = request.json(body).send().await.with_context(|| what.to_owned())?;
        self.reached(what, response, expected).await
    }
}

/// Four hours by policy, and never beyond the first day of delivery.
fn within_hours(seen: &Reached, from: &str, to: &str) -> anyhow::Result<()> {
    let lasts = seen.time(to)? - seen.time(from)?;
    if lasts <= TimeDelta::zero() || lasts > TimeDelta::hours(4) {
        bail!("from {from} to {to} it is {} minutes", lasts.num_minutes());
    }
    Ok(())
}
