//! The key ring, which lives outside the database, and all that is done with its keys.
//!
//! Sealing is AES-256-GCM (`key number ‖ nonce ‖ ciphertext`), associated data names what the
//! value belongs to, so that a sealed value copied to another row does not open. Blind indexes,
//! link tokens, cursors and idempotency comparisons are HMAC-SHA-256 under keys of their own.
//!
//! What nobody may read before its time is sealed to the public half of a pair of its own (HPKE, RFC
//! 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305); the private half is wrapped by the ring for one place.
use crate::kernel::Error;
use anyhow::Context;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac, rand as secure_rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Random bytes from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if secure_rand::fill(&mut bytes).is_err() {
        // Without randomness no key, token or salt is safe; nothing may go on.
        std::process::abort();
    }
    bytes
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// What a keyed digest is for; each purpose has a key of its own.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Tokens in links: contact confirmation, password reset, invitation.
    Link,
    Cursor,
    /// Scope and body comparison of idempotency keys.
    Idempotency,
    /// Log-in delays by account and address.
    Delay,
}

/// A signing key of access tokens (Ed25519).
pub struct SigningKey {
    pub id: String,
    pub private: jsonwebtoken::EncodingKey,
    pub public: jsonwebtoken::DecodingKey,
    pub public_bytes: Vec<u8>,
}

/// The keys as written in `keys.toml`; 32-byte keys in hexadecimal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    /// Made by `demo`, public knowledge: refused everywhere else.
    demo: bool,
    sealing_current: u32,
    sealing: BTreeMap<String, String>,
    index: String,
    index_next: Option<String>,
    link: String,
    cursor: String,
    idempotency: String,
    delay: String,
    signing_current: String,
    signing: BTreeMap<String, String>,
}

/// The keys in memory.
pub struct KeyRing {
    file: KeyFile,
    sealing: BTreeMap<u32, LessSafeKey>,
    index: hmac::Key,
    index_next: Option<hmac::Key>,
    link: hmac::Key,
    cursor: hmac::Key,
    idempotency: hmac::Key,
    delay: hmac::Key,
    signing: Vec<SigningKey>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

impl KeyRing {
    /// A fresh ring.
    pub fn generate(demo: bool) -> anyhow::Result<Self> {
        let key = || hex::encode(random::<32>());
        let signing = format!("s{}", hex::encode(random::<4>()));
        Self::from_file(KeyFile {
            demo,
            sealing_current: 1,
            sealing: BTreeMap::from([("1".to_owned(), key())]),
            index: key(),
            index_next: None,
            link: key(),
            cursor: key(),
            idempotency: key(),
            delay: key(),
            signing: BTreeMap::from([(signing.clone(), key())]),
            signing_current: signing,
        })
    }

    /// Reads a ring.
    ///
    /// # Errors
    /// A sentence that names the file; never a key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the key ring {} cannot be read", path.display()))?;
        let file: KeyFile = toml::from_str(&text)
            .map_err(|_| anyhow::anyhow!("the key ring {} is not a valid key file", path.display()))?;
        Self::from_file(file).with_context(|| format!("the key ring {} is damaged", path.display()))
    }

    /// Writes the ring so that only its owner may read it, replacing the old file in one step.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let beside = path.with_extension("new");
        let _ = std::fs::remove_file(&beside);
        let mut out = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
        out.write_all(toml::to_string_pretty(&self.file)?.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&beside, path).with_context(|| format!("{} cannot be written", path.display()))
    }

    fn from_file(file: KeyFile) -> anyhow::Result<Self> {
        let bytes = |text: &str| -> anyhow::Result<[u8; 32]> {
            hex::decode(text)?.try_into().map_err(|_| anyhow::anyhow!("a key has not 32 bytes"))
        };
        let mac = |text: &str| bytes(text).map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key));
        let mut sealing = BTreeMap::new();
        for (number, key) in &file.sealing {
            let key = UnboundKey::new(&AES_256_GCM, &bytes(key)?)
                .map_err(|_| anyhow::anyhow!("bad sealing key"))?;
            sealing.insert(number.parse()?, LessSafeKey::new(key));
        }
        anyhow::ensure!(sealing.contains_key(&file.sealing_current), "the current sealing key is missing");
        let mut signing = Vec::new();
        for (id, seed) in &file.signing {
            signing.push(signing_key(id, &bytes(seed)?)?);
        }
        signing.sort_by_key(|key| key.id != file.signing_current);
        anyhow::ensure!(
            signing.first().is_some_and(|key| key.id == file.signing_current),
            "the current signing key is missing"
        );
        Ok(Self {
            sealing,
            signing,
            index: mac(&file.index)?,
            index_next: file.index_next.as_deref().map(mac).transpose()?,
            link: mac(&file.link)?,
            cursor: mac(&file.cursor)?,
            idempotency: mac(&file.idempotency)?,
            delay: mac(&file.delay)?,
            file,
        })
    }

    pub fn is_demo(&self) -> bool {
        self.file.demo
    }

    /// The ring with a new sealing key and a new signing key in front; old ones still open and verify.
    pub fn rotated(&self) -> anyhow::Result<Self> {
        let mut file = self.file.clone();
        let number = self.sealing.keys().max().copied().unwrap_or_default() + 1;
        file.sealing.insert(number.to_string(), hex::encode(random::<32>()));
        file.sealing_current = number;
        file.signing_current = format!("s{}", hex::encode(random::<4>()));
        file.signing.insert(file.signing_current.clone(), hex::encode(random::<32>()));
        Self::from_file(file)
    }

    /// The ring with a coming index key beside the present one.
    pub fn with_next_index(&self) -> anyhow::Result<Self> {
        let mut file = self.file.clone();
        file.index_next.get_or_insert_with(|| hex::encode(random::<32>()));
        Self::from_file(file)
    }

    /// The ring after a reindex: the coming index key is the present one.
    pub fn with_index_moved(&self) -> anyhow::Result<Self> {
        let mut file = self.file.clone();
        file.index = file.index_next.take().context("there is no next index key")?;
        Self::from_file(file)
    }

    /// The number of the key that seals now.
    pub fn sealing_number(&self) -> u32 {
        self.file.sealing_current
    }

    /// The number of the key that a sealed value is under.
    pub fn number_of(sealed: &[u8]) -> Option<u32> {
        Some(u32::from_be_bytes(sealed.get(..4)?.try_into().ok()?))
    }

    /// Seals bytes; `bound_to` names the row and column they belong to.
    pub fn seal(&self, plain: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
        let number = self.file.sealing_current;
        let key = self.sealing.get(&number).ok_or_else(|| broken("no current key"))?;
        let mut sealed = number.to_be_bytes().to_vec();
        sealed.append(&mut seal_with(key, plain, bound_to)?);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same place.
    ///
    /// # Errors
    /// `Internal` when the key is gone, the place differs or the bytes were changed.
    pub fn open(&self, sealed: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
        let key = Self::number_of(sealed).and_then(|number| self.sealing.get(&number));
        let (key, rest) = key.zip(sealed.get(4..)).ok_or_else(|| broken("unknown key number"))?;
        open_with(key, rest, bound_to)
    }

    /// The blind index of a personal value under the present key and, while keys change, the next.
    pub fn blind_index(&self, kind: &str, value: &str) -> (Vec<u8>, Option<Vec<u8>>) {
        let index = |key: &hmac::Key| mac_of(key, &[kind.as_bytes(), value.as_bytes()]).to_vec();
        (index(&self.index), self.index_next.as_ref().map(index))
    }

    /// A keyed digest of parts, for one purpose; the parts' borders count.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let key = match purpose {
            Purpose::Link => &self.link,
            Purpose::Cursor => &self.cursor,
            Purpose::Idempotency => &self.idempotency,
            Purpose::Delay => &self.delay,
        };
        mac_of(key, parts)
    }

    /// A link token: derived when the message is rendered, compared in constant time when it
    /// comes back, stored nowhere.
    pub fn link_token(&self, kind: &str, id: uuid::Uuid, version: i32) -> String {
        let mac = self.mac(Purpose::Link, &[kind.as_bytes(), id.as_bytes(), &version.to_be_bytes()]);
        format!("{}.{}", id.simple(), URL_SAFE_NO_PAD.encode(mac))
    }

    /// The key that signs access tokens now.
    pub fn signing(&self) -> &SigningKey {
        &self.signing[0]
    }

    /// All keys that may verify access tokens.
    pub fn verifying(&self) -> &[SigningKey] {
        &self.signing
    }
}

type Agreement = hpke::kem::X25519HkdfSha256;
/// What is sealed to a public key begins with so many bytes of an encapsulated key.
const ENCAPSULATED: usize = 32;

/// A public key with its private half, which the ring has wrapped.
pub struct WrappedPair {
    pub public: Vec<u8>,
    pub wrapped: Vec<u8>,
}

impl KeyRing {
    /// Makes a fresh pair whose private half opens for one place alone.
    pub fn wrap_new_pair(&self, bound_to: &str) -> Result<WrappedPair, Error> {
        let (private, public) = Agreement::derive_keypair(&random::<32>());
        let wrapped = self.seal(&private.to_bytes(), bound_to)?;
        Ok(WrappedPair { public: public.to_bytes().to_vec(), wrapped })
    }

    /// Unwraps a private half; who calls this has made sure that its time has come.
    pub fn unwrap_private(&self, wrapped: &[u8], bound_to: &str) -> Result<PrivateHalf, Error> {
        let bytes = self.open(wrapped, bound_to)?;
        let key =
            <Agreement as Kem>::PrivateKey::from_bytes(&bytes).map_err(|_| broken("bad private key"))?;
        Ok(PrivateHalf(key))
    }

    /// Wraps a key again, under the ring's present one.
    pub fn wrap_again(&self, wrapped: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
        self.seal(&self.open(wrapped, bound_to)?, bound_to)
    }

    /// Makes a fresh symmetric key, wrapped by the ring for one place.
    pub fn wrap_new_key(&self, bound_to: &str) -> Result<Vec<u8>, Error> {
        self.seal(&random::<32>(), bound_to)
    }

    /// Unwraps a symmetric key.
    pub fn unwrap_key(&self, wrapped: &[u8], bound_to: &str) -> Result<OwnKey, Error> {
        let key = UnboundKey::new(&AES_256_GCM, &self.open(wrapped, bound_to)?)
            .map_err(|_| broken("bad wrapped key"))?;
        Ok(OwnKey(LessSafeKey::new(key)))
    }
}

/// Seals to a public key; `bound_to` names what it belongs to, and must be named again to open it.
pub fn seal_to(public: &[u8], plain: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
    let public = <Agreement as Kem>::PublicKey::from_bytes(public).map_err(|_| broken("bad public key"))?;
    let (encapsulated, mut ciphertext) = hpke::single_shot_seal::<
        hpke::aead::ChaCha20Poly1305,
        hpke::kdf::HkdfSha256,
        Agreement,
    >(
        &OpModeS::Base, &public, SUITE_INFO, plain, bound_to.as_bytes()
    )
    .map_err(|_| broken("sealing to a public key failed"))?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.append(&mut ciphertext);
    Ok(sealed)
}

const SUITE_INFO: &[u8] = b"lokapasar sealed value v1";

/// A private half, unwrapped.
pub struct PrivateHalf(<Agreement as Kem>::PrivateKey);

impl PrivateHalf {
    /// Opens what [`seal_to`] made for the same place; none when it does not open.
    pub fn open(&self, sealed: &[u8], bound_to: &str) -> Option<Vec<u8>> {
        let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED)?;
        let encapsulated = <Agreement as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        hpke::single_shot_open::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, Agreement>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            SUITE_INFO,
            ciphertext,
            bound_to.as_bytes(),
        )
        .ok()
    }
}

/// A symmetric key of somebody's own, unwrapped.
pub struct OwnKey(LessSafeKey);

impl OwnKey {
    /// Seals bytes: `nonce ‖ ciphertext`; `bound_to` names the row they belong to.
    pub fn seal(&self, plain: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
        seal_with(&self.0, plain, bound_to)
    }

    /// # Errors
    /// `Internal` when the place differs or the bytes were changed.
    pub fn open(&self, sealed: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
        open_with(&self.0, sealed, bound_to)
    }
}

fn seal_with(key: &LessSafeKey, plain: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
    let nonce: [u8; NONCE_LEN] = random();
    let mut buffer = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut buffer)
        .map_err(|_| broken("sealing failed"))?;
    let mut sealed = nonce.to_vec();
    sealed.append(&mut buffer);
    Ok(sealed)
}

fn open_with(key: &LessSafeKey, sealed: &[u8], bound_to: &str) -> Result<Vec<u8>, Error> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(|| broken("too short"))?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken("bad nonce"))?;
    let mut buffer = body.to_vec();
    let plain = key
        .open_in_place(nonce, Aad::from(bound_to), &mut buffer)
        .map_err(|_| broken("a sealed value does not open"))?;
    Ok(plain.to_vec())
}

fn mac_of(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

fn signing_key(id: &str, seed: &[u8; 32]) -> anyhow::Result<SigningKey> {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| anyhow::anyhow!("bad signing key"))?;
    let document = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)
        .map_err(|_| anyhow::anyhow!("the signing key cannot be encoded"))?;
    let public_bytes = pair.public_key().as_ref().to_vec();
    Ok(SigningKey {
        id: id.to_owned(),
        private: jsonwebtoken::EncodingKey::from_ed_der(document.as_ref()),
        public: jsonwebtoken::DecodingKey::from_ed_der(&public_bytes),
        public_bytes,
    })
}

fn broken(what: &str) -> Error {
    Error::Internal(format!("sealing: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let ring = KeyRing::generate(false).unwrap();
        let sealed = ring.seal(b"3374015708900001", "row-1").unwrap();
        assert_eq!(ring.open(&sealed, "row-1").unwrap(), b"3374015708900001");
        assert!(ring.open(&sealed, "row-2").is_err());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(ring.open(&changed, "row-1").is_err());
        assert!(ring.open(&sealed[..10], "row-1").is_err());
    }

    #[test]
    fn what_is_sealed_to_a_pair_opens_with_its_private_half_for_its_place_alone() {
        let ring = KeyRing::generate(false).unwrap();
        let pair = ring.wrap_new_pair("request/1/key/1").unwrap();
        let sealed = seal_to(&pair.public, b"Rp1", "quote/1").unwrap();
        assert_ne!(sealed, seal_to(&pair.public, b"Rp1", "quote/1").unwrap());
        let private = ring.unwrap_private(&pair.wrapped, "request/1/key/1").unwrap();
        assert_eq!(private.open(&sealed, "quote/1").unwrap(), b"Rp1");
        assert!(
            private.open(&sealed, "quote/2").is_none() && private.open(&sealed[..31], "quote/1").is_none()
        );
        assert!(ring.unwrap_private(&pair.wrapped, "request/1/key/2").is_err());
        let other = ring.wrap_new_pair("request/1/key/1").unwrap();
        let other = ring.unwrap_private(&other.wrapped, "request/1/key/1").unwrap();
        assert!(other.open(&sealed, "quote/1").is_none());
    }

    #[test]
    fn an_own_key_opens_what_it_sealed_where_it_belongs() {
        let ring = KeyRing::generate(false).unwrap();
        let wrapped = ring.wrap_new_key("organisation/1").unwrap();
        let own = ring.unwrap_key(&wrapped, "organisation/1").unwrap();
        let sealed = own.seal(b"draft", "quote/1").unwrap();
        assert_eq!(own.open(&sealed, "quote/1").unwrap(), b"draft");
        assert!(own.open(&sealed, "quote/2").is_err());
        assert!(ring.unwrap_key(&wrapped, "organisation/2").is_err());
    }

    #[test]
    fn after_rotation_old_values_open_and_new_ones_use_the_new_key() {
        let ring = KeyRing::generate(false).unwrap();
        let old = ring.seal(b"x", "row").unwrap();
        let rotated = ring.rotated().unwrap();
        assert_eq!(rotated.open(&old, "row").unwrap(), b"x");
        assert_eq!(KeyRing::number_of(&rotated.seal(b"x", "row").unwrap()), Some(2));
        assert_ne!(ring.signing().id, rotated.signing().id);
        assert_eq!(rotated.verifying().len(), 2);
    }

    #[test]
    fn index_keys_change_with_both_live() {
        let ring = KeyRing::generate(false).unwrap();
        let (before, none) = ring.blind_index("nik", "1");
        assert!(none.is_none());
        let both = ring.with_next_index().unwrap();
        let (present, next) = both.blind_index("nik", "1");
        assert_eq!(present, before);
        let moved = both.with_index_moved().unwrap();
        assert_eq!(Some(moved.blind_index("nik", "1").0), next);
    }

    #[test]
    fn debug_prints_no_key() {
        assert_eq!(format!("{:?}", KeyRing::generate(true).unwrap()), "KeyRing(…)");
    }
}
