//! Who may do what: the duties that a request names, and those who act in them.
use super::*;

pub(super) async fn officers(
    conn: &mut Conn,
    scene: &Scene<'_>,
    vendors: &[VendorId],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let row = scene.row;
    let duties: [(&'static str, Option<MembershipId>, &[Role]); 3] = [
        ("treasurer_id", row.treasurer_id, &[Role::Treasurer, Role::AssistantTreasurer]),
        ("activity_officer_id", row.activity_officer_id, &[Role::ActivityOfficer]),
        ("commitment_officer_id", row.commitment_officer_id, &[Role::CommitmentOfficer]),
    ];
    // The officer in charge, and whoever acted in that officer's place.
    let mut buyers = store::hands(conn, row.id, Duty::ProcurementOfficer).await?;
    let officer = store::user_of(conn, row.officer_id).await?;
    if !buyers.contains(&officer) {
        buyers.push(officer);
    }
    let (package, now) = (row.package_id, scene.now);
    let mut approves = false;
    for buyer in &buyers {
        approves |= store::has_duty_on_package(conn, package, row.id, *buyer, Duty::CommitmentOfficer, now)
            .await?
            || store::had_hand(conn, row.id, Duty::CommitmentOfficer, *buyer).await?;
    }
    push(
        checks,
        "officers",
        approves.then_some(Code::PairProcurementCommitment),
        "#/package_id",
        json!({}),
        Some("Peraturan LKPP 15/2018".into()),
    );
    for (field, membership, roles) in duties {
        let Some(membership) = membership else {
            let missing = (field == "treasurer_id").then_some(Code::Required);
            push(checks, "officers", missing, format!("#/{field}"), json!({}), None);
            continue;
        };
        let found = accounts::officer(conn, membership, row.agency_id, row.unit_id).await?;
        let suits = found.as_ref().is_some_and(|found| found.covers_unit && roles.contains(&found.role));
        let same_person = found.as_ref().is_some_and(|found| buyers.contains(&found.user_id));
        let bought = match &found {
            Some(found) if field == "commitment_officer_id" => {
                let duty = Duty::ProcurementOfficer;
                store::has_duty_on_package(conn, package, row.id, found.user_id, duty, now).await?
            }
            _ => false,
        };
        let refused = match (suits, same_person, field) {
            (false, ..) => Some(Code::OfficerNotSuitable),
            (true, true, "commitment_officer_id") => Some(Code::PairProcurementCommitment),
            (true, ..) if bought => Some(Code::PairProcurementCommitment),
            (true, true, "treasurer_id") => Some(Code::PairProcurementTreasurer),
            _ => None,
        };
        push(
            checks,
            "officers",
            refused,
            format!("#/{field}"),
            json!({}),
            Some("Peraturan LKPP 15/2018".into()),
        );
    }
    let mut own = false;
    for buyer in &buyers {
        own |= store::any_member_of(conn, *buyer, vendors).await?;
    }
    let own = own.then_some(Code::PairOfficialVendorOwner);
    push(checks, "conflict_of_interest", own, "#/lines", json!({}), Some("Perpres 16/2018 Pasal 7".into()));
    Ok(())
}
