//! What a vendor is and what may become of its file. Pure.
use crate::kernel::{
    Amount, Code, Error, Fault, Nib, Nik, Npwp, UserId, phone_number, refuse, region_prefix_of_nik,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;
use validator::Validate;

crate::kernel::kept_as_text!(
    /// A person who trades, or a body with its own papers.
    VendorKind { Individual = "individual", Entity = "entity" }
);
crate::kernel::kept_as_text!(
    /// Legal form (domain handbook §4.2).
    LegalForm {
        Perorangan = "perorangan", PtPerorangan = "pt_perorangan", Cv = "cv", Firma = "firma", Pt = "pt",
        Koperasi = "koperasi", Yayasan = "yayasan", Bumdes = "bumdes",
    }
);
crate::kernel::kept_as_text!(
    /// Size class by PP 7/2021 Pasal 35.
    SizeClass { Micro = "micro", Small = "small", Medium = "medium", Large = "large" }
);
crate::kernel::kept_as_text!(
    /// How shipping to a region is charged.
    ShippingTerms { Included = "included", Flat = "flat", ByWeight = "by_weight", OnQuote = "on_quote" }
);
crate::kernel::kept_as_text!(
    /// What kind of paper a document is.
    DocumentKind {
        IdentityCard = "identity_card", Nib = "nib", Npwp = "npwp", Deed = "deed",
        VatConfirmation = "vat_confirmation", FinalTaxCertificate = "final_tax_certificate",
        BankBook = "bank_book", Licence = "licence", Statement = "statement", Other = "other",
    }
);
crate::kernel::kept_as_text!(
    /// Where a file stands.
    VendorStatus {
        Draft = "draft", Submitted = "submitted", InReview = "in_review", RevisionRequested = "revision_requested",
        Verified = "verified", Rejected = "rejected", Suspended = "suspended",
    }
);

/// What a vendor tells of itself; everything may be missing while the file is a draft.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "phone": "+6281234567890", "sells": "Nasi kotak dan kue basah" }))]
pub struct VendorFields {
    #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
    pub name: Option<String>,
    pub legal_form: Option<LegalForm>,
    /// What it sells, in a sentence.
    #[schema(max_length = 500)]
    pub sells: Option<String>,
    #[schema(max_length = 30)]
    pub phone: Option<String>,
    /// Citizen number of the owner, for individuals.
    #[schema(max_length = 30)]
    pub nik: Option<String>,
    /// Business registration number of OSS.
    #[schema(max_length = 30)]
    pub nib: Option<String>,
    /// Tax number, 15 or 16 digits; an individual's is the NIK.
    #[schema(max_length = 30)]
    pub npwp: Option<String>,
    #[schema(max_length = 300)]
    pub address: Option<String>,
    /// Kemendagri code of the district or regency.
    #[schema(pattern = "^[0-9]{2}(\\.[0-9]{2}){1,2}$")]
    pub region_code: Option<String>,
    /// Clearing code of the bank.
    #[schema(pattern = "^[0-9]{3}$")]
    pub bank_code: Option<String>,
    #[schema(max_length = 30)]
    pub bank_account: Option<String>,
    #[schema(max_length = 120)]
    pub bank_holder: Option<String>,
    /// KBLI 2020 codes of five digits.
    #[schema(max_items = 30)]
    pub kbli_codes: Option<Vec<String>>,
    /// Registered for VAT (PKP).
    pub vat_registered: Option<bool>,
    #[schema(max_length = 60)]
    pub vat_confirmation_number: Option<String>,
    /// Surat Keterangan PP 55/2022.
    #[schema(max_length = 60)]
    pub final_tax_certificate_number: Option<String>,
    pub final_tax_certificate_until: Option<NaiveDate>,
    /// Own capital without land and buildings.
    pub capital: Option<Amount>,
    /// Sales of the last year.
    pub annual_sales: Option<Amount>,
    /// Regions served; none: the own regency, shipping included.
    #[schema(max_items = 100)]
    pub regions: Option<Vec<ServedRegion>>,
    #[schema(max_items = 30)]
    pub licences: Option<Vec<Licence>>,
}

/// A region served and how shipping there is charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServedRegion {
    #[schema(pattern = "^[0-9]{2}(\\.[0-9]{2}){0,2}$")]
    pub region_code: String,
    pub shipping_terms: ShippingTerms,
    /// Rupiah for a delivery (flat) or for each kilogram begun (by_weight).
    #[serde(default)]
    pub fee: Amount,
}

/// A licence beside the NIB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    #[schema(min_length = 1, max_length = 60)]
    pub kind: String,
    #[schema(min_length = 1, max_length = 80)]
    pub number: String,
    #[schema(min_length = 1, max_length = 120)]
    pub issuer: String,
    #[schema(max_length = 120)]
    pub register: Option<String>,
    pub expires_on: Option<NaiveDate>,
}

/// Where a file stands, with what is known only there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Draft,
    Submitted,
    InReview { by: UserId, since: DateTime<Utc> },
    RevisionRequested { reason: String },
    Verified,
    Rejected { reason: String },
    Suspended { reason: String, until: Option<DateTime<Utc>> },
}

impl State {
    pub fn status(&self) -> VendorStatus {
        match self {
            Self::Draft => VendorStatus::Draft,
            Self::Submitted => VendorStatus::Submitted,
            Self::InReview { .. } => VendorStatus::InReview,
            Self::RevisionRequested { .. } => VendorStatus::RevisionRequested,
            Self::Verified => VendorStatus::Verified,
            Self::Rejected { .. } => VendorStatus::Rejected,
            Self::Suspended { .. } => VendorStatus::Suspended,
        }
    }

    /// A suspension whose end has come is over, without anybody's doing.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Suspended { until: Some(until), .. } if until <= now => Self::Verified,
            state => state,
        }
    }

    /// Whether the vendor may change its file.
    pub fn editable(&self) -> Result<(), Error> {
        match self {
            Self::Draft | Self::RevisionRequested { .. } => Ok(()),
            Self::Submitted
            | Self::InReview { .. }
            | Self::Verified
            | Self::Rejected { .. }
            | Self::Suspended { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    pub fn submit(self) -> Result<Self, Error> {
        self.editable().map(|()| Self::Submitted)
    }

    /// Takes a file from the queue: one that waits, or whose claim was let lie too long.
    pub fn claim(self, by: UserId, now: DateTime<Utc>, claim_hours: u32) -> Result<Self, Error> {
        match self {
            Self::Submitted => Ok(Self::InReview { by, since: now }),
            Self::InReview { by: holder, since }
                if holder == by || now >= since + TimeDelta::hours(claim_hours.into()) =>
            {
                Ok(Self::InReview { by, since: now })
            }
            Self::InReview { .. } => Err(refuse(Code::ClaimedByAnother)),
            Self::Draft
            | Self::RevisionRequested { .. }
            | Self::Verified
            | Self::Rejected { .. }
            | Self::Suspended { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    pub fn verify(self, by: UserId) -> Result<Self, Error> {
        self.held_by(by).map(|()| Self::Verified)
    }

    pub fn request_revision(self, by: UserId, reason: String) -> Result<Self, Error> {
        self.held_by(by).map(|()| Self::RevisionRequested { reason })
    }

    pub fn reject(self, by: UserId, reason: String) -> Result<Self, Error> {
        self.held_by(by).map(|()| Self::Rejected { reason })
    }

    pub fn suspend(self, reason: String, until: Option<DateTime<Utc>>) -> Result<Self, Error> {
        match self {
            Self::Verified | Self::Suspended { .. } => Ok(Self::Suspended { reason, until }),
            Self::Draft
            | Self::Submitted
            | Self::InReview { .. }
            | Self::RevisionRequested { .. }
            | Self::Rejected { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    pub fn reinstate(self) -> Result<Self, Error> {
        match self {
            Self::Suspended { .. } => Ok(Self::Verified),
            Self::Draft
            | Self::Submitted
            | Self::InReview { .. }
            | Self::RevisionRequested { .. }
            | Self::Verified
            | Self::Rejected { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    fn held_by(&self, user: UserId) -> Result<(), Error> {
        match self {
            Self::InReview { by, .. } if *by == user => Ok(()),
            Self::InReview { .. } => Err(refuse(Code::ClaimedByAnother)),
            Self::Draft
            | Self::Submitted
            | Self::RevisionRequested { .. }
            | Self::Verified
            | Self::Rejected { .. }
            | Self::Suspended { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }
}

/// What policy says on the papers of a vendor.
#[derive(Clone, Copy, Debug)]
pub struct Duties {
    pub individual_needs_nib: bool,
    pub individual_needs_npwp: bool,
    pub entity_needs_npwp: bool,
}

/// What a submission would be refused for, and what it would only be asked about.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

/// Examines a file: every field, paper and rule, all at once.
pub fn examine(
    kind: VendorKind,
    fields: &VendorFields,
    papers: &[(DocumentKind, Option<NaiveDate>)],
    duties: Duties,
    known_regions: &HashSet<String>,
    today: NaiveDate,
) -> Findings {
    let mut found = Findings::default();
    let blank = |field: &Option<String>| field.as_deref().is_none_or(|text| text.trim().is_empty());
    let mut required = vec![
        ("name", blank(&fields.name)),
        ("sells", blank(&fields.sells)),
        ("phone", blank(&fields.phone)),
        ("address", blank(&fields.address)),
        ("region_code", blank(&fields.region_code)),
        ("bank_code", blank(&fields.bank_code)),
        ("bank_account", blank(&fields.bank_account)),
    ];
    let (needs_nib, needs_npwp) = match kind {
        VendorKind::Individual => {
            required.push(("nik", blank(&fields.nik)));
            (duties.individual_needs_nib, duties.individual_needs_npwp)
        }
        VendorKind::Entity => {
            required.push(("bank_holder", blank(&fields.bank_holder)));
            required.push(("kbli_codes", fields.kbli_codes.as_ref().is_none_or(Vec::is_empty)));
            (true, duties.entity_needs_npwp)
        }
    };
    required.push(("nib", needs_nib && blank(&fields.nib)));
    required.push(("npwp", needs_npwp && blank(&fields.npwp)));
    let vat_number_missing = fields.vat_registered == Some(true) && blank(&fields.vat_confirmation_number);
    required.push(("vat_confirmation_number", vat_number_missing));
    for (field, missing) in required {
        if missing {
            found.faults.push(Fault::at(format!("#/{field}"), Code::Required));
        }
    }
    formats(kind, fields, known_regions, &mut found);
    papers_held(kind, fields, papers, today, &mut found);
    found
}

fn formats(kind: VendorKind, fields: &VendorFields, known_regions: &HashSet<String>, found: &mut Findings) {
    let given = |field: &'_ Option<String>| field.clone().filter(|text| !text.trim().is_empty());
    if given(&fields.phone).is_some_and(|phone| phone_number(&phone).is_none()) {
        found.faults.push(Fault::at("#/phone", Code::ContactInvalid));
    }
    if given(&fields.nib).is_some_and(|nib| Nib::parse(&nib).is_none()) {
        found.faults.push(Fault::at("#/nib", Code::NibInvalid));
    }
    match given(&fields.npwp).map(|npwp| Npwp::parse(&npwp)) {
        Some(None) => found.faults.push(Fault::at("#/npwp", Code::NpwpInvalid)),
        Some(Some(npwp)) if npwp.warning().is_some() && kind == VendorKind::Entity => {
            found.warnings.push(Fault::at("#/npwp", Code::NpwpCheckDigit));
        }
        _ => {}
    }
    if let (VendorKind::Individual, Some(nik)) = (kind, given(&fields.nik)) {
        match Nik::parse(&nik) {
            None => found.faults.push(Fault::at("#/nik", Code::NikInvalid)),
            Some(nik) if !known_regions.contains(&region_prefix_of_nik(&nik)) => {
                found.warnings.push(Fault::at("#/nik", Code::NikRegionUnknown));
            }
            Some(_) => {}
        }
    }
    for (place, code) in fields.kbli_codes.iter().flatten().enumerate() {
        if code.len() != 5 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            found
                .faults
                .push(Fault::at(format!("#/kbli_codes/{place}"), Code::PatternMismatch).with_limit("00000"));
        }
    }
    let account = given(&fields.bank_account);
    if account.is_some_and(|account| {
        !(5..=25).contains(&account.len()) || !account.bytes().all(|b| b.is_ascii_digit())
    }) {
        found.faults.push(Fault::at("#/bank_account", Code::PatternMismatch).with_limit("0-9, 5–25"));
    }
    if let (Some(holder), Some(name)) = (given(&fields.bank_holder), given(&fields.name))
        && letters(&holder) != letters(&name)
    {
        found.warnings.push(Fault::at("#/bank_holder", Code::HolderDiffers));
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn papers_held(
    kind: VendorKind,
    fields: &VendorFields,
    papers: &[(DocumentKind, Option<NaiveDate>)],
    today: NaiveDate,
    found: &mut Findings,
) {
    let mut needed = match kind {
        VendorKind::Individual => vec![DocumentKind::IdentityCard],
        VendorKind::Entity => vec![DocumentKind::Nib, DocumentKind::Npwp],
    };
    let founded_by_deed = matches!(
        fields.legal_form,
        Some(LegalForm::Cv | LegalForm::Firma | LegalForm::Pt | LegalForm::Koperasi | LegalForm::Yayasan)
    );
    if kind == VendorKind::Entity && founded_by_deed {
        needed.push(DocumentKind::Deed);
    }
    if fields.vat_registered == Some(true) {
        needed.push(DocumentKind::VatConfirmation);
    }
    for paper in needed {
        let held: Vec<_> = papers.iter().filter(|(held, _)| *held == paper).collect();
        let valid = held.iter().any(|(_, expires)| expires.is_none_or(|expires| expires >= today));
        let code = if held.is_empty() { Code::DocumentMissing } else { Code::DocumentExpired };
        if !valid {
            found.faults.push(Fault::at("#/documents", code).with_limit(paper));
        }
    }
}

/// A limit of a size class (PP 7/2021 Pasal 35).
#[derive(Clone, Debug, Deserialize)]
pub struct SizeLimit {
    pub class: SizeClass,
    pub capital_up_to: Option<Amount>,
    pub sales_up_to: Option<Amount>,
}

/// The size class: by sales where there are any, else by capital.
pub fn size_class(limits: &[SizeLimit], capital: Option<Amount>, sales: Option<Amount>) -> Option<SizeClass> {
    let fits = |limit: Option<Amount>, value: Amount| limit.is_none_or(|limit| value <= limit);
    match (sales.filter(|sales| *sales > Amount::ZERO), capital) {
        (Some(sales), _) => {
            limits.iter().find(|limit| fits(limit.sales_up_to, sales)).map(|limit| limit.class)
        }
        (None, Some(capital)) => {
            limits.iter().find(|limit| fits(limit.capital_up_to, capital)).map(|limit| limit.class)
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn duties() -> Duties {
        Duties { individual_needs_nib: false, individual_needs_npwp: false, entity_needs_npwp: true }
    }

    fn today() -> NaiveDate {
        "2026-11-24".parse().unwrap()
    }

    fn individual() -> VendorFields {
        let text = |text: &str| Some(text.to_owned());
        VendorFields {
            name: text("Warung Sri"),
            sells: text("Nasi kotak"),
            phone: text("081234567890"),
            nik: text("3374015708900001"),
            address: text("Jl. Pandanaran 1"),
            region_code: text("33.74.01"),
            bank_code: text("008"),
            bank_account: text("1234567890"),
            ..VendorFields::default()
        }
    }

    #[test]
    fn an_individual_starts_with_six_fields_and_an_identity_card() {
        let regions = HashSet::from(["33.74.01".to_owned()]);
        let papers = [(DocumentKind::IdentityCard, None)];
        let found = examine(VendorKind::Individual, &individual(), &papers, duties(), &regions, today());
        assert_eq!(found, Findings::default());
    }

    #[test]
    fn an_empty_entity_is_told_everything_at_once() {
        let found =
            examine(VendorKind::Entity, &VendorFields::default(), &[], duties(), &HashSet::new(), today());
        let places: Vec<_> = found.faults.iter().filter(|fault| fault.code == Code::Required).collect();
        assert_eq!(places.len(), 11);
        assert_eq!(found.faults.iter().filter(|fault| fault.code == Code::DocumentMissing).count(), 2);
    }

    #[test]
    fn odd_numbers_warn_and_wrong_ones_are_refused() {
        let mut fields = individual();
        let papers = [(DocumentKind::IdentityCard, Some("2026-11-23".parse().unwrap()))];
        let found = examine(VendorKind::Individual, &fields, &papers, duties(), &HashSet::new(), today());
        assert_eq!(found.warnings[0].code, Code::NikRegionUnknown);
        assert_eq!(found.faults[0].code, Code::DocumentExpired);
        fields.nik = Some("3374".into());
        fields.bank_holder = Some("Orang Lain".into());
        let found = examine(VendorKind::Individual, &fields, &[], duties(), &HashSet::new(), today());
        assert!(found.faults.iter().any(|fault| fault.code == Code::NikInvalid));
        assert_eq!(found.warnings[0].code, Code::HolderDiffers);
    }

    #[test]
    fn the_size_class_goes_by_sales_and_for_newcomers_by_capital() {
        let limit = |class, capital: i64, sales: i64| SizeLimit {
            class,
            capital_up_to: Some(Amount(capital.into())),
            sales_up_to: Some(Amount(sales.into())),
        };
        let limits = [
            limit(SizeClass::Micro, 1_000_000_000, 2_000_000_000),
            limit(SizeClass::Small, 5_000_000_000, 15_000_000_000),
            SizeLimit { class: SizeClass::Large, capital_up_to: None, sales_up_to: None },
        ];
        let amount = |value: i64| Some(Amount(value.into()));
        assert_eq!(size_class(&limits, amount(9_000_000_000), amount(2_000_000_000)), Some(SizeClass::Micro));
        assert_eq!(size_class(&limits, amount(1_000_000_001), None), Some(SizeClass::Small));
        assert_eq!(size_class(&limits, None, amount(99_000_000_000)), Some(SizeClass::Large));
        assert_eq!(size_class(&limits, None, None), None);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Submit,
        Claim(bool),
        Verify(bool),
        Revise(bool),
        Reject(bool),
        Suspend,
        Reinstate,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec(
            prop_oneof![
                Just(Step::Submit),
                any::<bool>().prop_map(Step::Claim),
                any::<bool>().prop_map(Step::Verify),
                any::<bool>().prop_map(Step::Revise),
                any::<bool>().prop_map(Step::Reject),
                Just(Step::Suspend),
                Just(Step::Reinstate),
            ],
            0..60,
        )
    }

    proptest! {
        #[test]
        fn no_path_leads_to_verified_but_through_the_holder_of_a_claim(steps in steps()) {
            let now: DateTime<Utc> = "2026-11-24T00:00:00Z".parse().unwrap();
            let people = [1, 2].map(|number| UserId(uuid::Uuid::from_u128(number)));
            let who = |first: bool| people[usize::from(first)];
            let mut state = State::Draft;
            for step in steps {
                let before = state.clone();
                let next = match step {
                    Step::Submit => state.submit(),
                    Step::Claim(first) => state.claim(who(first), now, 24),
                    Step::Verify(first) => state.verify(who(first)),
                    Step::Revise(first) => state.request_revision(who(first), "x".into()),
                    Step::Reject(first) => state.reject(who(first), "x".into()),
                    Step::Suspend => state.suspend("x".into(), None),
                    Step::Reinstate => state.reinstate(),
                };
                state = match next {
                    Ok(next) => {
                        if let (State::Verified, Step::Verify(first)) = (&next, step) {
                            prop_assert_eq!(before.clone(), State::InReview { by: who(first), since: now });
                        } else if next == State::Verified {
                            prop_assert_eq!(before.status(), VendorStatus::Suspended);
                        }
                        if before.status() == VendorStatus::Rejected {
                            prop_assert!(false, "a rejected file moved");
                        }
                        next
                    }
                    Err(_) => before,
                };
            }
        }
    }
}
