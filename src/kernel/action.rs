//! Every operation of the contract, once: its name here is its operation id there.

macro_rules! actions {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// An operation; see `access` for who may do it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($name),+ }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The operation id (`submitVendor`).
            pub fn operation_id(self) -> String {
                let name = format!("{self:?}");
                name[..1].to_lowercase() + &name[1..]
            }

            /// One sentence on what it does, as the contract prints it.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }

        /// One type an operation, so that a handler's signature names what it does.
        pub mod act {
            $(
                #[derive(Clone, Copy, Debug)]
                pub struct $name;
                impl super::Act for $name {
                    const ACTION: super::Action = super::Action::$name;
                }
            )+
        }
    };
}

/// A type that stands for one [`Action`].
pub trait Act: 'static {
    const ACTION: Action;
}

actions! {
    RegisterUser = "Signs up with an e-mail address or phone number",
    ConfirmContact = "Confirms a contact with the code that was sent to it",
    LogIn = "Logs in and opens a session on this device",
    RefreshSession = "Trades a refresh token for new tokens, and chooses whom to act for",
    ListSessions = "Lists the caller's own devices",
    EndSession = "Logs a device out",
    RequestPasswordReset = "Asks for a password reset link",
    CompletePasswordReset = "Sets a new password with the token of a reset link",
    GetMe = "Shows the caller's own account",
    ListMyMemberships = "Lists for whom the caller may act",
    CreateOrganisation = "Creates an agency",
    ListOrganisations = "Lists organisations",
    GetOrganisation = "Shows an organisation",
    CreateUnit = "Creates a work unit of an agency",
    ListUnits = "Lists the work units of an agency",
    ListMemberships = "Lists who holds which role in an organisation",
    EndMembership = "Ends a membership at once",
    InviteMember = "Invites a person to a role",
    ListInvitations = "Lists the invitations of the caller's organisation",
    AcceptInvitation = "Accepts an invitation with its token",
    RevokeInvitation = "Takes an invitation back",
    AppointDeputy = "Appoints a deputy (Plh, Plt) of an officer by letter",
    ListDeputies = "Lists the deputies of the caller's agency",
    EndDeputy = "Ends a deputy's term at once",
    GetSandboxClock = "Shows the sandbox's clock",
    MoveSandboxClock = "Moves the sandbox's clock forward",
    ListSandboxMails = "Lists the mails that the sandbox sent",
    ListPolicies = "Lists the policy values in force on a day, with their legal basis",
    GetPolicy = "Shows one policy value, as documents name it",
    SetPolicy = "Sets a policy value from a day on, with its legal basis",
    EndPolicy = "Gives a policy value its last day",
    ListForbiddenPairs = "Lists which roles exclude each other",
    PreviewTax = "Computes value-added tax for a list of lines",
    CreateVendor = "Starts a vendor's file as a draft",
    ListVendors = "Lists vendors within the caller's sight",
    GetVendor = "Shows a vendor's file",
    UpdateVendor = "Changes a vendor's file while it is a draft or under revision",
    PrecheckVendor = "Tells everything that would be refused on submission",
    SubmitVendor = "Hands a vendor's file in for verification",
    ListVerificationQueue = "Lists the files that wait for verification, oldest first",
    ClaimVendor = "Takes a file from the queue",
    RequestVendorRevision = "Sends a file back with what must change",
    VerifyVendor = "Declares a vendor verified",
    RejectVendor = "Rejects a vendor with a reason",
    SuspendVendor = "Suspends a vendor with a reason; its products are hidden at once",
    ReinstateVendor = "Ends a suspension",
    UploadVendorDocument = "Uploads a paper of a vendor",
    ListVendorDocuments = "Lists the papers of a vendor",
    DownloadVendorDocument = "Downloads a paper of a vendor",
    RemoveVendorDocument = "Takes a paper of a vendor away",
    ListPublicVendors = "Lists verified vendors",
    GetPublicVendor = "Shows a verified vendor's public profile",
    ListCategories = "Lists the category tree",
    CreateProduct = "Starts a product as a draft",
    ListProducts = "Lists products within the caller's sight",
    GetProduct = "Shows a product to its vendor or a curator",
    UpdateProduct = "Changes a product",
    SetPriceTiers = "Replaces a product's prices by quantity",
    ListPriceHistory = "Lists what a product cost and when",
    AdjustStock = "Adds to or takes from a product's stock, with a reason",
    UploadProductPhoto = "Uploads a photo of a product",
    RemoveProductPhoto = "Takes a photo of a product away",
    SubmitProduct = "Hands a product in; by its category it is published or reviewed first",
    ApproveProduct = "Approves a product under review and publishes it",
    RequestProductRevision = "Sends a product back with what must change",
    RejectProduct = "Rejects a product with a reason",
    PublishProduct = "Puts an unpublished product back on the shelf",
    UnpublishProduct = "Takes a product off the shelf",
    FreezeProduct = "Freezes a product with a reason",
    UnfreezeProduct = "Ends a freeze",
    SearchProducts = "Searches published products",
    GetPublicProduct = "Shows a published product",
    GetProductPhoto = "Shows a photo of a published product",
    ListPackages = "Lists procurement packages",
    GetPackage = "Shows a procurement package",
    ListBudgetLines = "Lists budget lines",
    CreateRequest = "Starts a purchase request as a draft",
    ListRequests = "Lists purchase requests within the caller's sight",
    GetRequest = "Shows a purchase request",
    UpdateRequest = "Changes a draft request",
    SetOwnerEstimate = "Sets the owner's estimate of a draft; its breakdown is never shown",
    UploadProof = "Uploads a proof of a purchase that was made already",
    ListProofs = "Lists the proofs of a purchase that was made already",
    DownloadProof = "Downloads a proof of a purchase that was made already",
    RemoveProof = "Takes a proof of a draft away",
    ListRecordedPurchases = "Lists purchases that were made before they were entered, the newest first",
    CompareAfterwards = "Files the comparison of an urgent purchase that is ordered",
    CheckPolicies = "Explains every rule that a request must meet, with figures and legal basis",
    SubmitRequest = "Submits a request: freezes prices, reserves stock and budget, asks for approval",
    WithdrawRequest = "Takes a submitted request back to draft",
    ReturnRequest = "Sends a submitted request back with a reason",
    RejectRequest = "Rejects a submitted request with a reason",
    CancelRequest = "Cancels a request before it is ordered",
    RenewRequest = "Copies an ended request into a new draft at today's prices",
    ListInbox = "Lists what waits for whom: requests a vendor may answer, requests of an office",
    ListNegotiations = "Shows a request's negotiations, each with its rounds",
    ProposeRound = "Proposes prices, delivery fee and lead time in a negotiation",
    AcceptRound = "Accepts the latest proposal of the other side",
    EndNegotiation = "Ends a negotiation that has been idle",
    OpenRequest = "Begins to take quotes until the deadline",
    InviteVendors = "Invites vendors to quote",
    AskQuestion = "Asks a question on a request that takes quotes; who asked stays untold",
    ListQuestions = "Lists the questions on a request that asks for quotes",
    AnswerQuestion = "Answers a question, for everybody to read",
    IssueAddendum = "Changes a request that takes quotes; a deadline moves later only",
    FailRequest = "Ends a request for quotes without a vendor, with a reason",
    CreateQuote = "Begins a quote as a draft",
    ListQuotes = "Lists the quotes on a request: sealed until they are opened",
    GetQuote = "Shows a quote to its vendor, and to the office once it is opened",
    UpdateQuote = "Changes what the vendor is writing; what was handed in stays",
    SubmitQuote = "Hands a quote in, sealed until the opening, against a receipt",
    ReplaceQuote = "Puts the changed quote in the place of the one that was handed in",
    ConfirmQuote = "Stands by a quote after an addendum",
    WithdrawQuote = "Takes a quote back before the deadline",
    OpenQuotes = "Asks for the opening of the quotes",
    GetOpening = "Shows the minutes of the opening",
    ScoreQuotes = "Hands in one's own scores, unseen by others until all are agreed",
    CompleteEvaluation = "Completes the evaluation: scores are agreed, the ranking is computed",
    GetEvaluation = "Shows every input and step of the evaluation",
    DisqualifyQuote = "Takes a quote out of the field, with a code and a reason",
    VerifyQuote = "Confirms that the first-ranked quote is what it says",
    AskCure = "Asks a vendor to mend a formal fault; the price stays locked",
    CureQuote = "Mends a formal fault in words",
    AwardRequest = "Awards to whoever leads the evaluation that was read",
    NextRank = "Passes over a winner whose order fell through",
    FileObjection = "Objects to an award",
    ListObjections = "Lists the objections to an award",
    DecideObjection = "Decides an objection; upheld, the award is void",
    ListPublicQuotations = "Lists the requests that take quotes now, the nearest deadline first",
    GetPublicQuotation = "Shows a request that asks for quotes as everybody may read it",
    ReassignRequest = "Gives a request to another officer by letter",
    ApproveRequest = "Approves a request; the last approval issues the orders",
    ReplaceVendor = "Copies a declined, lapsed or cancelled order into a new draft",
    ListOrders = "Lists purchase orders within the caller's sight",
    GetOrder = "Shows a purchase order",
    AcceptOrder = "Accepts a purchase order",
    DeclineOrder = "Declines a purchase order with a reason",
    CancelOrder = "Asks for, or agrees to, cancelling an order before delivery",
    ProposeOrderChange = "Proposes another date, an equal brand or lower prices",
    ListOrderChanges = "Lists the changes proposed to an order",
    AcceptOrderChange = "Accepts a proposed change",
    RejectOrderChange = "Rejects a proposed change",
}

impl Action {
    /// Whether the act involves money or law and so demands an `Idempotency-Key`.
    pub fn requires_key(self) -> bool {
        use Action::*;
        matches!(
            self,
            SubmitRequest
                | ProposeRound
                | AwardRequest
                | SubmitQuote
                | ReplaceQuote
                | ConfirmQuote
                | WithdrawQuote
                | AcceptRound
                | ApproveRequest
                | ReplaceVendor
                | AcceptOrder
                | DeclineOrder
                | CancelOrder
                | ProposeOrderChange
                | AcceptOrderChange
                | RejectOrderChange
        )
    }

    /// Whether the answer may show a secret once, so that it is never stored under a key.
    pub fn refuses_key(self) -> bool {
        use Action::*;
        matches!(
            self,
            RegisterUser
                | ConfirmContact
                | LogIn
                | RefreshSession
                | RequestPasswordReset
                | CompletePasswordReset
        )
    }

    /// Whether a rehearsal makes no sense: log-ins, uploads, and the opening, of which every attempt is kept.
    pub fn refuses_dry_run(self) -> bool {
        self.refuses_key()
            || matches!(
                self,
                Self::UploadVendorDocument | Self::UploadProductPhoto | Self::UploadProof | Self::OpenQuotes
            )
    }
}
