//! What the basket costs: lines at today's or the agreed prices, delivery by each vendor's terms.
use super::*;

pub(super) fn price(scene: &Scene<'_>, checks: &mut Vec<Check>) -> Result<Vec<Option<Priced>>, Error> {
    let rates = VatRates::of(&scene.policies)?;
    let empty = scene.lines.is_empty().then_some(Code::Required);
    push(checks, "lines", empty, "#/lines", json!({ "count": scene.lines.len() }), None);
    let mut priced = Vec::new();
    for (place, line) in scene.lines.iter().enumerate() {
        let at = |field: &str| format!("#/lines/{place}/{field}");
        let offer = scene.offers.iter().find(|offer| offer.id == line.product_id);
        let vendor = scene.vendors.iter().find(|vendor| vendor.id == line.vendor_id);
        let (Some(offer), Some(vendor)) = (offer, vendor) else {
            push(checks, "product", Some(Code::ProductUnavailable), at("product_id"), json!({}), None);
            priced.push(None);
            continue;
        };
        if scene.agreed.is_some() {
            let closed = (!vendor.open).then_some(Code::VendorNotVerified);
            push(checks, "product", closed, at("product_id"), json!({ "vendor": vendor.name }), None);
            let frozen = line.unit_price.zip(line.goods_amount).zip(line.vat_amount);
            let ((unit_price, goods), vat) =
                frozen.ok_or_else(|| Error::Internal("an agreed line has no price".into()))?;
            priced.push(Some(Priced { offer: offer.clone(), unit_price, tax: LineTax { goods, vat } }));
            continue;
        }
        let unavailable = match (offer.published, vendor.open) {
            (_, false) => Some(Code::VendorNotVerified),
            (false, true) => Some(Code::ProductUnavailable),
            (true, true) => None,
        };
        push(
            checks,
            "product",
            unavailable,
            at("product_id"),
            json!({ "product": offer.name, "vendor": vendor.name }),
            None,
        );
        let kind =
            (offer.procurement_kind != scene.row.procurement_kind).then_some(Code::ProcurementKindMismatch);
        push(
            checks,
            "procurement_kind",
            kind,
            at("product_id"),
            json!({ "product": offer.procurement_kind, "request": scene.row.procurement_kind }),
            None,
        );
        let below = (line.quantity < offer.minimum_order).then_some(Code::BelowMinimumOrder);
        push(
            checks,
            "minimum_order",
            below,
            at("quantity"),
            json!({ "limit": offer.minimum_order.to_string(), "quantity": line.quantity }),
            None,
        );
        let slots: Decimal =
            scene.slots.iter().filter(|slot| slot.line_id == line.id).map(|slot| slot.quantity.0).sum();
        let apart = (slots != line.quantity.0).then_some(Code::QuantityMismatch);
        push(
            checks,
            "delivery_slots",
            apart,
            at("slots"),
            json!({ "limit": line.quantity.to_string(), "slots": slots.to_string() }),
            None,
        );
        let late = scene.slots.iter().any(|slot| {
            slot.line_id == line.id && (slot.day > scene.row.needed_on || slot.day < scene.earliest())
        });
        let when = late.then_some(Code::NeededTooSoon);
        push(
            checks,
            "delivery_days",
            when,
            at("slots"),
            json!({ "from": scene.earliest(), "to": scene.row.needed_on }),
            None,
        );
        let unit_price = offer.price_at(line.quantity);
        let tax = line_tax(
            &rates,
            offer.tax_class,
            vendor.vat_registered,
            offer.price_basis,
            unit_price,
            line.quantity,
        );
        let nothing = (tax.goods == Amount::ZERO).then_some(Code::OutOfRange);
        push(checks, "line_value", nothing, at("quantity"), json!({ "limit": "≥ Rp1" }), None);
        priced.push(Some(Priced { offer: offer.clone(), unit_price, tax }));
    }
    Ok(priced)
}

/// Each vendor's goods, shipping by its terms, and VAT.
pub(super) async fn parts(
    conn: &mut Conn,
    scene: &Scene<'_>,
    priced: &[Option<Priced>],
    checks: &mut Vec<Check>,
) -> Result<Vec<Part>, Error> {
    let rates = VatRates::of(&scene.policies)?;
    let mut parts = Vec::new();
    for vendor in &scene.vendors {
        let mut taxes = Vec::new();
        // One delivery: a day at a place. Weight counts per delivery, begun kilograms.
        let mut deliveries: BTreeMap<(NaiveDate, &str, &str), (Decimal, usize)> = BTreeMap::new();
        for (place, line) in scene.lines.iter().enumerate().filter(|(_, line)| line.vendor_id == vendor.id) {
            let Some(priced) = &priced[place] else { continue };
            taxes.push(priced.tax);
            for slot in scene.slots.iter().filter(|slot| slot.line_id == line.id) {
                let grams = Decimal::from(priced.offer.weight_grams.unwrap_or_default()) * slot.quantity.0;
                let delivery = deliveries
                    .entry((slot.day, &slot.region_code, &slot.address))
                    .or_insert((Decimal::ZERO, place));
                delivery.0 += grams;
            }
        }
        let mut shipping = Amount::ZERO;
        for ((_, region, _), (grams, place)) in deliveries {
            let terms = vendors::shipping(conn, vendor.id, region).await?;
            let refused = match &terms {
                None => Some(Code::RegionNotServed),
                Some(terms)
                    if terms.terms == ShippingTerms::OnQuote && scene.row.method != Method::Negotiated =>
                {
                    Some(Code::ShippingOnQuote)
                }
                Some(_) => None,
            };
            let figures = json!({ "vendor": vendor.name, "region_code": region, "terms": terms.as_ref().map(|terms| terms.terms) });
            push(checks, "region", refused, format!("#/lines/{place}/slots"), figures, None);
            shipping = shipping
                + match terms {
                    Some(terms) if terms.terms == ShippingTerms::Flat => terms.fee,
                    Some(terms) if terms.terms == ShippingTerms::ByWeight => {
                        Amount(terms.fee.0 * (grams / Decimal::from(1_000)).ceil())
                    }
                    _ => Amount::ZERO,
                };
        }
        let on_lines: Amount = taxes.iter().map(|tax| tax.vat).sum();
        let whole = match scene.agreed.as_ref().and_then(|fees| fees.get(&vendor.id)) {
            Some((fee, fee_vat)) => {
                let (goods, vat) = (taxes.iter().map(|tax| tax.goods).sum::<Amount>(), on_lines + *fee_vat);
                Totals { goods, shipping: *fee, vat, gross: goods + *fee + vat }
            }
            None => totals(&rates, vendor.vat_registered, &taxes, shipping),
        };
        parts.push(Part { vendor: vendor.id, totals: whole, shipping_vat: Amount(whole.vat.0 - on_lines.0) });
    }
    Ok(parts)
}

/// What must be reserved: stock by product, day capacity by product and day. What is not on offer needs nothing.
pub fn needs<'a>(
    offers: impl IntoIterator<Item = &'a Offer>,
    lines: &[LineRow],
    slots: &[SlotRow],
) -> Vec<Need> {
    let offers: HashMap<ProductId, &Offer> = offers.into_iter().map(|offer| (offer.id, offer)).collect();
    let mut needs: BTreeMap<_, Decimal> = BTreeMap::new();
    for line in lines {
        let Some(offer) = offers.get(&line.product_id) else { continue };
        match offer.availability {
            Availability::Counted => *needs.entry((offer.id, None)).or_default() += line.quantity.0,
            Availability::CapacityPerDay => {
                for slot in slots.iter().filter(|slot| slot.line_id == line.id) {
                    *needs.entry((offer.id, Some(slot.day))).or_default() += slot.quantity.0;
                }
            }
            Availability::MadeToOrder | Availability::Service => {}
        }
    }
    needs
        .into_iter()
        .map(|((product, day), quantity)| Need { product, day, quantity: Quantity(quantity) })
        .collect()
}
