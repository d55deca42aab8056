//! Roles of spec §1: who may hold what in which kind of organisation.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role that a membership gives.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    VendorOwner,
    VendorStaff,
    /// Asks for goods (staf unit).
    Requester,
    /// Pejabat Pengadaan (PP).
    ProcurementOfficer,
    /// Pejabat Pembuat Komitmen (PPK).
    CommitmentOfficer,
    /// PPTK.
    ActivityOfficer,
    Receiver,
    /// Bendahara pengeluaran.
    Treasurer,
    /// Bendahara pengeluaran pembantu (BPP).
    AssistantTreasurer,
    /// PPK-SKPD / PPSPM.
    PaymentVerifier,
    GoodsCustodian,
    /// PA / KPA.
    BudgetUser,
    /// APIP.
    Auditor,
    Verifier,
    Curator,
    Mediator,
    Helpdesk,
    PlatformAuditor,
    Admin,
}

super::id::text_enum!(Role {
    VendorOwner = "vendor_owner",
    VendorStaff = "vendor_staff",
    Requester = "requester",
    ProcurementOfficer = "procurement_officer",
    CommitmentOfficer = "commitment_officer",
    ActivityOfficer = "activity_officer",
    Receiver = "receiver",
    Treasurer = "treasurer",
    AssistantTreasurer = "assistant_treasurer",
    PaymentVerifier = "payment_verifier",
    GoodsCustodian = "goods_custodian",
    BudgetUser = "budget_user",
    Auditor = "auditor",
    Verifier = "verifier",
    Curator = "curator",
    Mediator = "mediator",
    Helpdesk = "helpdesk",
    PlatformAuditor = "platform_auditor",
    Admin = "admin",
});

impl Role {
    /// The kind of organisation in which the role can be held.
    pub fn organisation_kind(self) -> OrganisationKind {
        use Role::*;
        match self {
            VendorOwner | VendorStaff => OrganisationKind::Vendor,
            Requester | ProcurementOfficer | CommitmentOfficer | ActivityOfficer | Receiver | Treasurer
            | AssistantTreasurer | PaymentVerifier | GoodsCustodian | BudgetUser | Auditor => {
                OrganisationKind::Agency
            }
            Verifier | Curator | Mediator | Helpdesk | PlatformAuditor | Admin => OrganisationKind::Platform,
        }
    }
}

/// The three sides of the marketplace.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    Vendor,
    Agency,
    Platform,
}

super::id::text_enum!(OrganisationKind {
    Vendor = "vendor",
    Agency = "agency",
    Platform = "platform",
});

/// In which capacity a commitment officer acts; printed on papers.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    Ppk,
    KpaAsPpk,
    PptkActingAsPpk,
}

super::id::text_enum!(Capacity {
    Ppk = "ppk",
    KpaAsPpk = "kpa_as_ppk",
    PptkActingAsPpk = "pptk_acting_as_ppk",
});
