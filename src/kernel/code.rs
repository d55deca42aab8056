//! Problem codes: one table of status and texts in both languages. The code string is the
//! variant's name, so it cannot collide.
use serde::Serialize;

/// What a code says: the fact, and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    pub title: &'static str,
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($name:ident $status:literal
        id: $id_title:literal, $id_remedy:literal;
        en: $en_title:literal, $en_remedy:literal;)+) => {
        /// A stable problem code (RFC 9457 `code`, page at `/problems/{code}`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($name),+ }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The HTTP status with which the code is answered when it stands alone.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// Title and remedy in a language.
            pub fn texts(self, language: super::Language) -> Texts {
                match (self, language) {
                    $((Self::$name, super::Language::Id) => Texts { title: $id_title, remedy: $id_remedy },
                    (Self::$name, super::Language::En) => Texts { title: $en_title, remedy: $en_remedy },)+
                }
            }
        }
    };
}

impl Code {
    /// The code as callers see it.
    pub fn as_str(self) -> String {
        let mut text = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !text.is_empty() {
                text.push('_');
            }
            text.push(letter.to_ascii_lowercase());
        }
        text
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.as_str())
    }
}

codes! {
    // The request as such.
    InvalidJson 400
        id: "Isi permintaan bukan JSON yang sah", "Kirim JSON UTF-8 tanpa kunci ganda, tanpa karakter NUL, dan tidak terlalu dalam bersarang.";
        en: "The body is not valid JSON", "Send UTF-8 JSON without duplicate keys, NUL characters or excessive nesting.";
    MalformedUpload 400
        id: "Unggahan tidak dapat dibaca", "Kirim multipart/form-data dengan satu bagian bernama file.";
        en: "The upload cannot be read", "Send multipart/form-data with one part named file.";
    InvalidParameter 400
        id: "Parameter tidak sah", "Perbaiki parameter yang disebut.";
        en: "A parameter is invalid", "Correct the parameters that are named.";
    UnknownParameter 400
        id: "Parameter tidak dikenal", "Hapus parameter ini; lihat dokumentasi operasi.";
        en: "Unknown parameter", "Remove this parameter; see the operation's documentation.";
    CursorInvalid 400
        id: "Kursor tidak berlaku untuk daftar ini", "Mulai lagi dari halaman pertama tanpa kursor.";
        en: "The cursor does not fit this list", "Start again from the first page, without a cursor.";
    IdempotencyKeyMissing 400
        id: "Kunci idempotensi wajib untuk operasi ini", "Kirim header Idempotency-Key dengan nilai unik untuk setiap tindakan.";
        en: "This operation requires an idempotency key", "Send the header Idempotency-Key with a value unique to the intended act.";
    IdempotencyKeyInvalid 400
        id: "Kunci idempotensi tidak sah", "Gunakan 1 sampai 255 karakter ASCII tampak.";
        en: "The idempotency key is invalid", "Use 1 to 255 visible ASCII characters.";
    IdempotencyNotSupported 400
        id: "Operasi ini tidak menerima kunci idempotensi", "Kirim ulang tanpa header Idempotency-Key.";
        en: "This operation does not take an idempotency key", "Send it again without the header Idempotency-Key.";
    DryRunNotSupported 400
        id: "Operasi ini tidak dapat dicoba kering", "Hapus parameter dry_run.";
        en: "This operation has no dry run", "Remove the parameter dry_run.";
    HeaderInvalid 400
        id: "Header tidak sah", "Perbaiki header yang disebut.";
        en: "A header is invalid", "Correct the header that is named.";
    AuthenticationRequired 401
        id: "Anda belum masuk", "Masuk lalu kirim token akses di header Authorization.";
        en: "You are not logged in", "Log in and send the access token in the Authorization header.";
    InvalidToken 401
        id: "Token tidak berlaku lagi", "Segarkan sesi atau masuk kembali.";
        en: "The token is no longer valid", "Refresh the session or log in again.";
    LogInRefused 401
        id: "Kontak atau kata sandi salah", "Periksa kembali, atau minta pengaturan ulang kata sandi.";
        en: "Contact or password is wrong", "Check both, or ask for a password reset.";
    RoleForbidden 403
        id: "Peran Anda tidak boleh melakukan ini", "Minta pejabat dengan peran yang sesuai.";
        en: "Your role may never do this", "Ask an officer whose role allows it.";
    MembershipRequired 403
        id: "Anda belum bertindak untuk organisasi mana pun", "Pilih keanggotaan saat menyegarkan sesi.";
        en: "You do not act for any organisation", "Choose a membership when refreshing the session.";
    UnitNotCovered 403
        id: "Unit kerja ini di luar penugasan Anda", "Minta penugasan untuk unit kerja ini.";
        en: "This work unit is outside your appointment", "Ask to be appointed for this work unit.";
    NotFound 404
        id: "Tidak ditemukan", "Periksa alamat atau hak akses Anda.";
        en: "Not found", "Check the address, or whether you may see it.";
    MethodNotAllowed 405
        id: "Metode ini tidak dilayani di alamat ini", "Gunakan salah satu metode di header Allow.";
        en: "This method is not served here", "Use one of the methods in the Allow header.";
    NotAcceptable 406
        id: "Bentuk jawaban yang diminta tidak tersedia", "Terima application/json.";
        en: "The requested representation is not available", "Accept application/json.";
    RequestTimeout 408
        id: "Permintaan tidak selesai dikirim", "Kirim ulang dengan sambungan yang lebih baik.";
        en: "The request did not arrive in time", "Send it again over a better connection.";
    IdempotencyInProgress 409
        id: "Permintaan dengan kunci yang sama sedang diproses", "Ulangi sebentar lagi dengan kunci yang sama.";
        en: "A request with the same key is being processed", "Repeat it shortly with the same key.";
    IllegalTransition 409
        id: "Keadaan saat ini tidak memungkinkan tindakan ini", "Muat ulang dan lihat available_actions.";
        en: "The present state does not allow this", "Reload and look at available_actions.";
    VersionStale 412
        id: "Data sudah berubah sejak Anda memuatnya", "Muat ulang, gabungkan perubahan, kirim lagi dengan ETag baru.";
        en: "It has changed since you loaded it", "Reload, merge, and send again with the new ETag.";
    BodyTooLarge 413
        id: "Isi permintaan terlalu besar", "Perkecil hingga di bawah batas yang disebut.";
        en: "The body is too large", "Bring it below the limit that is named.";
    UriTooLong 414
        id: "Alamat terlalu panjang", "Persingkat alamat dan parameternya.";
        en: "The address is too long", "Shorten the address and its parameters.";
    UnsupportedMediaType 415
        id: "Jenis isi tidak didukung", "Gunakan jenis isi yang disebut dokumentasi operasi, tanpa Content-Encoding.";
        en: "The media type is not supported", "Use the media type that the operation documents, without Content-Encoding.";
    InvalidInput 422
        id: "Isian belum benar", "Perbaiki setiap butir di errors lalu kirim lagi.";
        en: "The input is not valid", "Correct every item under errors and send again.";
    IdempotencyKeyReused 422
        id: "Kunci idempotensi dipakai untuk permintaan lain", "Gunakan kunci baru untuk permintaan yang berbeda.";
        en: "The idempotency key belongs to another request", "Use a new key for a different request.";
    IfMatchMissing 428
        id: "Header If-Match wajib", "Muat dulu lalu kirim ETag-nya di If-Match.";
        en: "The header If-Match is required", "Load it first and send its ETag in If-Match.";
    RateLimited 429
        id: "Terlalu banyak permintaan", "Tunggu sesuai Retry-After.";
        en: "Too many requests", "Wait as Retry-After says.";
    InternalError 500
        id: "Kesalahan di pihak kami", "Laporkan dengan trace_id ini; tidak ada yang tersimpan setengah jadi.";
        en: "A fault of ours", "Report it with this trace_id; nothing was left half-done.";
    Unavailable 503
        id: "Layanan sedang tidak tersedia", "Ulangi sesuai Retry-After; tidak ada yang tersimpan.";
        en: "The service is unavailable for a moment", "Try again as Retry-After says; nothing was stored.";

    // Faults of shape.
    Required 422
        id: "Wajib diisi", "Isi bidang ini.";
        en: "Is required", "Fill this field in.";
    UnknownField 422
        id: "Bidang tidak dikenal", "Hapus bidang ini.";
        en: "Unknown field", "Remove this field.";
    WrongType 422
        id: "Jenis nilai tidak sesuai", "Gunakan jenis nilai yang disebut.";
        en: "Has the wrong type", "Use the type that is named.";
    TooShort 422
        id: "Terlalu pendek", "Isi sedikitnya sebanyak karakter yang disebut.";
        en: "Is too short", "Use at least as many characters as named.";
    TooLong 422
        id: "Terlalu panjang", "Persingkat hingga jumlah karakter yang disebut.";
        en: "Is too long", "Shorten it to the number of characters named.";
    OutOfRange 422
        id: "Di luar rentang", "Gunakan nilai di dalam batas yang disebut.";
        en: "Is out of range", "Use a value within the limit that is named.";
    PatternMismatch 422
        id: "Bentuk tidak sesuai", "Ikuti pola yang disebut.";
        en: "Has the wrong form", "Follow the pattern that is named.";
    ValueNotAllowed 422
        id: "Nilai tidak termasuk pilihan", "Pilih salah satu nilai yang disebut.";
        en: "Is not one of the choices", "Choose one of the values that are named.";
    InvalidFormat 422
        id: "Format tidak sah", "Ikuti format yang disebut.";
        en: "Has an invalid format", "Follow the format that is named.";
    TooFewItems 422
        id: "Terlalu sedikit butir", "Tambahkan butir hingga jumlah yang disebut.";
        en: "Has too few items", "Add items up to the number named.";
    TooManyItems 422
        id: "Terlalu banyak butir", "Kurangi butir hingga jumlah yang disebut.";
        en: "Has too many items", "Remove items down to the number named.";
    DuplicateItem 422
        id: "Butir ganda", "Sebutkan setiap butir sekali saja.";
        en: "Contains the same item twice", "Name each item once.";
    UnknownReference 422
        id: "Rujukan tidak dikenal", "Gunakan kode atau id yang ada dan boleh Anda lihat.";
        en: "Refers to nothing known", "Use a code or id that exists and that you may see.";

    // Accounts.
    ContactInvalid 422
        id: "Alamat surel atau nomor telepon tidak sah", "Tulis surel lengkap, atau nomor seperti +6281234567890.";
        en: "Not a valid e-mail address or phone number", "Write a full address, or a number such as +6281234567890.";
    PhoneNotServed 422
        id: "Pesan ke nomor telepon belum dilayani", "Gunakan alamat e-mail.";
        en: "Messages to phones are not served here", "Use an e-mail address.";
    PasswordTooWeak 422
        id: "Kata sandi terlalu mudah ditebak", "Gunakan beberapa kata yang tidak berhubungan, sedikitnya sepanjang yang disebut.";
        en: "The password is too easy to guess", "Use several unrelated words, at least as long as named.";
    LinkInvalid 422
        id: "Tautan atau kode tidak berlaku", "Minta yang baru.";
        en: "The link or code is not valid", "Ask for a new one.";
    RefreshTokenReused 401
        id: "Token penyegar sudah pernah dipakai; sesi ditutup", "Masuk kembali; bila bukan Anda, ganti kata sandi.";
        en: "The refresh token was used before; the session is closed", "Log in again; if it was not you, change your password.";
    LogInDelayed 429
        id: "Terlalu banyak percobaan masuk", "Tunggu sesuai Retry-After lalu coba lagi.";
        en: "Too many attempts to log in", "Wait as Retry-After says, then try again.";
    MembershipTaken 409
        id: "Peran ini sudah dipegang orang tersebut", "Tidak perlu diundang lagi.";
        en: "That person already holds this role", "No further invitation is needed.";
    CodeTaken 409
        id: "Kode sudah dipakai", "Gunakan kode lain.";
        en: "The code is already used", "Use another code.";
    RoleNotOfOrganisation 422
        id: "Peran ini tidak ada di jenis organisasi tersebut", "Pilih peran yang sesuai dengan jenis organisasinya.";
        en: "That role does not exist in this kind of organisation", "Choose a role that fits the organisation.";
    LetterRequired 422
        id: "Nomor surat penunjukan wajib untuk peran ini", "Isi nomor surat penunjukan.";
        en: "This role needs an appointment letter number", "Give the letter's number.";
    ValidityInvalid 422
        id: "Masa berlaku terbalik", "Tanggal akhir tidak boleh mendahului tanggal awal.";
        en: "The validity runs backwards", "The last day may not precede the first.";
    ClockBackwards 422
        id: "Jam hanya dapat dimajukan", "Pilih waktu setelah jam sandbox saat ini.";
        en: "The clock only moves forward", "Choose a time after the sandbox's present clock.";
    LastOwner 409
        id: "Pemilik terakhir tidak dapat diakhiri", "Tunjuk pemilik lain lebih dulu.";
        en: "The last owner cannot be ended", "Appoint another owner first.";

    // Forbidden pairs (Perlem LKPP 15/2018 and policy).
    PairProcurementCommitment 422
        id: "PP dan PPK pada paket yang sama harus orang berbeda", "Tugaskan orang lain untuk salah satu peran.";
        en: "Procurement and commitment officer of one package must be different persons", "Appoint another person for one of the two.";
    PairCommitmentTreasurer 422
        id: "PPK tidak boleh merangkap bendahara", "Tugaskan orang lain untuk salah satu peran.";
        en: "A commitment officer may not be treasurer", "Appoint another person for one of the two.";
    PairOfficerPaymentVerifier 422
        id: "PPK atau PP tidak boleh merangkap PPK-SKPD/PPSPM", "Tugaskan orang lain untuk salah satu peran.";
        en: "A commitment or procurement officer may not be payment verifier", "Appoint another person for one of the two.";
    PairProcurementTreasurer 422
        id: "PP tidak boleh merangkap bendahara", "Tugaskan orang lain untuk salah satu peran.";
        en: "A procurement officer may not be treasurer", "Appoint another person for one of the two.";
    PairReceiverTreasurer 422
        id: "Penerima barang tidak boleh merangkap bendahara", "Tugaskan orang lain untuk salah satu peran.";
        en: "A receiver may not be treasurer", "Appoint another person for one of the two.";
    PairVerifierVendor 409
        id: "Pemverifikasi adalah anggota penyedia ini", "Biarkan pemverifikasi lain yang memeriksa.";
        en: "The verifier is a member of this vendor", "Let another verifier examine it.";
    PairOfficialVendorOwner 409
        id: "Pejabat ini adalah pemilik penyedia", "Serahkan pembelian kepada pejabat lain.";
        en: "This official owns the vendor", "Leave the purchase to another official.";
    PairSamePerson 409
        id: "Setiap langkah persetujuan harus oleh orang berbeda", "Serahkan langkah ini kepada pejabat lain.";
        en: "Each approval step must be by another person", "Leave this step to another officer.";

    // Vendors.
    NibInvalid 422
        id: "NIB harus 13 angka", "Salin NIB dari OSS.";
        en: "A NIB has 13 digits", "Copy the NIB from OSS.";
    NpwpInvalid 422
        id: "NPWP harus 15 atau 16 angka", "Salin NPWP dari kartu atau Coretax.";
        en: "An NPWP has 15 or 16 digits", "Copy the NPWP from the card or Coretax.";
    NikInvalid 422
        id: "NIK harus 16 angka dengan tanggal lahir yang mungkin", "Salin NIK dari KTP.";
        en: "A NIK has 16 digits with a possible date of birth", "Copy the NIK from the identity card.";
    NibTaken 409
        id: "NIB ini tidak dapat dipakai", "Periksa NIB; bila benar, hubungi helpdesk dengan bukti.";
        en: "This NIB cannot be used", "Check the NIB; if it is right, contact the helpdesk with proof.";
    NikTaken 409
        id: "NIK ini tidak dapat dipakai", "Periksa NIK; bila benar, hubungi helpdesk dengan bukti.";
        en: "This NIK cannot be used", "Check the NIK; if it is right, contact the helpdesk with proof.";
    DocumentMissing 422
        id: "Dokumen wajib belum diunggah", "Unggah dokumen yang disebut.";
        en: "A required paper is missing", "Upload the paper that is named.";
    DocumentExpired 422
        id: "Dokumen sudah kedaluwarsa", "Unggah dokumen yang masih berlaku.";
        en: "A paper has expired", "Upload one that is valid.";
    FileTypeRefused 415
        id: "Jenis berkas tidak diterima", "Unggah PDF, JPEG, atau PNG.";
        en: "This type of file is not taken", "Upload PDF, JPEG or PNG.";
    ClaimedByAnother 409
        id: "Berkas sedang diperiksa orang lain", "Pilih berkas lain dari antrean.";
        en: "Another verifier holds this file", "Choose another file from the queue.";
    VendorNotVerified 409
        id: "Penyedia belum terverifikasi atau sedang ditangguhkan", "Tunggu verifikasi, atau pilih penyedia lain.";
        en: "The vendor is not verified, or suspended", "Wait for verification, or choose another vendor.";
    NpwpCheckDigit 422
        id: "Angka periksa NPWP tidak cocok", "Periksa kembali; pengajuan tetap dapat dikirim.";
        en: "The NPWP's check digit does not fit", "Check it; the file can be submitted all the same.";
    NikRegionUnknown 422
        id: "Kode wilayah dalam NIK tidak dikenal", "Periksa kembali; kode lama tetap diterima.";
        en: "The NIK's region code is unknown", "Check it; old codes are accepted all the same.";
    HolderDiffers 422
        id: "Nama pemilik rekening berbeda dari nama usaha", "Periksa kembali; pemverifikasi akan menanyakannya.";
        en: "The account holder's name differs from the business name", "Check it; the verifier will ask about it.";

    // Catalogue.
    CategoryNotLeaf 422
        id: "Pilih kategori tingkat ketiga", "Gunakan kode kategori paling bawah.";
        en: "Choose a category of the third level", "Use the code of a lowest category.";
    PhotoMissing 422
        id: "Produk belum berfoto", "Unggah sedikitnya satu foto.";
        en: "The product has no photo", "Upload at least one photo.";
    CapacityMissing 422
        id: "Kapasitas per hari wajib untuk ketersediaan ini", "Isi kapasitas per hari, atau hapus bila bukan kapasitas harian.";
        en: "Availability and daily capacity do not fit", "Give the capacity per day, or leave it out for other kinds.";
    PriceTierInvalid 422
        id: "Harga bertingkat tidak menurun", "Jumlah lebih besar harus berharga sama atau lebih rendah.";
        en: "The price tiers do not fall", "A larger quantity must cost the same or less.";
    StockBelowReserved 409
        id: "Stok tidak boleh di bawah yang sudah dipesan", "Kurangi lebih sedikit, atau tunggu pesanan selesai.";
        en: "Stock cannot fall below what is reserved", "Take less away, or wait for orders to end.";
    StockNotCounted 409
        id: "Produk ini tidak menghitung stok", "Ubah ketersediaan menjadi counted lebih dulu.";
        en: "This product counts no stock", "Change its availability to counted first.";
    TooManyDocuments 409
        id: "Dokumen sudah sebanyak yang diperbolehkan", "Hapus dokumen yang tidak diperlukan sebelum menambah yang baru.";
        en: "There are as many papers as allowed", "Remove a paper that is not needed before adding another.";
    TooManyPhotos 409
        id: "Jumlah foto sudah penuh", "Hapus satu foto lebih dulu.";
        en: "There are as many photos as allowed", "Remove one first.";

    // Requests and orders.
    MethodLimitExceeded 422
        id: "Nilai melewati batas metode ini", "Gunakan metode lain sesuai nilai dan jenis pengadaan.";
        en: "The value passes the limit of this method", "Use the method that fits value and kind.";
    PackageCeilingExceeded 422
        id: "Nilai melewati sisa pagu paket", "Kurangi nilai atau gunakan paket lain.";
        en: "The value passes what is left of the package", "Lower the value or use another package.";
    BudgetExceeded 422
        id: "Nilai melewati sisa anggaran", "Kurangi nilai atau gunakan mata anggaran lain.";
        en: "The value passes what is left of the budget line", "Lower the value or use another budget line.";
    BudgetLineRequired 422
        id: "Mata anggaran wajib dipilih", "Pilih mata anggaran dari paket ini.";
        en: "A budget line is required", "Choose a budget line of this package.";
    BudgetDeclarationRequired 422
        id: "Pernyataan ketersediaan anggaran wajib", "Isi rekening, nomor DPA, dan nyatakan anggaran tersedia.";
        en: "The budget must be declared available", "Give account and DPA number and declare it available.";
    ProcurementKindMismatch 422
        id: "Jenis pengadaan produk berbeda dari permintaan", "Samakan jenis pengadaan, atau pisahkan permintaan.";
        en: "A product's procurement kind differs from the request's", "Use one kind, or separate requests.";
    RegionNotServed 422
        id: "Penyedia tidak melayani wilayah ini", "Pilih penyedia yang melayani wilayah pengiriman.";
        en: "The vendor does not serve this region", "Choose a vendor that serves the place of delivery.";
    ShippingOnQuote 422
        id: "Ongkos kirim ke wilayah ini hanya dengan penawaran", "Pilih penyedia dengan tarif tetap, atau minta penawaran.";
        en: "Shipping to this region is by quote only", "Choose a vendor with a fixed fee, or ask for quotes.";
    BelowMinimumOrder 422
        id: "Di bawah pesanan minimum", "Tambah jumlah hingga pesanan minimum.";
        en: "Below the minimum order", "Raise the quantity to the minimum.";
    QuantityMismatch 422
        id: "Jumlah jadwal kirim tidak sama dengan jumlah baris", "Samakan jumlah semua jadwal dengan jumlah baris.";
        en: "The delivery slots do not add up to the line", "Make the slots' quantities equal the line's.";
    NeededTooSoon 422
        id: "Tanggal kebutuhan terlalu dekat", "Pilih tanggal yang memberi waktu persetujuan dan persiapan.";
        en: "It is needed too soon", "Choose a day that leaves time for approval and preparation.";
    OutOfStock 409
        id: "Stok tidak cukup", "Kurangi jumlah atau pilih produk lain.";
        en: "There is not enough stock", "Lower the quantity or choose another product.";
    CapacityExceeded 409
        id: "Kapasitas hari itu tidak cukup", "Kurangi jumlah atau pilih hari lain.";
        en: "The capacity of that day is used up", "Lower the quantity or choose another day.";
    ProductUnavailable 409
        id: "Produk tidak tayang", "Pilih produk lain.";
        en: "A product is not on the shelf", "Choose another product.";
    SplitForbidden 422
        id: "Pesanan pada paket ini bersama-sama melewati batas metode", "Gunakan metode yang sesuai nilai seluruh paket (Perpres 16/2018 Pasal 20).";
        en: "The orders on this package together pass the method's limit", "Use the method that fits the whole package (Perpres 16/2018 art. 20).";
    SplitReasonRequired 422
        id: "Pembelian serupa baru saja dilakukan; alasan tertulis wajib", "Isi split_reason.";
        en: "Similar goods were just bought; a written reason is required", "Fill in split_reason.";
    ComparisonRequired 422
        id: "Perbandingan sedikitnya dua penawaran wajib", "Isi comparison dengan dua produk, atau alasan hanya satu.";
        en: "At least two offers must be compared", "Fill comparison with two products, or say why one.";
    ContentChanged 409
        id: "Isi yang disetujui bukan isi yang diajukan", "Muat ulang lalu periksa lagi.";
        en: "What would be approved is not what was submitted", "Reload and examine it again.";
    Expired 409
        id: "Batas waktu sudah lewat", "Perbarui permintaan atau pilih penyedia lain.";
        en: "The deadline has passed", "Renew the request or choose another vendor.";
    TotalWouldRise 422
        id: "Perubahan tidak boleh menaikkan nilai", "Usulkan harga yang sama atau lebih rendah.";
        en: "A change may not raise the total", "Propose the same or lower prices.";
    OfficerNotSuitable 422
        id: "Pejabat yang ditunjuk tidak memegang peran ini di unit tersebut", "Pilih pejabat yang masih bertugas di unit ini.";
        en: "That officer does not hold the role in this unit", "Choose an officer appointed to this unit.";
    AlreadyReplaced 409
        id: "Pesanan ini sudah digantikan", "Lanjutkan permintaan penggantinya.";
        en: "This order was already replaced", "Continue with the request that replaces it.";
    MethodNotForValue 422
        id: "Metode ini tidak diizinkan untuk nilai ini", "Pilih salah satu metode yang disebut dalam figures.";
        en: "This method is not allowed for this value", "Choose one of the methods that the figures name.";
    NegotiationAdvised 422
        id: "Nilai ini dianjurkan dinegosiasikan lebih dulu", "Pertimbangkan metode negotiated; pembelian langsung tetap dapat diajukan.";
        en: "Negotiating is advised for this value", "Consider the method negotiated; buying directly stays possible.";
    PriceAboveList 422
        id: "Harga melebihi harga tayang", "Tulis harga yang sama dengan atau di bawah harga tayang.";
        en: "The price is above the list price", "Give the list price or less.";
    RoundNotLatest 409
        id: "Sudah ada usulan yang lebih baru", "Muat ulang lalu jawab usulan terakhir.";
        en: "There is a newer proposal", "Reload and answer the latest one.";
    RoundExpired 409
        id: "Masa berlaku usulan ini sudah lewat", "Ajukan usulan baru.";
        en: "This proposal has lapsed", "Make a new proposal.";
    TooManyRounds 409
        id: "Putaran negosiasi sudah sebanyak yang diperbolehkan", "Terima usulan terakhir atau akhiri negosiasi.";
        en: "There are as many rounds as allowed", "Accept the latest proposal or end the negotiation.";
    AgreementNotPossible 409
        id: "Kesepakatan belum dapat dicapai di pihak kantor", "Tunggu kabar dari kantor; usulan tetap terbuka.";
        en: "The office cannot agree for now", "Wait to hear from the office; the proposal stays open.";
    NegotiationStillActive 409
        id: "Negosiasi belum cukup lama diam untuk diakhiri", "Tunggu sampai waktu yang disebut, atau jawab usulan terakhir.";
        en: "The negotiation has not been idle long enough", "Wait until the time that is named, or answer the latest proposal.";
    QuotationMissing 422
        id: "Belum ada yang dimintakan penawaran", "Isi quotation dengan sedikitnya satu baris.";
        en: "Nothing is asked for yet", "Fill in quotation with at least one line.";
    WeightsNotWhole 422
        id: "Bobot kriteria tidak berjumlah 100", "Isi kriteria dengan bobot yang berjumlah 100.";
        en: "The criteria's weights do not make 100", "Give criteria whose weights add up to 100.";
    DeadlinePassed 409
        id: "Batas pemasukan penawaran sudah lewat", "Ikuti permintaan lain; penawaran yang masuk sebelum batas tetap dibuka.";
        en: "The deadline for quotes has passed", "Follow other requests; quotes that came in before it will be opened.";
    DeadlineNotLater 422
        id: "Batas waktu hanya dapat diperpanjang", "Pilih waktu setelah batas yang berlaku.";
        en: "A deadline can only be extended", "Choose a time after the present deadline.";
    QuoteExists 409
        id: "Anda sudah memiliki penawaran untuk permintaan ini", "Ubah penawaran yang ada lalu ajukan atau ganti.";
        en: "You already have a quote on this request", "Change the one there is, then submit or replace it.";
    QuoteIncomplete 422
        id: "Penawaran belum lengkap", "Isi harga untuk baris yang diminta; bila penetapan untuk seluruhnya, semua baris wajib.";
        en: "The quote is incomplete", "Give a price for what is asked; where one vendor gets all, every line is needed.";
    NothingToConfirm 409
        id: "Tidak ada adendum yang menunggu konfirmasi", "Penawaran Anda sudah berlaku.";
        en: "No addendum waits for confirmation", "Your quote already counts.";
    TooManyQuestions 409
        id: "Pertanyaan Anda pada permintaan ini sudah sebanyak yang diperbolehkan", "Baca jawaban yang sudah ada.";
        en: "You have asked as many questions as allowed here", "Read the answers there are.";
    EvaluationMissing 409
        id: "Evaluasi belum diselesaikan", "Selesaikan evaluasi lebih dulu.";
        en: "The evaluation is not complete", "Complete the evaluation first.";
    NotFirstRanked 409
        id: "Penawaran ini bukan peringkat pertama", "Periksa peringkat pertama; berikutnya hanya setelah yang pertama gugur.";
        en: "This quote is not first-ranked", "Verify the first-ranked; the next only after the first is out.";
    VerificationMissing 409
        id: "Peringkat pertama belum diperiksa", "Minta pejabat pengadaan memeriksa penawaran peringkat pertama.";
        en: "The first-ranked has not been verified", "Have the procurement officer verify the first-ranked quote.";
    ProofMissing 422
        id: "Bukti pembelian belum ada", "Unggah nota atau kuitansi lebih dulu.";
        en: "The purchase has no proof yet", "Upload the receipt first.";
    CureUnderWay 409
        id: "Penyedia masih diberi waktu melengkapi", "Tunggu jawaban penyedia atau batas waktunya.";
        en: "A vendor still has time to mend a formal fault", "Wait for its answer, or until its time is over.";
    NothingToAward 409
        id: "Tidak ada penawaran yang dapat ditetapkan", "Nyatakan gagal dengan alasan, lalu ulangi.";
        en: "There is no quote to award to", "Declare it failed with a reason, then repeat it.";
    CategoryNotSold 422
        id: "Anda belum menjual barang di kategori ini", "Tayangkan produk di kategori yang diminta, atau kutip produk yang setara.";
        en: "You sell nothing in this category yet", "Put a product of the category on the shelf, or quote an equal one.";
    KbliMismatch 422
        id: "KBLI usaha Anda berbeda dari kategori ini", "Penawaran tetap dapat diajukan; perbarui KBLI di OSS bila perlu.";
        en: "Your KBLI differs from this category", "You may quote all the same; bring your KBLI up to date with OSS if need be.";
    TooEarly 409
        id: "Penawaran belum boleh dibuka", "Tunggu sampai batas pemasukan lewat; percobaan ini dicatat.";
        en: "The quotes may not be opened yet", "Wait until the deadline has passed; this attempt is on record.";
    TooFewInvited 422
        id: "Penyedia yang diundang terlalu sedikit", "Undang paling sedikit sebanyak yang disebut, atau buka untuk semua.";
        en: "Too few vendors are invited", "Invite at least as many as named, or open it to all.";
    NotInvited 409
        id: "Permintaan ini hanya untuk penyedia yang diundang", "Ikuti permintaan yang terbuka untuk semua.";
        en: "This request is for invited vendors", "Follow requests that are open to all.";
    PolicyOverlaps 409
        id: "Pada hari itu sudah ada nilai lain untuk kebijakan ini", "Akhiri nilai yang lama lebih dulu, atau pilih masa berlaku lain.";
        en: "Another value of this policy holds on one of those days", "End the other value first, or choose another validity.";
    PolicyValueInvalid 422
        id: "Nilai tidak sesuai dengan satuan kebijakan ini", "Tulis nilai dengan bentuk yang sama seperti nilai yang sedang berlaku.";
        en: "The value does not fit this policy's unit", "Write it in the same form as the value in force.";
    PolicyNotYours 422
        id: "Kebijakan ini hanya ditetapkan oleh pengelola", "Minta pengelola menetapkannya berdasarkan dasar hukumnya.";
        en: "This policy is set by the operator alone", "Ask the operator to set it by its legal basis.";
    DayPassed 422
        id: "Hari ini sudah lewat", "Pilih hari ini atau hari setelahnya.";
        en: "That day has passed", "Choose today or a later day.";
    PolicyMissing 422
        id: "Tidak ada nilai kebijakan yang berlaku pada tanggal ini", "Minta pengelola menetapkan kebijakan yang disebut.";
        en: "No policy value is in force on this day", "Ask the operator to set the policy that is named.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Language;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_have_both_texts() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            let (id, en) = (code.texts(Language::Id), code.texts(Language::En));
            assert!(!id.remedy.is_empty() && !en.remedy.is_empty());
            assert_ne!(id.title, en.title, "{code} reads the same in both languages");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
