//! Factories of the trade: valid by default, made through the front door.
pub use super::caller::send;
use super::{Answer, Caller, TestApp};
use lokapasar::kernel::{OrganisationId, Role, VendorId};
use lokapasar::platform::mail::Mail;
use serde_json::{Value, json};

/// A picture of one pixel.
pub const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89,
];
/// The beginning of a PDF file.
pub const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n";

/// A category whose products are public at once (review after), goods under the standard VAT.
pub const PENS: &str = "01.01.01";

/// A vendor with its owner logged in.
pub struct Vendor {
    pub owner: Caller,
    pub id: VendorId,
}

impl TestApp {
    /// A citizen number that no other call of this test gets; born 17 August 1990 in Semarang.
    pub fn nik(&self) -> String {
        format!("337401170890{:04}", self.unique())
    }

    /// An individual's file with all that a submission needs, still a draft.
    pub async fn draft_vendor(&self) -> Vendor {
        let (user, contact) = self.account().await;
        let founder = self.log_in(user, &contact, None).await;
        let number = self.unique();
        let body = json!({ "kind": "individual", "name": format!("Warung Sri {number}"), "fields": {
            "sells": "Alat tulis kantor", "phone": format!("+62812000{number:05}"), "nik": self.nik(),
            "address": "Jl. Pandanaran 1", "region_code": "33.74.01", "bank_code": "008",
            "bank_account": format!("12345{number:05}"),
        } });
        let created = founder.post("/api/v1/vendors", body).await.expect(201);
        let id = VendorId(created.text("/vendor/id").parse().expect("an id"));
        let membership =
            created.text("/membership_id").parse().map(lokapasar::kernel::MembershipId).expect("an id");
        let owner = self.log_in(user, &contact, Some(membership)).await;
        owner
            .upload(&format!("/api/v1/vendors/{id}/documents"), PDF.to_vec(), &[("kind", "identity_card")])
            .await
            .expect(201);
        Vendor { owner, id }
    }

    /// A vendor whose file a verifier has declared verified.
    pub async fn vendor(&self) -> Vendor {
        let vendor = self.draft_vendor().await;
        vendor.owner.act(&format!("/api/v1/vendors/{}/actions/submit", vendor.id)).await.expect(200);
        let verifier = self.member(None, Role::Verifier, &[]).await;
        verifier.act(&format!("/api/v1/vendors/{}/actions/claim", vendor.id)).await.expect(200);
        verifier.act(&format!("/api/v1/vendors/{}/actions/verify", vendor.id)).await.expect(200);
        vendor
    }

    /// A vendor registered for VAT (PKP); the flag is set as a register would, behind the scenes.
    pub async fn vat_vendor(&self) -> Vendor {
        let vendor = self.vendor().await;
        self.sql(&format!(
            "UPDATE vendors SET vat_registered = true, vat_confirmation_number = 'PKP-1' WHERE id = '{}'",
            vendor.id
        ))
        .await;
        vendor
    }

    /// A verified vendor's product on the shelf: counted, with so many pieces in stock.
    pub async fn product(&self, vendor: &Vendor, price: &str, stock: u32) -> String {
        let fields = json!({ "availability": "counted", "unit": "H87" });
        let id = self.draft_product(vendor, PENS, price, fields).await;
        if stock > 0 {
            let movement =
                json!({ "direction": "add", "quantity": stock.to_string(), "reason": "Stok awal" });
            vendor
                .owner
                .post(&format!("/api/v1/products/{id}/actions/adjust-stock"), movement)
                .await
                .expect(200);
        }
        vendor.owner.act(&format!("/api/v1/products/{id}/actions/submit")).await.expect(200);
        id
    }

    /// Mails to an address once every event so far has been read. The sequencer waits for the oldest
    /// transaction of the whole cluster, and another test's `CREATE DATABASE` is one, so a single
    /// round of work may find nothing to do.
    pub async fn all_mails_to(&self, address: &str) -> Vec<Mail> {
        const UNREAD: &str = "SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_positions p WHERE p.event_id = e.id)";
        while self.count(UNREAD).await > 0 {
            self.work().await;
        }
        self.mails_to(address).await
    }

    /// A product with a photo, still a draft.
    pub async fn draft_product(&self, vendor: &Vendor, category: &str, price: &str, fields: Value) -> String {
        let name = format!("Pulpen gel biru {}", self.unique());
        let body = json!({ "name": name, "category_code": category, "price": price, "fields": fields });
        let id = vendor.owner.post("/api/v1/products", body).await.expect(201).id();
        vendor.owner.upload(&format!("/api/v1/products/{id}/photos"), PNG.to_vec(), &[]).await.expect(201);
        id
    }
}

/// Whether a product is in the public list now.
pub async fn is_public(caller: &Caller, product: &str) -> bool {
    let answer: Answer = caller.get(&format!("/public/v1/products/{product}")).await;
    assert!([200, 404].contains(&answer.status), "{}", answer.status);
    answer.status == 200
}

/// An organisation's id as the kernel types it.
pub fn organisation(vendor: &Vendor) -> OrganisationId {
    OrganisationId(vendor.id.0)
}
