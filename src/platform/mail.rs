//! How mail leaves: by SMTP, into a folder, or into memory (tests and the sandbox).
use crate::settings::{Mail as MailSettings, MailKind};
use anyhow::Context;
use lettre::message::{Mailbox, header::ContentType};
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A mail ready to go.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mail {
    /// The same over every attempt, so that a repeat can be told.
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.message_id)
    }
}

/// The channel in use.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    folder: PathBuf,
    channel: Channel,
}

#[derive(Clone)]
enum Channel {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    File(AsyncFileTransport<Tokio1Executor>),
    Memory(Arc<Mutex<Outbox>>),
}

#[derive(Default)]
struct Outbox {
    sent: Vec<Mail>,
    down: bool,
}

impl Mailer {
    pub fn new(settings: &MailSettings) -> anyhow::Result<Self> {
        let from =
            settings.from.parse().context("mail.from is not a mailbox such as Name <name@example.go.id>")?;
        let channel = match settings.kind {
            MailKind::Smtp => {
                let builder =
                    AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.smtp_url.expose_secret())
                        .map_err(|_| {
                            anyhow::anyhow!(
                                "mail.smtp_url is not an address such as smtp://host:587?tls=required"
                            )
                        })?;
                Channel::Smtp(builder.timeout(Some(Duration::from_secs(20))).build())
            }
            MailKind::File => {
                std::fs::create_dir_all(&settings.directory).context("mail.directory cannot be made")?;
                Channel::File(AsyncFileTransport::new(&settings.directory))
            }
            MailKind::Memory => Channel::Memory(Arc::default()),
        };
        Ok(Self { from, folder: settings.directory.clone(), channel })
    }

    /// Whether messages to phones go out too: into the folder or into memory, not by SMTP.
    pub fn reaches_phones(&self) -> bool {
        !matches!(self.channel, Channel::Smtp(_))
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// Whatever the channel says; the mail may or may not have left.
    pub async fn send(&self, mail: &Mail) -> anyhow::Result<()> {
        if let Channel::Memory(outbox) = &self.channel {
            let mut outbox = outbox.lock().map_err(|_| anyhow::anyhow!("the outbox is poisoned"))?;
            anyhow::ensure!(!outbox.down, "the mail server is down");
            outbox.sent.push(mail.clone());
            return Ok(());
        }
        if let (Channel::File(_), true) = (&self.channel, mail.to.starts_with('+')) {
            let id = mail.message_id.trim_matches(['<', '>']);
            let text = format!("To: {}\nSubject: {}\n\n{}\n", mail.to, mail.subject, mail.text);
            return Ok(tokio::fs::write(self.folder.join(format!("{id}.txt")), text).await?);
        }
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.parse().map_err(|_| anyhow::anyhow!("the recipient's address is malformed"))?)
            .message_id(Some(mail.message_id.clone()))
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())?;
        match &self.channel {
            Channel::Smtp(transport) => transport.send(message).await.map(drop).map_err(Into::into),
            Channel::File(transport) => transport.send(message).await.map(drop).map_err(Into::into),
            Channel::Memory(_) => Ok(()),
        }
    }

    /// Whether the channel answers.
    pub async fn reachable(&self) -> bool {
        match &self.channel {
            Channel::Smtp(transport) => transport.test_connection().await.unwrap_or(false),
            Channel::File(_) | Channel::Memory(_) => true,
        }
    }

    /// What was sent into memory so far.
    pub fn sent(&self) -> Vec<Mail> {
        match &self.channel {
            Channel::Memory(outbox) => outbox.lock().map(|outbox| outbox.sent.clone()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Takes the memory channel down or brings it back, as a mail server's outage.
    pub fn set_down(&self, down: bool) {
        if let Channel::Memory(outbox) = &self.channel
            && let Ok(mut outbox) = outbox.lock()
        {
            outbox.down = down;
        }
    }
}
