//! Passwords: argon2id with 19 MiB and two passes (OWASP), at most as many at once as cores.
//!
//! The block buffers are kept and reused: a log-in storm neither grows the memory nor takes the
//! other cores away from reads. Every check counts, so that tests can prove equal work on the
//! paths of a known and an unknown account.
use crate::kernel::Error;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const OUTPUT: usize = 32;

/// Bounded password hashing.
pub struct Hashing {
    permits: Arc<Semaphore>,
    buffers: Mutex<Vec<Vec<Block>>>,
    computed: AtomicU64,
}

impl Hashing {
    pub fn new(at_once: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            buffers: Mutex::new(Vec::new()),
            computed: AtomicU64::new(0),
        }
    }

    /// How many hashes were computed since the start.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Hashes a new password into a PHC string.
    pub async fn hash(self: &Arc<Self>, password: &str) -> Result<String, Error> {
        let salt: [u8; 16] = super::sealing::random();
        let output = self.compute(password, salt.to_vec()).await?;
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
        Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${output}"))
    }

    /// Compares a password with a stored hash; without one it does the same work and says no.
    pub async fn verify(self: &Arc<Self>, password: &str, stored: Option<&str>) -> Result<bool, Error> {
        let parts = stored.and_then(|phc| {
            let mut fields = phc.rsplit('$');
            let output = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
            let salt = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
            Some((salt, output))
        });
        let (salt, expected) = parts.unwrap_or((vec![0; 16], Vec::new()));
        let output = self.compute(password, salt).await?;
        Ok(bool::from(output.as_slice().ct_eq(expected.as_slice())))
    }

    async fn compute(self: &Arc<Self>, password: &str, salt: Vec<u8>) -> Result<[u8; OUTPUT], Error> {
        let permit =
            self.permits.clone().acquire_owned().await.map_err(|e| Error::Internal(e.to_string()))?;
        let (hashing, password) = (self.clone(), zeroize::Zeroizing::new(password.to_owned()));
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hashing.computed.fetch_add(1, Ordering::Relaxed);
            let params = Params::new(MEMORY_KIB, PASSES, 1, Some(OUTPUT)).map_err(internal)?;
            let blocks = params.block_count();
            let mut buffer = hashing.take_buffer();
            buffer.resize(blocks, Block::default());
            let mut output = [0; OUTPUT];
            let outcome = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, &mut buffer)
                .map_err(internal);
            hashing.return_buffer(buffer);
            outcome.map(|()| output)
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
    }

    fn take_buffer(&self) -> Vec<Block> {
        self.buffers.lock().map(|mut buffers| buffers.pop()).ok().flatten().unwrap_or_default()
    }

    fn return_buffer(&self, buffer: Vec<Block>) {
        if let Ok(mut buffers) = self.buffers.lock() {
            buffers.push(buffer);
        }
    }
}

fn internal(error: argon2::Error) -> Error {
    Error::Internal(format!("argon2: {error}"))
}
