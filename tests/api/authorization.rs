//! Who may do what, cell by cell: every operation of the contract × every caller. The table below
//! is written by hand from spec §1, never read from the code it judges.
//!
//! The scene is two complete tenants (a vendor and an agency each) and the platform in the
//! sandbox, and all roles once more in the live realm and once as memberships that ended. Calls
//! that would pass are rehearsed (`dry_run`) or lack what they need, so the scene stays as it is
//! and the tests may share it.
use crate::support::purchase::line;
use crate::support::trade::{PDF, PNG};
use crate::support::{Answer, Caller, TestApp};
use futures_util::StreamExt;
use lokapasar::accounts::{self, NewUnit};
use lokapasar::kernel::{Ctx, OrganisationId, OrganisationKind, Realm, Role, UnitId};
use lokapasar::platform::new_id;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Weak};

use Body::{File, Json, Nothing};
use Who::{Anyone, LoggedIn, Only};
use lokapasar::kernel::Role::*;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Whom an operation is for.
#[derive(Clone, Copy)]
enum Who {
    Anyone,
    /// Whoever logged in, with or without a membership.
    LoggedIn,
    Only(&'static [Role]),
}

#[derive(Clone, Copy)]
enum Body {
    Nothing,
    Json(&'static str),
    File(&'static [u8], &'static [(&'static str, &'static str)]),
}

/// One operation. `{names}` in path and body stand for things of the scene.
struct Row {
    operation: &'static str,
    method: Method,
    path: &'static str,
    body: Body,
    who: Who,
}

fn row(operation: &'static str, method: Method, path: &'static str, body: Body, who: Who) -> Row {
    Row { operation, method, path, body, who }
}

const ROLES: [Role; 19] = [
    VendorOwner,
    VendorStaff,
    Requester,
    ProcurementOfficer,
    CommitmentOfficer,
    ActivityOfficer,
    Receiver,
    Treasurer,
    AssistantTreasurer,
    PaymentVerifier,
    GoodsCustodian,
    BudgetUser,
    Auditor,
    Verifier,
    Curator,
    Mediator,
    Helpdesk,
    PlatformAuditor,
    Admin,
];
const VENDOR: &[Role] = &[VendorOwner, VendorStaff];
const OFFICE: &[Role] = &[
    Requester,
    ProcurementOfficer,
    CommitmentOfficer,
    ActivityOfficer,
    Receiver,
    Treasurer,
    AssistantTreasurer,
    PaymentVerifier,
    GoodsCustodian,
    BudgetUser,
    Auditor,
];
const BOTH_SIDES: &[Role] = &[
    VendorOwner,
    VendorStaff,
    Requester,
    ProcurementOfficer,
    CommitmentOfficer,
    ActivityOfficer,
    Receiver,
    Treasurer,
    AssistantTreasurer,
    PaymentVerifier,
    GoodsCustodian,
    BudgetUser,
    Auditor,
];
const BARGAINERS: &[Role] = &[VendorOwner, VendorStaff, ProcurementOfficer];
/// Those who appoint: the PA, a shop's owner, the platform's admin.
const APPOINTERS: &[Role] = &[VendorOwner, BudgetUser, Admin];
/// Who reads vendors' files; personal values are masked for all but the owner and the holder.
const FILE_READERS: &[Role] = &[VendorOwner, VendorStaff, Verifier, Helpdesk, PlatformAuditor, Admin];
/// Who originates a request (spec §1: "a PPK may originate what the PP sources"; a requester asks).
const ORIGINATORS: &[Role] = &[Requester, ProcurementOfficer, CommitmentOfficer];

const REASON: Body = Json(r#"{"reason":"Alasan yang cukup panjang"}"#);
const EMPTY: Body = Json("{}");
const CONTENT: Body =
    Json(r#"{"content_hash":"0000000000000000000000000000000000000000000000000000000000000000"}"#);

#[rustfmt::skip]
fn table() -> Vec<Row> {
    vec![
        // Accounts: the door is open to everyone, one's own things to whoever logged in.
        row("registerUser", POST, "/api/v1/auth/registrations", EMPTY, Anyone),
        row("confirmContact", POST, "/api/v1/auth/contact-confirmations", EMPTY, Anyone),
        row("logIn", POST, "/api/v1/auth/sessions", EMPTY, Anyone),
        row("refreshSession", POST, "/api/v1/auth/sessions/refresh", EMPTY, Anyone),
        row("requestPasswordReset", POST, "/api/v1/auth/password-resets", EMPTY, Anyone),
        row("completePasswordReset", POST, "/api/v1/auth/password-resets/actions/complete", EMPTY, Anyone),
        row("listSessions", GET, "/api/v1/auth/sessions", Nothing, LoggedIn),
        row("endSession", DELETE, "/api/v1/auth/sessions/{session}", Nothing, LoggedIn),
        row("getMe", GET, "/api/v1/me", Nothing, LoggedIn),
        row("listMyMemberships", GET, "/api/v1/me/memberships", Nothing, LoggedIn),
        // Organisations: agencies are known to all; who works where is told to those who answer for it.
        row("createOrganisation", POST, "/api/v1/organisations", EMPTY, Only(&[Admin])),
        row("listOrganisations", GET, "/api/v1/organisations", Nothing, Only(&[Helpdesk, PlatformAuditor, Admin])),
        row("getOrganisation", GET, "/api/v1/organisations/{organisation}", Nothing, LoggedIn),
        row("createUnit", POST, "/api/v1/organisations/{organisation}/units", Json(r#"{"code":"9.99","name":"Dinas","short_name":"DIN9X"}"#), Only(&[BudgetUser, Admin])),
        row("listUnits", GET, "/api/v1/organisations/{agency}/units", Nothing, LoggedIn),
        row("listMemberships", GET, "/api/v1/organisations/{organisation}/memberships", Nothing, Only(&[VendorOwner, BudgetUser, Auditor, PlatformAuditor, Admin])),
        row("endMembership", POST, "/api/v1/organisations/{organisation}/memberships/{membership}/actions/end", Nothing, Only(APPOINTERS)),
        row("inviteMember", POST, "/api/v1/invitations", EMPTY, Only(APPOINTERS)),
        row("listInvitations", GET, "/api/v1/invitations", Nothing, Only(APPOINTERS)),
        row("acceptInvitation", POST, "/api/v1/invitations/{invitation}/actions/accept", Json(r#"{"token":"AAAA"}"#), LoggedIn),
        row("revokeInvitation", POST, "/api/v1/invitations/{invitation}/actions/revoke", Nothing, Only(APPOINTERS)),
        // Deputies: appointed by the PA, known to the whole office.
        row("appointDeputy", POST, "/api/v1/deputies", EMPTY, Only(&[BudgetUser])),
        row("listDeputies", GET, "/api/v1/deputies", Nothing, Only(OFFICE)),
        row("endDeputy", POST, "/api/v1/deputies/{deputy}/actions/end", Nothing, Only(&[BudgetUser])),
        // The sandbox is its users' own.
        row("getSandboxClock", GET, "/api/v1/sandbox/clock", Nothing, LoggedIn),
        row("moveSandboxClock", POST, "/api/v1/sandbox/clock", EMPTY, LoggedIn),
        row("listSandboxMails", GET, "/api/v1/sandbox/mails", Nothing, Only(&[Admin])),
        // Rules and taxes are public.
        row("listPolicies", GET, "/api/v1/policies", Nothing, Anyone),
        row("getPolicy", GET, "/api/v1/policies/{any_policy}", Nothing, Anyone),
        row("setPolicy", POST, "/api/v1/policies", EMPTY, Only(&[BudgetUser, Admin])),
        row("endPolicy", POST, "/api/v1/policies/{policy}/actions/end", Json(r#"{"valid_to":"2040-01-01","reason":"Diganti keputusan baru"}"#), Only(&[BudgetUser, Admin])),
        row("listForbiddenPairs", GET, "/api/v1/forbidden-pairs", Nothing, Anyone),
        row("previewTax", POST, "/api/v1/tax-previews", EMPTY, Anyone),
        // Vendors: anyone may found one; the file is the owner's, its examination the verifier's.
        row("createVendor", POST, "/api/v1/vendors", EMPTY, LoggedIn),
        row("listVendors", GET, "/api/v1/vendors", Nothing, Only(&[VendorOwner, VendorStaff, Verifier, Curator, Helpdesk, PlatformAuditor, Admin])),
        row("getVendor", GET, "/api/v1/vendors/{vendor}", Nothing, Only(FILE_READERS)),
        row("updateVendor", PATCH, "/api/v1/vendors/{vendor}", EMPTY, Only(&[VendorOwner])),
        row("precheckVendor", POST, "/api/v1/vendors/prechecks", Json(r#"{"vendor_id":"{vendor}"}"#), Only(&[VendorOwner])),
        row("submitVendor", POST, "/api/v1/vendors/{vendor}/actions/submit", Nothing, Only(&[VendorOwner])),
        row("uploadVendorDocument", POST, "/api/v1/vendors/{vendor}/documents", File(PDF, &[("kind", "identity_card")]), Only(&[VendorOwner])),
        row("listVendorDocuments", GET, "/api/v1/vendors/{vendor}/documents", Nothing, Only(FILE_READERS)),
        row("downloadVendorDocument", GET, "/api/v1/vendors/{vendor}/documents/{document}", Nothing, Only(&[VendorOwner, Verifier])),
        row("removeVendorDocument", DELETE, "/api/v1/vendors/{vendor}/documents/{document}", Nothing, Only(&[VendorOwner])),
        row("listVerificationQueue", GET, "/api/v1/verification-queue", Nothing, Only(&[Verifier, PlatformAuditor, Admin])),
        row("claimVendor", POST, "/api/v1/vendors/{vendor}/actions/claim", Nothing, Only(&[Verifier])),
        row("requestVendorRevision", POST, "/api/v1/vendors/{vendor}/actions/request-revision", REASON, Only(&[Verifier])),
        row("verifyVendor", POST, "/api/v1/vendors/{vendor}/actions/verify", Nothing, Only(&[Verifier])),
        row("rejectVendor", POST, "/api/v1/vendors/{vendor}/actions/reject", REASON, Only(&[Verifier])),
        row("suspendVendor", POST, "/api/v1/vendors/{vendor}/actions/suspend", REASON, Only(&[Verifier, Admin])),
        row("reinstateVendor", POST, "/api/v1/vendors/{vendor}/actions/reinstate", Nothing, Only(&[Verifier, Admin])),
        row("listPublicVendors", GET, "/public/v1/vendors", Nothing, Anyone),
        row("getPublicVendor", GET, "/public/v1/vendors/{vendor}", Nothing, Anyone),
        // Catalogue: the shop keeps its shelf, the curator watches it.
        row("listCategories", GET, "/public/v1/categories", Nothing, Anyone),
        row("searchProducts", GET, "/public/v1/products", Nothing, Anyone),
        row("getPublicProduct", GET, "/public/v1/products/{product}", Nothing, Anyone),
        row("getProductPhoto", GET, "/public/v1/products/{product}/photos/{photo}", Nothing, Anyone),
        row("createProduct", POST, "/api/v1/products", EMPTY, Only(VENDOR)),
        row("listProducts", GET, "/api/v1/products", Nothing, Only(&[VendorOwner, VendorStaff, Curator, PlatformAuditor])),
        row("getProduct", GET, "/api/v1/products/{product}", Nothing, Only(&[VendorOwner, VendorStaff, Curator, PlatformAuditor])),
        row("updateProduct", PATCH, "/api/v1/products/{product}", EMPTY, Only(VENDOR)),
        row("setPriceTiers", PUT, "/api/v1/products/{product}/price-tiers", Json(r#"{"tiers":[]}"#), Only(VENDOR)),
        row("listPriceHistory", GET, "/api/v1/products/{product}/price-history", Nothing, Only(&[VendorOwner, VendorStaff, Curator, PlatformAuditor])),
        row("adjustStock", POST, "/api/v1/products/{product}/actions/adjust-stock", Json(r#"{"direction":"add","quantity":"1","reason":"Barang datang"}"#), Only(VENDOR)),
        row("uploadProductPhoto", POST, "/api/v1/products/{product}/photos", File(PNG, &[]), Only(VENDOR)),
        row("removeProductPhoto", DELETE, "/api/v1/products/{product}/photos/{photo}", Nothing, Only(VENDOR)),
        row("submitProduct", POST, "/api/v1/products/{product}/actions/submit", Nothing, Only(VENDOR)),
        row("publishProduct", POST, "/api/v1/products/{product}/actions/publish", Nothing, Only(VENDOR)),
        row("unpublishProduct", POST, "/api/v1/products/{product}/actions/unpublish", Nothing, Only(VENDOR)),
        row("approveProduct", POST, "/api/v1/products/{product}/actions/approve", Nothing, Only(&[Curator])),
        row("requestProductRevision", POST, "/api/v1/products/{product}/actions/request-revision", REASON, Only(&[Curator])),
        row("rejectProduct", POST, "/api/v1/products/{product}/actions/reject", REASON, Only(&[Curator])),
        row("freezeProduct", POST, "/api/v1/products/{product}/actions/freeze", REASON, Only(&[Curator])),
        row("unfreezeProduct", POST, "/api/v1/products/{product}/actions/unfreeze", Nothing, Only(&[Curator])),
        // Plan and budget are read by the office they belong to.
        row("listPackages", GET, "/api/v1/packages", Nothing, Only(OFFICE)),
        row("getPackage", GET, "/api/v1/packages/{package}", Nothing, Only(OFFICE)),
        row("listBudgetLines", GET, "/api/v1/budget-lines?package_id={package}", Nothing, Only(OFFICE)),
        // Requests: asked for at the desk, sourced by the PP, approved by PPK or PA, reassigned by the PA.
        row("createRequest", POST, "/api/v1/requests", EMPTY, Only(ORIGINATORS)),
        row("listRequests", GET, "/api/v1/requests", Nothing, Only(OFFICE)),
        row("getRequest", GET, "/api/v1/requests/{draft}", Nothing, Only(OFFICE)),
        row("updateRequest", PATCH, "/api/v1/requests/{draft}", EMPTY, Only(ORIGINATORS)),
        row("checkPolicies", POST, "/api/v1/policy-checks", Json(r#"{"request_id":"{draft}"}"#), Only(&[ProcurementOfficer])),
        row("submitRequest", POST, "/api/v1/requests/{draft}/actions/submit", Nothing, Only(&[ProcurementOfficer])),
        row("withdrawRequest", POST, "/api/v1/requests/{pending}/actions/withdraw", Nothing, Only(&[ProcurementOfficer])),
        row("returnRequest", POST, "/api/v1/requests/{pending}/actions/return", REASON, Only(&[CommitmentOfficer, BudgetUser])),
        row("rejectRequest", POST, "/api/v1/requests/{pending}/actions/reject", REASON, Only(&[CommitmentOfficer, BudgetUser])),
        row("approveRequest", POST, "/api/v1/requests/{pending}/actions/approve", CONTENT, Only(&[CommitmentOfficer, BudgetUser])),
        row("cancelRequest", POST, "/api/v1/requests/{draft}/actions/cancel", REASON, Only(&[ProcurementOfficer, CommitmentOfficer])),
        row("renewRequest", POST, "/api/v1/requests/{ordered}/actions/renew", Nothing, Only(&[ProcurementOfficer])),
        row("reassignRequest", POST, "/api/v1/requests/{pending}/actions/reassign", Json(r#"{"duty":"procurement_officer","membership_id":"{membership}","letter_number":"821/2/2026"}"#), Only(&[BudgetUser])),
        row("replaceVendor", POST, "/api/v1/requests/{ordered}/actions/replace-vendor", Json(r#"{"order_id":"{order}"}"#), Only(&[ProcurementOfficer])),
        // Negotiations: the PP and the vendor bargain, the office reads.
        row("listInbox", GET, "/api/v1/inbox", Nothing, Only(BOTH_SIDES)),
        row("listNegotiations", GET, "/api/v1/requests/{negotiated}/negotiations", Nothing, Only(BOTH_SIDES)),
        row("proposeRound", POST, "/api/v1/requests/{negotiated}/negotiation-rounds", Json(r#"{"unit_prices":[{"line_id":"{line}","unit_price":"12000.00"}],"shipping_fee":"0"}"#), Only(BARGAINERS)),
        row("acceptRound", POST, "/api/v1/requests/{negotiated}/negotiation-rounds/{round}/actions/accept", Nothing, Only(BARGAINERS)),
        row("endNegotiation", POST, "/api/v1/requests/{negotiated}/actions/end-negotiation", REASON, Only(BARGAINERS)),
        // Quotations: the PP asks, vendors quote, everybody reads what is public.
        row("setOwnerEstimate", PUT, "/api/v1/requests/{draft}/owner-estimate", Json(r#"{"total":"1000000.00"}"#), Only(&[ProcurementOfficer])),
        row("uploadProof", POST, "/api/v1/requests/{recorded}/proofs", File(PDF, &[]), Only(&[ProcurementOfficer])),
        row("listProofs", GET, "/api/v1/requests/{recorded}/proofs", Nothing, Only(OFFICE)),
        row("downloadProof", GET, "/api/v1/requests/{recorded}/proofs/{proof}", Nothing, Only(OFFICE)),
        row("removeProof", DELETE, "/api/v1/requests/{recorded}/proofs/{proof}", Nothing, Only(&[ProcurementOfficer])),
        row("listRecordedPurchases", GET, "/public/v1/recorded-purchases", Nothing, Anyone),
        row("compareAfterwards", PUT, "/api/v1/requests/{draft}/comparison", Json(r#"{"reason":"Hanya satu yang siap"}"#), Only(&[ProcurementOfficer])),
        row("openRequest", POST, "/api/v1/requests/{draft}/actions/open", Nothing, Only(&[ProcurementOfficer])),
        row("failRequest", POST, "/api/v1/requests/{quotation}/actions/fail", REASON, Only(&[ProcurementOfficer])),
        row("inviteVendors", POST, "/api/v1/requests/{quotation}/invitations", Json(r#"{"vendor_ids":["0198c0de-7000-7000-8000-000000000009"]}"#), Only(&[ProcurementOfficer])),
        row("issueAddendum", POST, "/api/v1/requests/{quotation}/addenda", Json(r#"{"text":"Tutup boleh hitam"}"#), Only(&[ProcurementOfficer])),
        row("askQuestion", POST, "/api/v1/requests/{quotation}/questions", Json(r#"{"question":"Apakah merek bebas?"}"#), Only(VENDOR)),
        row("listQuestions", GET, "/api/v1/requests/{quotation}/questions", Nothing, Only(OFFICE)),
        row("answerQuestion", POST, "/api/v1/requests/{quotation}/questions/{question}/actions/answer", Json(r#"{"answer":"Ya, bebas"}"#), Only(&[ProcurementOfficer])),
        row("createQuote", POST, "/api/v1/requests/{quotation}/quotes", Json("{}"), Only(VENDOR)),
        row("listQuotes", GET, "/api/v1/requests/{quotation}/quotes", Nothing, Only(BOTH_SIDES)),
        row("getQuote", GET, "/api/v1/quotes/{opened_quote}", Nothing, Only(BOTH_SIDES)),
        row("updateQuote", PATCH, "/api/v1/quotes/{quote}", EMPTY, Only(VENDOR)),
        row("submitQuote", POST, "/api/v1/quotes/{quote}/actions/submit", Nothing, Only(VENDOR)),
        row("replaceQuote", POST, "/api/v1/quotes/{quote}/actions/replace", Nothing, Only(VENDOR)),
        row("confirmQuote", POST, "/api/v1/quotes/{quote}/actions/confirm", Nothing, Only(VENDOR)),
        row("withdrawQuote", POST, "/api/v1/quotes/{quote}/actions/withdraw", Nothing, Only(VENDOR)),
        row("openQuotes", POST, "/api/v1/requests/{opened}/opening", Nothing, Only(&[ProcurementOfficer, CommitmentOfficer, Auditor])),
        row("getOpening", GET, "/api/v1/requests/{opened}/opening", Nothing, Only(BOTH_SIDES)),
        row("getEvaluation", GET, "/api/v1/requests/{opened}/evaluation", Nothing, Only(BOTH_SIDES)),
        row("completeEvaluation", POST, "/api/v1/requests/{opened}/evaluation", Json("{}"), Only(&[ProcurementOfficer])),
        row("scoreQuotes", PUT, "/api/v1/requests/{opened}/score-sheet", Json(r#"{"scores":[{"quote_id":"0198c0de-7000-7000-8000-000000000009","criterion":"mutu","score":"80"}]}"#), Only(&[ProcurementOfficer])),
        row("disqualifyQuote", POST, "/api/v1/quotes/{opened_quote}/actions/disqualify", Json(r#"{"code":"technical","reason":"Tidak sesuai contoh"}"#), Only(&[ProcurementOfficer])),
        row("verifyQuote", POST, "/api/v1/quotes/{opened_quote}/actions/verify", Json(r#"{"note":"Contoh diperiksa"}"#), Only(&[ProcurementOfficer])),
        row("askCure", POST, "/api/v1/quotes/{opened_quote}/actions/ask-cure", Json(r#"{"fault":"Masa berlaku belum disebut"}"#), Only(&[ProcurementOfficer])),
        row("cureQuote", POST, "/api/v1/quotes/{opened_quote}/actions/cure", Json(r#"{"answer":"Berlaku 30 hari"}"#), Only(VENDOR)),
        row("awardRequest", POST, "/api/v1/requests/{opened}/actions/award", CONTENT, Only(&[CommitmentOfficer])),
        row("nextRank", POST, "/api/v1/requests/{ordered}/actions/next-rank", Json(r#"{"order_id":"{order}"}"#), Only(&[ProcurementOfficer])),
        row("fileObjection", POST, "/api/v1/requests/{opened}/objections", Json(r#"{"text":"Pemenang tidak sesuai spesifikasi"}"#), Only(VENDOR)),
        row("listObjections", GET, "/api/v1/requests/{awarded}/objections", Nothing, Only(BOTH_SIDES)),
        row("decideObjection", POST, "/api/v1/requests/{awarded}/objections/{objection}/actions/decide", Json(r#"{"upheld":false,"decision":"Sudah diperiksa"}"#), Only(&[CommitmentOfficer])),
        row("listPublicQuotations", GET, "/public/v1/quotations", Nothing, Anyone),
        row("getPublicQuotation", GET, "/public/v1/quotations/{any_request}", Nothing, Anyone),
        // Orders: the vendor answers, the PPK signs for the office, both sides read.
        row("listOrders", GET, "/api/v1/orders?request_id={ordered}", Nothing, Only(BOTH_SIDES)),
        row("getOrder", GET, "/api/v1/orders/{order}", Nothing, Only(BOTH_SIDES)),
        row("acceptOrder", POST, "/api/v1/orders/{order}/actions/accept", Nothing, Only(VENDOR)),
        row("declineOrder", POST, "/api/v1/orders/{order}/actions/decline", REASON, Only(VENDOR)),
        row("cancelOrder", POST, "/api/v1/orders/{order}/actions/cancel", REASON, Only(&[VendorOwner, VendorStaff, CommitmentOfficer])),
        row("proposeOrderChange", POST, "/api/v1/orders/{order}/actions/propose-change", Json(r#"{"brand":"Merek setara","reason":"Merek semula habis"}"#), Only(VENDOR)),
        row("listOrderChanges", GET, "/api/v1/orders/{changed_order}/changes", Nothing, Only(BOTH_SIDES)),
        row("acceptOrderChange", POST, "/api/v1/orders/{changed_order}/changes/{change}/actions/accept", Nothing, Only(&[CommitmentOfficer])),
        row("rejectOrderChange", POST, "/api/v1/orders/{changed_order}/changes/{change}/actions/reject", REASON, Only(&[CommitmentOfficer])),
    ]
}

/// Where the table, that is spec §1, allows more than the house does yet: requests are begun by
/// the PP alone. A cell that starts to pass fails until it is struck off here.
const BEHIND_THE_SPEC: &[(&str, &[Role])] =
    &[("createRequest", &[Requester, CommitmentOfficer]), ("updateRequest", &[Requester, CommitmentOfficer])];

/// Objects that the whole realm may see, told by the operation that shows them.
const OPEN_TO_THE_REALM: &[&str] = &["getOrganisation", "listUnits", "askQuestion", "createQuote"];

/// The paper of a file is for the verifier who holds it; ours let go of it by deciding.
const NOT_EVEN_FOR: &[(&str, Role)] = &[("downloadVendorDocument", Verifier)];

impl Row {
    /// The role's answer before anything is looked up; none: it passes.
    fn refusal(&self, caller: &Kind) -> Option<(u16, &'static str)> {
        match (self.who, caller) {
            (Anyone, _) => None,
            (_, Kind::Anonymous) => Some((401, "authentication_required")),
            (LoggedIn, _) => None,
            (Only(_), Kind::WithoutMembership) => Some((403, "membership_required")),
            (Only(roles), Kind::Member(role)) if roles.contains(role) && !self.is_behind(*role) => None,
            (Only(_), Kind::Member(_)) => Some((403, "role_forbidden")),
        }
    }

    fn is_behind(&self, role: Role) -> bool {
        BEHIND_THE_SPEC.iter().any(|(operation, roles)| *operation == self.operation && roles.contains(&role))
    }

    /// The roles that pass.
    fn roles(&self) -> Vec<Role> {
        ROLES.into_iter().filter(|role| self.refusal(&Kind::Member(*role)).is_none()).collect()
    }

    /// Whether the operation is about one thing, named in its path or body.
    fn names_an_object(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        let body = if let Json(text) = self.body { text } else { "" };
        !matches!(self.who, Anyone) && NAMES.iter().any(|name| path.contains(name) || body.contains(name))
    }

    fn is_list(&self) -> bool {
        self.method == GET && !self.names_an_object() && !matches!(self.who, Anyone)
    }
}

#[derive(Debug)]
enum Kind {
    Anonymous,
    WithoutMembership,
    Member(Role),
}

const NAMES: [&str; 30] = [
    "{recorded}",
    "{proof}",
    "{awarded}",
    "{objection}",
    "{quotation}",
    "{question}",
    "{quote}",
    "{opened}",
    "{opened_quote}",
    "{policy}",
    "{deputy}",
    "{line}",
    "{negotiated}",
    "{round}",
    "{session}",
    "{organisation}",
    "{agency}",
    "{membership}",
    "{invitation}",
    "{vendor}",
    "{document}",
    "{product}",
    "{photo}",
    "{package}",
    "{draft}",
    "{pending}",
    "{ordered}",
    "{order}",
    "{changed_order}",
    "{change}",
];

/// What the `{names}` stand for.
type Things = HashMap<&'static str, String>;

/// Things that nobody has.
fn nothing_there() -> Things {
    NAMES.into_iter().map(|name| (name, new_id::<uuid::Uuid>().to_string())).collect()
}

fn fill(text: &str, things: &Things) -> String {
    things.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

/// A vendor and an agency with everything that operations are about, and their people.
struct Tenant {
    people: HashMap<Role, Caller>,
    of_vendor: Things,
    of_agency: Things,
}

impl Tenant {
    /// As a role means them: "the organisation" of a vendor's owner is another than a treasurer's.
    fn things(&self, role: Role) -> &Things {
        if role.organisation_kind() == OrganisationKind::Vendor { &self.of_vendor } else { &self.of_agency }
    }

    fn ids(&self) -> BTreeSet<&str> {
        self.of_vendor.values().chain(self.of_agency.values()).map(String::as_str).collect()
    }
}

struct World {
    anonymous: Caller,
    person: Caller,
    /// The tenant whose things are asked for; the platform's people are with it.
    ours: Tenant,
    theirs: Tenant,
    live: HashMap<Role, Caller>,
    ended: HashMap<Role, Caller>,
    directory: std::path::PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The scene that the tests share, on a runtime that outlives each of them.
async fn world() -> Arc<World> {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime can be made"));
    static WORLD: tokio::sync::Mutex<Weak<World>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut shared = WORLD.lock().await;
    if let Some(world) = shared.upgrade() {
        return world;
    }
    let build = tokio::task::spawn_blocking(|| RUNTIME.block_on(World::build()));
    let world = Arc::new(build.await.expect("the scene can be set"));
    *shared = Arc::downgrade(&world);
    world
}

impl World {
    async fn build() -> Self {
        let app = TestApp::start().await;
        let person = app.person().await;
        let session = person.get("/api/v1/auth/sessions").await.expect(200).text("/items/0/id");
        let mut ours = tenant(&app, &session).await;
        let theirs = tenant(&app, &session).await;
        for role in ROLES.into_iter().filter(|role| role.organisation_kind() == OrganisationKind::Platform) {
            ours.people.insert(role, app.member(None, role, &[]).await);
        }
        let live = live_members(&app).await;
        let ended = ended_members(&app, &ours).await;
        let (anonymous, directory) = (app.anonymous(), app.directory.clone());
        // The server runs on for as long as its runtime does.
        std::mem::forget(app);
        Self { anonymous, person, ours, theirs, live, ended, directory }
    }
}

async fn tenant(app: &TestApp, session: &str) -> Tenant {
    let vendor = app.vendor().await;
    let organisation = OrganisationId(vendor.id.0);
    let office = app.office().await;
    let mut people = HashMap::from([
        (VendorOwner, vendor.owner.clone()),
        (VendorStaff, app.member(Some(organisation), VendorStaff, &[]).await),
        (ProcurementOfficer, office.officer.clone()),
        (CommitmentOfficer, office.approver.clone()),
    ]);
    for (place, role) in
        OFFICE.iter().enumerate().filter(|(_, role)| ![ProcurementOfficer, CommitmentOfficer].contains(role))
    {
        // Some are appointed to the unit, some to the whole agency.
        let units: &[UnitId] = if place % 2 == 0 { &[office.unit] } else { &[] };
        people.insert(*role, app.member(Some(office.agency), *role, units).await);
    }
    let product = app.product(&vendor, "12500.00", 50_000).await;
    let photo =
        vendor.owner.get(&format!("/api/v1/products/{product}")).await.expect(200).text("/photos/0/id");
    let document = vendor
        .owner
        .get(&format!("/api/v1/vendors/{}/documents", vendor.id))
        .await
        .expect(200)
        .text("/items/0/id");
    // The clock moves for the opening, so that comes first.
    let opened = office.asks(office.quotation(&product, "4", json!({}))).await;
    let opened_quote = vendor.quotes(&opened, &product, "12400.00", "0").await;
    let awarded = office.asks(office.quotation(&product, "5000", json!({}))).await;
    let loser = app.vendor().await;
    let losers = app.product(&loser, "12600.00", 10).await;
    let won = vendor.quotes(&awarded, &product, "12400.00", "0").await;
    loser.quotes(&awarded, &losers, "12450.00", "0").await;
    app.set_clock(&awarded.deadline).await;
    app.work().await;
    office.awards(&awarded, &[&won]).await.expect(200);
    let objection = json!({ "text": "Barang pemenang tidak sesuai spesifikasi" });
    let objection = loser
        .owner
        .post(&format!("/api/v1/requests/{}/objections", awarded.request), objection)
        .await
        .expect(201)
        .id();
    let asked = office.asks(office.quotation(&product, "4", json!({}))).await;
    let quote = vendor.quotes(&asked, &product, "12400.00", "0").await;
    let question = json!({ "question": "Apakah merek setara diterima?" });
    let question = vendor
        .owner
        .post(&format!("/api/v1/requests/{}/questions", asked.request), question)
        .await
        .expect(201)
        .id();
    let draft = office.draft(vec![line(&product, "400")]).await;
    let recorded = office.draft_recorded(json!({})).await;
    let proof = office.prove(&recorded).await;
    let pending = office.submitted(vec![line(&product, "400")]).await;
    let ordered = office.ordered(vec![line(&product, "400")]).await;
    let order = office.order(&ordered).await;
    let changed = office.ordered(vec![line(&product, "400")]).await;
    let changed_order = office.order(&changed).await;
    let proposal = json!({ "brand": "Merek setara", "reason": "Merek semula habis" });
    let negotiated = office.draft_with(vec![line(&product, "100")], json!({ "method": "negotiated" })).await;
    office.submit(&negotiated).await.expect(200);
    let negotiation =
        vendor.owner.get(&format!("/api/v1/requests/{negotiated}/negotiations")).await.expect(200);
    let line_id = negotiation.text("/items/0/lines/0/line_id");
    let proposal_of_price =
        json!({ "unit_prices": [{ "line_id": line_id, "unit_price": "12100.00" }], "shipping_fee": "0" });
    let round = vendor
        .owner
        .post(&format!("/api/v1/requests/{negotiated}/negotiation-rounds"), proposal_of_price)
        .await
        .expect(201)
        .text("/rounds/0/id");
    let value = json!({ "key": "negotiation.prompt_from", "value": "40000000", "valid_from": "2035-01-01",
        "legal_basis": "Keputusan kepala daerah", "note": "Kehati-hatian" });
    let authority = app.member(Some(office.agency), BudgetUser, &[]).await;
    let policy = authority.post("/api/v1/policies", value).await.expect(201).id();
    let stand_in = app.member(Some(office.agency), Receiver, &[office.unit]).await;
    let deputy = json!({ "officer_id": office.approver.membership, "person_id": stand_in.membership, "kind": "plh",
        "valid_from": "2026-01-01", "valid_to": "2035-01-14", "letter_number": "821/5/2026" });
    let deputy = authority.post("/api/v1/deputies", deputy).await.expect(201).id();
    let change = vendor
        .owner
        .post(&format!("/api/v1/orders/{changed_order}/actions/propose-change"), proposal)
        .await
        .expect(201)
        .id();
    let invite = async |owner: &Caller, role: Role| {
        let contact = format!("tamu{}@example.id", app.unique());
        let body = json!({ "contact": contact, "role": role, "letter_number": "821/9/2026", "valid_from": "2026-01-01" });
        owner.post("/api/v1/invitations", body).await.expect(201).id()
    };
    let membership = |role: Role| people[&role].membership.map(|id| id.to_string()).unwrap_or_default();
    let common = HashMap::from([
        ("{session}", session.to_owned()),
        ("{agency}", office.agency.to_string()),
        ("{vendor}", vendor.id.to_string()),
        ("{document}", document),
        ("{product}", product),
        ("{photo}", photo),
        ("{package}", office.package.clone()),
        ("{draft}", draft),
        ("{pending}", pending),
        ("{ordered}", ordered),
        ("{order}", order),
        ("{changed_order}", changed_order),
        ("{change}", change),
        ("{policy}", policy),
        ("{deputy}", deputy),
        ("{negotiated}", negotiated),
        ("{line}", line_id),
        ("{round}", round),
        ("{quotation}", asked.request),
        ("{question}", question),
        ("{quote}", quote),
        ("{opened}", opened.request),
        ("{opened_quote}", opened_quote),
        ("{awarded}", awarded.request),
        ("{objection}", objection),
        ("{recorded}", recorded),
        ("{proof}", proof),
    ]);
    let mut of_vendor = common.clone();
    of_vendor.insert("{organisation}", organisation.to_string());
    of_vendor.insert("{membership}", membership(VendorStaff));
    of_vendor.insert("{invitation}", invite(&people[&VendorOwner], VendorStaff).await);
    let mut of_agency = common;
    of_agency.insert("{organisation}", office.agency.to_string());
    of_agency.insert("{membership}", membership(Receiver));
    of_agency.insert("{invitation}", invite(&people[&BudgetUser], Receiver).await);
    Tenant { people, of_vendor, of_agency }
}

/// Every role once in the live realm, which this process is not at home in.
async fn live_members(app: &TestApp) -> HashMap<Role, Caller> {
    let ctx = Ctx::system(Realm::Live, "test");
    let (agency, unit, vendor) = app
        .app
        .db
        .transaction(Realm::Live, async |tx| {
            let agency =
                accounts::create_agency(tx, &ctx, "Pemerintah Kota Lain", "L900", "Asia/Jakarta").await?.id;
            let unit = NewUnit {
                code: "9.01".into(),
                source_code: None,
                name: "Dinas Lain".into(),
                short_name: "DINLAIN".into(),
                parent_id: None,
                source: None,
            };
            let unit = accounts::create_unit(tx, &ctx, agency, &unit).await?.id;
            Ok((agency, unit, accounts::create_vendor_organisation(tx, &ctx, "Toko Lain").await?))
        })
        .await
        .expect("the live realm can be settled");
    let mut people = HashMap::new();
    for role in ROLES {
        let (organisation, units): (_, &[UnitId]) = match role.organisation_kind() {
            OrganisationKind::Vendor => (Some(vendor), &[]),
            OrganisationKind::Agency => (Some(agency), &[unit]),
            OrganisationKind::Platform => (None, &[]),
        };
        let (user, contact) = app.account().await;
        let membership = app
            .app
            .db
            .transaction(Realm::Live, async |tx| {
                accounts::grant(tx, &ctx, user, organisation, role, units, Some("821/3/2026")).await
            })
            .await
            .expect("the role can be given");
        people.insert(role, app.log_in(user, &contact, Some(membership)).await);
    }
    people
}

/// Every role once more, with a token that was good until the membership ended.
async fn ended_members(app: &TestApp, ours: &Tenant) -> HashMap<Role, Caller> {
    let mut people = HashMap::new();
    for role in ROLES {
        let ender = match role.organisation_kind() {
            OrganisationKind::Vendor => &ours.people[&VendorOwner],
            OrganisationKind::Agency => &ours.people[&BudgetUser],
            OrganisationKind::Platform => &ours.people[&Admin],
        };
        let organisation = ender.organisation.expect("the ender acts for an organisation");
        let member = app.member(Some(organisation), role, &[]).await;
        assert_eq!(
            member.get("/api/v1/me").await.expect(200).text("/membership_id"),
            member.membership.expect("a membership").to_string()
        );
        let path = format!(
            "/api/v1/organisations/{organisation}/memberships/{}/actions/end",
            member.membership.expect("a membership")
        );
        ender.act(&path).await.expect(200);
        people.insert(role, member);
    }
    people
}

/// How a cell is called.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// As a caller in earnest would.
    Earnest,
    /// Checked to the end, and nothing kept.
    Rehearsed,
    /// With a parameter, a key and a body that nothing takes.
    Garbled,
}

async fn call(row: &Row, caller: &Caller, things: &Things, manner: Manner) -> Answer {
    let mut path = fill(row.path, things);
    let is_account = matches!(row.who, Anyone) || row.path.contains("/auth/");
    let is_upload = matches!(row.body, File(..));
    let parameter = match manner {
        Manner::Rehearsed if row.method == POST && !is_account && !is_upload => Some("dry_run=true"),
        Manner::Garbled => Some("no_such_parameter=1"),
        _ => None,
    };
    if let Some(parameter) = parameter {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(parameter);
    }
    let mut request = caller.request(row.method.clone(), &path);
    if manner == Manner::Earnest && row.method == POST && !is_account {
        request = request.header("Idempotency-Key", new_id::<uuid::Uuid>().to_string());
    }
    // A session has but one version, and is asked for it before it is looked for.
    if row.operation == "endSession" && manner == Manner::Earnest {
        request = request.header("If-Match", "\"v1\"");
    }
    request = match (row.body, manner) {
        (_, Manner::Garbled) => {
            request.header("Content-Type", "text/plain").header("Idempotency-Key", " ").body("}{")
        }
        (Nothing, _) => request,
        (Json(text), _) => request.header("Content-Type", "application/json").body(fill(text, things)),
        (File(..), Manner::Rehearsed) => request.multipart(reqwest::multipart::Form::new()),
        (File(bytes, fields), Manner::Earnest) => {
            let form = fields
                .iter()
                .fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(*name, *value));
            request.multipart(form.part("file", reqwest::multipart::Part::bytes(bytes).file_name("berkas")))
        }
    };
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("the answer arrives").to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, bytes, body }
}

/// Goes through cells, a few side by side; each answers what is wrong with it.
async fn check<C>(title: &str, cells: Vec<C>, judge: impl AsyncFn(C) -> Option<String>) {
    let count = cells.len();
    let mut faults: Vec<String> = futures_util::stream::iter(cells)
        .map(|cell| judge(cell))
        .buffer_unordered(6)
        .filter_map(async |fault| fault)
        .collect()
        .await;
    faults.sort();
    println!("{title}: {count} cells");
    assert!(count > 0, "{title}: nothing was checked");
    assert!(faults.is_empty(), "{title}: {} of {count} cells\n{}", faults.len(), faults.join("\n"));
}

/// What a caller can compare: all but what names the very request.
fn comparable(answer: &Answer) -> (u16, Value, BTreeMap<String, String>) {
    let mut body = answer.body.clone();
    if let Value::Object(fields) = &mut body {
        fields.remove("trace_id");
        fields.remove("instance");
    }
    let headers =
        answer.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    (answer.status, body, headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect())
}

/// The thing of another answers as if it were not there: 404, and like what really is not there.
async fn hidden(row: &Row, who: &str, caller: &Caller, things: &Things, instead: &Things) -> Option<String> {
    let found = call(row, caller, things, Manner::Earnest).await;
    let nothing = call(row, caller, instead, Manner::Earnest).await;
    let (seen, expected) = (comparable(&found), comparable(&nothing));
    let right = (found.status, found.code().as_str()) == (404, "not_found") && seen == expected;
    (!right).then(|| {
        format!(
            "{} by {who}: {} {} {seen:?} instead of {expected:?}",
            row.operation,
            found.status,
            found.code()
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_row_and_every_row_an_operation() {
    let document: Value =
        serde_json::from_str(&lokapasar::app::contract().json()).expect("the contract is JSON");
    let mut contract = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let secured = operation["security"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one.get("bearer").is_some()));
            contract.insert((id.to_owned(), method.to_uppercase(), bare(path), secured));
        }
    }
    let table = table();
    let rows: BTreeSet<_> = table
        .iter()
        .map(|row| {
            (row.operation.to_owned(), row.method.to_string(), bare(row.path), !matches!(row.who, Anyone))
        })
        .collect();
    assert_eq!(rows.len(), table.len(), "an operation has two rows");
    let without_row: Vec<_> = contract.difference(&rows).collect();
    let without_operation: Vec<_> = rows.difference(&contract).collect();
    assert!(
        without_row.is_empty() && without_operation.is_empty(),
        "no row: {without_row:#?}\nno operation: {without_operation:#?}"
    );
    println!("operations: {}", table.len());
}

/// A path without its query and the names of its places.
fn bare(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_is_refused_before_any_look_up_and_one_that_may_passes() {
    let (world, table) = (world().await, table());
    let mut cells = Vec::new();
    for row in &table {
        cells.push((row, Kind::Anonymous, &world.anonymous));
        cells.push((row, Kind::WithoutMembership, &world.person));
        cells.extend(ROLES.into_iter().map(|role| (row, Kind::Member(role), &world.ours.people[&role])));
    }
    check("roles", cells, async |(row, kind, caller)| {
        let things =
            if let Kind::Member(role) = kind { world.ours.things(role) } else { &world.ours.of_agency };
        let Some((status, code)) = row.refusal(&kind) else {
            let answer = call(row, caller, things, Manner::Rehearsed).await;
            let gate = answer.status == 401
                || ["role_forbidden", "membership_required"].contains(&answer.code().as_str());
            let wrong = gate || answer.status >= 500 || answer.status == 405;
            return wrong.then(|| {
                format!("{} by {kind:?}: {} {} though it may", row.operation, answer.status, answer.code())
            });
        };
        for (things, manner) in [(things, Manner::Rehearsed), (&nothing_there(), Manner::Garbled)] {
            let answer = call(row, caller, things, manner).await;
            let told = status != 401 || answer.header("www-authenticate").starts_with("Bearer");
            if (answer.status, answer.code().as_str()) != (status, code) || !told {
                return Some(format!(
                    "{} by {kind:?}: {} {} instead of {code}",
                    row.operation,
                    answer.status,
                    answer.code()
                ));
            }
        }
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_object_is_not_to_be_told_apart_from_none() {
    let (world, table) = (world().await, table());
    let mut cells = Vec::new();
    for row in table.iter().filter(|row| row.names_an_object() && !OPEN_TO_THE_REALM.contains(&row.operation))
    {
        let with_tenant =
            row.roles().into_iter().filter(|role| role.organisation_kind() != OrganisationKind::Platform);
        cells.extend(with_tenant.map(|role| (row, role)));
    }
    check("other tenants", cells, async |(row, role)| {
        let (caller, own, foreign) =
            (&world.theirs.people[&role], world.theirs.things(role), world.ours.things(role));
        // The same caller finds what is its own; nobody here owns the session or holds the invitation's token.
        if !["endSession", "acceptInvitation"].contains(&row.operation) {
            let answer = call(row, caller, own, Manner::Rehearsed).await;
            if answer.status == 404 || answer.status >= 500 {
                return Some(format!(
                    "{} by {role:?}: {} for the caller's own",
                    row.operation, answer.status
                ));
            }
        }
        let mut fault =
            hidden(row, &format!("{role:?} of another tenant"), caller, foreign, &nothing_there()).await;
        // One's own parent does not lead to another's child.
        for child in [
            "{membership}",
            "{document}",
            "{photo}",
            "{change}",
            "{order}",
            "{round}",
            "{question}",
            "{objection}",
        ] {
            let body = if let Json(text) = row.body { text } else { "" };
            let is_child = row.path.matches('{').count() + body.matches("\"{").count() > 1
                && (row.path.contains(child) || body.contains(child));
            if fault.is_some() || !is_child || row.operation == "reassignRequest" {
                continue;
            }
            let mix = |other: &Things| {
                Things::from_iter(own.clone().into_iter().chain([(child, other[child].clone())]))
            };
            let who = format!("{role:?} with another's {child}");
            fault = hidden(row, &who, caller, &mix(foreign), &mix(&nothing_there())).await;
        }
        fault
    })
    .await;
    // Agencies are open to the realm, a vendor's organisation is its own.
    let show = table.iter().find(|row| row.operation == "getOrganisation").expect("a row");
    check("other vendors' organisations", BOTH_SIDES.to_vec(), async |role| {
        let caller = &world.theirs.people[&role];
        let open = call(show, caller, &world.ours.of_agency, Manner::Earnest).await;
        if open.status != 200 {
            return Some(format!("getOrganisation of an agency by {role:?}: {}", open.status));
        }
        hidden(show, &format!("{role:?}"), caller, &world.ours.of_vendor, &nothing_there()).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_realm_does_not_exist() {
    let (world, table) = (world().await, table());
    let mut cells = Vec::new();
    for row in table.iter().filter(|row| row.names_an_object()) {
        cells.extend(row.roles().into_iter().map(|role| (row, role)));
    }
    check("the other realm", cells, async |(row, role)| {
        let things = world.ours.things(role);
        let member = &world.ours.people[&role];
        if !["endSession", "acceptInvitation"].contains(&row.operation)
            && !NOT_EVEN_FOR.contains(&(row.operation, role))
        {
            let answer = call(row, member, things, Manner::Rehearsed).await;
            if answer.status == 404 || answer.status >= 500 {
                return Some(format!("{} by {role:?}: {} within the realm", row.operation, answer.status));
            }
        }
        hidden(row, &format!("{role:?} of live"), &world.live[&role], things, &nothing_there()).await
    })
    .await;
    // Neither the sandbox's clock nor its mails are there for the live realm.
    let sandbox: Vec<_> =
        table.iter().filter(|row| row.path.contains("/sandbox/") && row.method == GET).collect();
    // Who may not by role alone is told so; to those who may, it does not exist.
    let cells: Vec<_> = sandbox
        .iter()
        .flat_map(|row| ROLES.map(|role| (*row, role)))
        .filter(|(row, role)| row.operation != "listSandboxMails" || *role == Admin)
        .collect();
    check("the sandbox from live", cells, async |(row, role)| {
        let answer = call(row, &world.live[&role], &Things::new(), Manner::Earnest).await;
        (answer.status != 404).then(|| format!("{} by {role:?} of live: {}", row.operation, answer.status))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_never_names_what_is_anothers() {
    let (world, table) = (world().await, table());
    let ids = world.ours.ids();
    let mut cells = Vec::new();
    for row in table.iter().filter(|row| row.is_list() && !row.path.contains("/sandbox/")) {
        for role in row.roles() {
            // What is open to all is there for every vendor of the realm.
            if row.operation == "listInbox" && VENDOR.contains(&role) {
                cells.push((row, format!("{role:?} of live"), &world.live[&role]));
                continue;
            }
            cells.push((row, format!("{role:?} of live"), &world.live[&role]));
            cells.extend(
                world
                    .theirs
                    .people
                    .get(&role)
                    .map(|caller| (row, format!("{role:?} of another tenant"), caller)),
            );
        }
    }
    check("lists", cells, async |(row, who, caller)| {
        let answer = call(row, caller, &world.ours.of_agency, Manner::Earnest).await;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        let named = ids.iter().find(|id| text.contains(**id));
        (answer.status != 200 || named.is_some())
            .then(|| format!("{} by {who}: {} names {named:?}", row.operation, answer.status))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_membership_stops_at_the_next_request() {
    let (world, table) = (world().await, table());
    let cells: Vec<_> =
        table.iter().flat_map(|row| row.roles().into_iter().map(move |role| (row, role))).collect();
    check("ended memberships", cells, async |(row, role)| {
        let answer = call(row, &world.ended[&role], world.ours.things(role), Manner::Rehearsed).await;
        let right = (answer.status, answer.code().as_str()) == (401, "invalid_token")
            && answer.header("www-authenticate").contains("invalid_token");
        (!right).then(|| {
            format!(
                "{} by {role:?} whose membership ended: {} {}",
                row.operation,
                answer.status,
                answer.code()
            )
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_that_ran_out_by_its_date_stops_too() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let authority = app.member(Some(agency), BudgetUser, &[]).await;
    let (user, contact) = app.account().await;
    let now = authority.get("/api/v1/sandbox/clock").await.expect(200).text("/now");
    let now: chrono::DateTime<chrono::Utc> = now.parse().expect("an instant");
    // Agencies in Central Java count days in WIB.
    let today = (now + chrono::Duration::hours(7)).date_naive().to_string();
    let body = json!({ "contact": contact, "role": Auditor, "letter_number": "821/4/2026", "valid_from": "2026-01-01", "valid_to": today });
    let invitation = authority.post("/api/v1/invitations", body).await.expect(201).id();
    // The token of the link, as the mail would bring it.
    let token = app.app.keys.link_token("invitation", invitation.parse().expect("an id"), 1);
    let guest = app.log_in(user, &contact, None).await;
    guest
        .post(&format!("/api/v1/invitations/{invitation}/actions/accept"), json!({ "token": token }))
        .await
        .expect(200);
    let auditor = app.log_in(user, &contact, None).await;
    auditor.get("/api/v1/requests").await.expect(200);
    app.move_clock(48).await;
    auditor.get("/api/v1/requests").await.expect_problem(401, "invalid_token");
    app.finish().await;
}
