//! Who may do what: one table from action to role, and the forbidden pairs beside it.
//!
//! A role alone decides here, before anything is looked up (403). Which objects a caller sees is
//! decided by the scope of each query (404), and what their state, duty and policy allow by the
//! command (403, 409, 422).
use crate::kernel::{Action, Code, Role};
use crate::platform::Permission;
use serde::Serialize;

/// Which callers an action is for.
enum Rule {
    Public,
    /// Any log-in, with or without a membership.
    LoggedIn,
    Roles(&'static [Role]),
}

const VENDOR: &[Role] = &[Role::VendorOwner, Role::VendorStaff];
const BUYERS: &[Role] = &[Role::ProcurementOfficer, Role::CommitmentOfficer];
const AGENCY: &[Role] = &[
    Role::Requester,
    Role::ProcurementOfficer,
    Role::CommitmentOfficer,
    Role::ActivityOfficer,
    Role::Receiver,
    Role::Treasurer,
    Role::AssistantTreasurer,
    Role::PaymentVerifier,
    Role::GoodsCustodian,
    Role::BudgetUser,
    Role::Auditor,
];
/// The office and the vendors it deals with.
const BOTH_SIDES: &[Role] = &[
    Role::Requester,
    Role::ProcurementOfficer,
    Role::CommitmentOfficer,
    Role::ActivityOfficer,
    Role::Receiver,
    Role::Treasurer,
    Role::AssistantTreasurer,
    Role::PaymentVerifier,
    Role::GoodsCustodian,
    Role::BudgetUser,
    Role::Auditor,
    Role::VendorOwner,
    Role::VendorStaff,
];
const APPROVERS: &[Role] = &[Role::CommitmentOfficer, Role::BudgetUser];

/// Whether a role (none: a log-in without membership) may ever do an action.
pub fn permits(action: Action, role: Option<Role>) -> Permission {
    match (rule(action), role) {
        (Rule::Public, _) => Permission::Public,
        (Rule::LoggedIn, _) => Permission::Granted,
        (Rule::Roles(_), None) => Permission::MembershipMissing,
        (Rule::Roles(roles), Some(role)) if roles.contains(&role) => Permission::Granted,
        (Rule::Roles(_), Some(_)) => Permission::Refused,
    }
}

fn rule(action: Action) -> Rule {
    use Action::*;
    use Rule::{LoggedIn, Public, Roles};
    match action {
        RegisterUser
        | ConfirmContact
        | LogIn
        | RefreshSession
        | RequestPasswordReset
        | CompletePasswordReset => Public,
        ListSessions | EndSession | GetMe | ListMyMemberships | AcceptInvitation => LoggedIn,
        CreateOrganisation => Roles(&[Role::Admin]),
        ListOrganisations => Roles(&[Role::Admin, Role::Helpdesk, Role::PlatformAuditor]),
        GetOrganisation | ListUnits | GetSandboxClock => LoggedIn,
        CreateUnit => Roles(&[Role::Admin, Role::BudgetUser]),
        ListMemberships => {
            Roles(&[Role::Admin, Role::BudgetUser, Role::Auditor, Role::VendorOwner, Role::PlatformAuditor])
        }
        EndMembership | InviteMember | ListInvitations | RevokeInvitation => {
            Roles(&[Role::Admin, Role::BudgetUser, Role::VendorOwner])
        }
        // A value needs its legal basis; whose it is, the command decides.
        SetPolicy | EndPolicy => Roles(&[Role::Admin, Role::BudgetUser]),
        AppointDeputy | EndDeputy => Roles(&[Role::BudgetUser]),
        ListDeputies => Roles(AGENCY),
        MoveSandboxClock => LoggedIn,
        // Mails of a sandbox hold its people's links.
        ListSandboxMails => Roles(&[Role::Admin]),
        ListPolicies | GetPolicy | ListForbiddenPairs | PreviewTax | ListPublicVendors | GetPublicVendor
        | ListCategories | SearchProducts | GetPublicProduct | GetProductPhoto => Public,
        CreateVendor => LoggedIn,
        ListVendors => Roles(&[
            Role::VendorOwner,
            Role::VendorStaff,
            Role::Verifier,
            Role::Curator,
            Role::Helpdesk,
            Role::PlatformAuditor,
            Role::Admin,
        ]),
        GetVendor | ListVendorDocuments => Roles(&[
            Role::VendorOwner,
            Role::VendorStaff,
            Role::Verifier,
            Role::Helpdesk,
            Role::PlatformAuditor,
            Role::Admin,
        ]),
        DownloadVendorDocument => Roles(&[Role::VendorOwner, Role::Verifier]),
        UpdateVendor | PrecheckVendor | SubmitVendor | UploadVendorDocument | RemoveVendorDocument => {
            Roles(&[Role::VendorOwner])
        }
        ListVerificationQueue => Roles(&[Role::Verifier, Role::Admin, Role::PlatformAuditor]),
        ClaimVendor | RequestVendorRevision | VerifyVendor | RejectVendor => Roles(&[Role::Verifier]),
        SuspendVendor | ReinstateVendor => Roles(&[Role::Verifier, Role::Admin]),
        CreateProduct | UpdateProduct | SetPriceTiers | AdjustStock | UploadProductPhoto
        | RemoveProductPhoto | SubmitProduct | PublishProduct | UnpublishProduct => Roles(VENDOR),
        ListProducts | GetProduct | ListPriceHistory => {
            Roles(&[Role::VendorOwner, Role::VendorStaff, Role::Curator, Role::PlatformAuditor])
        }
        ApproveProduct | RequestProductRevision | RejectProduct | FreezeProduct | UnfreezeProduct => {
            Roles(&[Role::Curator])
        }
        ListPackages | GetPackage | ListBudgetLines => Roles(AGENCY),
        CreateRequest | UpdateRequest | SetOwnerEstimate | UploadProof | RemoveProof | CompareAfterwards
        | SubmitRequest | WithdrawRequest | RenewRequest | ReplaceVendor | CheckPolicies => {
            Roles(&[Role::ProcurementOfficer])
        }
        ListRequests | GetRequest | ListProofs | DownloadProof => Roles(AGENCY),
        CancelRequest => Roles(BUYERS),
        ReturnRequest | RejectRequest | ApproveRequest => Roles(APPROVERS),
        ListInbox | ListNegotiations => Roles(BOTH_SIDES),
        ProposeRound | AcceptRound | EndNegotiation => {
            Roles(&[Role::ProcurementOfficer, Role::VendorOwner, Role::VendorStaff])
        }
        OpenRequest | InviteVendors | AnswerQuestion | IssueAddendum | FailRequest => {
            Roles(&[Role::ProcurementOfficer])
        }
        ScoreQuotes | CompleteEvaluation | DisqualifyQuote | VerifyQuote | AskCure | NextRank => {
            Roles(&[Role::ProcurementOfficer])
        }
        AwardRequest | DecideObjection => Roles(&[Role::CommitmentOfficer]),
        CureQuote | FileObjection => Roles(VENDOR),
        GetEvaluation | ListObjections => Roles(BOTH_SIDES),
        AskQuestion | CreateQuote | UpdateQuote | SubmitQuote | ReplaceQuote | ConfirmQuote
        | WithdrawQuote => Roles(VENDOR),
        ListQuestions => Roles(AGENCY),
        ListQuotes | GetQuote | GetOpening => Roles(BOTH_SIDES),
        OpenQuotes => Roles(&[Role::ProcurementOfficer, Role::CommitmentOfficer, Role::Auditor]),
        ListPublicQuotations | GetPublicQuotation | ListRecordedPurchases => Public,
        ReassignRequest => Roles(&[Role::BudgetUser]),
        ListOrders | GetOrder | ListOrderChanges => Roles(BOTH_SIDES),
        AcceptOrder | DeclineOrder | ProposeOrderChange => Roles(VENDOR),
        CancelOrder => Roles(&[Role::VendorOwner, Role::VendorStaff, Role::CommitmentOfficer]),
        AcceptOrderChange | RejectOrderChange => Roles(&[Role::CommitmentOfficer]),
    }
}

/// How far a forbidden pair reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The same person, in the same agency, at all.
    Always,
    /// The same person on one package.
    Package,
    /// The same person on one request or vendor.
    Subject,
}

/// Two hats that one person may not wear.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ForbiddenPair {
    pub first: &'static str,
    pub second: &'static str,
    pub reach: Reach,
    /// The problem code of its refusal.
    #[schema(value_type = String)]
    pub code: Code,
    pub legal_basis: &'static str,
}

const PEOPLE: &str = "Peraturan LKPP 15/2018; Perpres 16/2018 Pasal 7";

/// The forbidden pairs of spec §1 that can arise with the duties there are.
pub const FORBIDDEN_PAIRS: &[ForbiddenPair] = &[
    pair(
        "procurement_officer",
        "commitment_officer",
        Reach::Package,
        Code::PairProcurementCommitment,
        PEOPLE,
    ),
    pair("commitment_officer", "treasurer", Reach::Always, Code::PairCommitmentTreasurer, PEOPLE),
    pair("commitment_officer", "assistant_treasurer", Reach::Always, Code::PairCommitmentTreasurer, PEOPLE),
    pair("commitment_officer", "payment_verifier", Reach::Always, Code::PairOfficerPaymentVerifier, PEOPLE),
    pair("procurement_officer", "payment_verifier", Reach::Always, Code::PairOfficerPaymentVerifier, PEOPLE),
    pair("procurement_officer", "treasurer", Reach::Always, Code::PairProcurementTreasurer, PEOPLE),
    pair("procurement_officer", "assistant_treasurer", Reach::Always, Code::PairProcurementTreasurer, PEOPLE),
    pair("receiver", "treasurer", Reach::Always, Code::PairReceiverTreasurer, PEOPLE),
    pair("receiver", "assistant_treasurer", Reach::Always, Code::PairReceiverTreasurer, PEOPLE),
    pair("verifier", "vendor_member", Reach::Subject, Code::PairVerifierVendor, "Perpres 16/2018 Pasal 7"),
    pair(
        "official",
        "vendor_member",
        Reach::Subject,
        Code::PairOfficialVendorOwner,
        "Perpres 16/2018 Pasal 7",
    ),
    pair("admin", "quote_before_opening", Reach::Always, Code::RoleForbidden, "Perpres 16/2018 Pasal 7"),
    pair("approver", "further_approver", Reach::Subject, Code::PairSamePerson, "Perpres 16/2018 Pasal 7"),
];

const fn pair(
    first: &'static str,
    second: &'static str,
    reach: Reach,
    code: Code,
    legal_basis: &'static str,
) -> ForbiddenPair {
    ForbiddenPair { first, second, reach, code, legal_basis }
}

/// The pair that a further role would make with the roles a person already holds in an agency.
pub fn always_forbidden(held: &[Role], further: Role) -> Option<Code> {
    held.iter().find_map(|held| {
        let forbids = |pair: &&ForbiddenPair| {
            let (first, second) = (pair.first, pair.second);
            pair.reach == Reach::Always
                && ((first, second) == (held.as_str(), further.as_str())
                    || (second, first) == (held.as_str(), further.as_str()))
        };
        FORBIDDEN_PAIRS.iter().find(forbids).map(|pair| pair.code)
    })
}
