//! Direct purchases at list prices: one ordered and accepted, one declined and replaced, one lapsed.
use super::{CLOCK, Journey, Token};
use anyhow::bail;
use reqwest::Method;
use serde_json::json;

impl Journey {
    /// Package → request → refusal that matters → approval → order → acceptance.
    pub(super) async fn purchase(&mut self, owner: &Token, pens: &str) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let request = self.draft(&officer, pens, "100").await?;
        let path = format!("/api/v1/requests/{request}");
        let body = json!({ "request_id": request });
        let checks = self
            .call(
                "every rule is explained",
                &officer,
                Method::POST,
                "/api/v1/policy-checks",
                Some(body),
                (200, ""),
            )
            .await?;
        if checks.text("/ready")? != "true" {
            bail!("the request is not ready: {}", checks.body);
        }
        let missing_key = self
            .client
            .post(format!("{}{path}/actions/submit", self.base))
            .bearer_auth(officer.clone().unwrap_or_default());
        let response = missing_key.send().await?;
        self.reached("a legal act needs a key", response, (400, "idempotency_key_missing")).await?;
        let submitted = self
            .call(
                "the request is submitted",
                &officer,
                Method::POST,
                &format!("{path}/actions/submit"),
                None,
                (200, ""),
            )
            .await?;
        if submitted.text("/gross_total")? != "2400000.00" {
            bail!("a hundred boxes at Rp24,000 come to {}", submitted.text("/gross_total")?);
        }
        let approve = format!("{path}/actions/approve");
        let content = json!({ "content_hash": submitted.text("/content_hash")? });
        self.call(
            "its officer may not approve",
            &officer,
            Method::POST,
            &approve,
            Some(content.clone()),
            (403, "role_forbidden"),
        )
        .await?;
        let approver = self.role("commitment_officer").await?;
        self.call(
            "the commitment officer approves",
            &approver,
            Method::POST,
            &approve,
            Some(content),
            (200, ""),
        )
        .await?;
        let order = self.order_of(&officer, &request).await?.text("/id")?;
        let accept = format!("/api/v1/orders/{order}/actions/accept");
        let accepted = self.call("the vendor accepts", owner, Method::POST, &accept, None, (200, "")).await?;
        if accepted.text("/status")? != "accepted" {
            bail!("the order is {}", accepted.text("/status")?);
        }
        Ok(())
    }

    /// A declined order is replaced.
    pub(super) async fn declined_and_replaced(&mut self, owner: &Token, pens: &str) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let approver = self.role("commitment_officer").await?;
        let request = self.draft(&officer, pens, "60").await?;
        let path = format!("/api/v1/requests/{request}");
        let submitted = self
            .call(
                "a second request is submitted",
                &officer,
                Method::POST,
                &format!("{path}/actions/submit"),
                None,
                (200, ""),
            )
            .await?;
        self.call(
            "and approved",
            &approver,
            Method::POST,
            &format!("{path}/actions/approve"),
            Some(json!({ "content_hash": submitted.text("/content_hash")? })),
            (200, ""),
        )
        .await?;
        let order = self.order_of(&officer, &request).await?.text("/id")?;
        let reason = json!({ "reason": "Stok rusak kena banjir" });
        self.call(
            "the vendor declines",
            owner,
            Method::POST,
            &format!("/api/v1/orders/{order}/actions/decline"),
            Some(reason),
            (200, ""),
        )
        .await?;
        let body = json!({ "order_id": order });
        let replace = format!("{path}/actions/replace-vendor");
        let draft = self
            .call(
                "its lines go into a new draft",
                &officer,
                Method::POST,
                &replace,
                Some(body.clone()),
                (201, ""),
            )
            .await?;
        if draft.text("/replaces_order_id")? != order {
            bail!("the new draft does not name the order");
        }
        self.call("but only once", &officer, Method::POST, &replace, Some(body), (409, "already_replaced"))
            .await?;
        let again = format!("/api/v1/requests/{}/actions/submit", draft.text("/id")?);
        self.call("the replacement is submitted", &officer, Method::POST, &again, None, (200, ""))
            .await
            .map(drop)
    }

    /// An order that nobody answers lapses by the moved clock, and its goods can be bought again.
    pub(super) async fn lapsed(&mut self, boxes: &str) -> anyhow::Result<()> {
        let officer = self.role("procurement_officer").await?;
        let first = self.draft(&officer, boxes, "1").await?;
        self.call(
            "a small purchase needs no approval",
            &officer,
            Method::POST,
            &format!("/api/v1/requests/{first}/actions/submit"),
            None,
            (200, ""),
        )
        .await?;
        let second = self.draft(&officer, boxes, "1").await?;
        let submit = format!("/api/v1/requests/{second}/actions/submit");
        self.call("the last piece is taken", &officer, Method::POST, &submit, None, (409, "out_of_stock"))
            .await?;
        let clock = self.call("the clock is read", &officer, Method::GET, CLOCK, None, (200, "")).await?;
        let now: chrono::DateTime<chrono::Utc> = clock.text("/now")?.parse()?;
        let back = json!({ "now": now - chrono::TimeDelta::days(1) });
        self.call("it never goes back", &officer, Method::POST, CLOCK, Some(back), (422, "clock_backwards"))
            .await?;
        let ahead = json!({ "now": now + chrono::TimeDelta::days(14) });
        self.call("but a fortnight ahead", &officer, Method::POST, CLOCK, Some(ahead), (200, "")).await?;
        let order = self.order_of(&officer, &first).await?;
        if order.text("/status")? != "expired" {
            bail!("after a fortnight of silence the order is {}", order.text("/status")?);
        }
        self.call("and the piece is free again", &officer, Method::POST, &submit, None, (200, "")).await?;
        self.work().await?;
        self.done("the worker has announced what lapsed");
        Ok(())
    }
}
