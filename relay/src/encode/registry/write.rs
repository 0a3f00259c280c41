//! What `contracts register` asks beyond what the relay asks: to take a schema, and whether it
//! would. The relay itself registers nothing.

use outbox_contract::compatibility::Level;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Registry, RegistryError};

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The registry has the schema.
    Registered {
        /// The registry's id of the schema.
        id: u32,
        /// The version within its subject.
        version: u32,
    },
    /// It does not fit the versions before it.
    Incompatible {
        /// What the registry says.
        reasons: Vec<String>,
    },
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
    version: u32,
}

#[derive(Deserialize)]
struct Verdict {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Registry {
    /// Registers an Avro schema as the next version of `subject`; one that is there keeps its
    /// version.
    pub async fn register(
        &self,
        subject: &str,
        schema: &str,
    ) -> Result<Registration, RegistryError> {
        let what = format!("a schema for subject {subject:?}");
        let path = ["subjects", subject, "versions"];
        let answer = self.post(&path, "", schema, &what).await?;
        if answer.status == StatusCode::CONFLICT {
            let reasons = vec![answer.message()];
            return Ok(Registration::Incompatible { reasons });
        }
        answer.accepted()?;
        // That answer has no version; the lookup of the same text has.
        let found = self.post(&path[..2], "", schema, &what).await?;
        let Registered { id, version } = found.accepted()?.parse()?;
        Ok(Registration::Registered { id, version })
    }

    /// Why the registry would not take the schema as the next version of `subject`, which must
    /// have versions; `None` if it would.
    pub async fn objections(
        &self,
        subject: &str,
        schema: &str,
    ) -> Result<Option<Vec<String>>, RegistryError> {
        let what = format!("a schema for subject {subject:?}");
        let path = ["compatibility", "subjects", subject, "versions"];
        let answer = self.post(&path, "?verbose=true", schema, &what).await?;
        let verdict: Verdict = answer.accepted()?.parse()?;
        Ok((!verdict.is_compatible).then_some(verdict.messages))
    }

    /// What a new version of `subject` must be able to do.
    pub async fn level(&self, subject: &str) -> Result<Level, RegistryError> {
        let what = format!("the compatibility level of subject {subject:?}");
        let config: Config = match self.get(&["config", subject], &what).await {
            Err(RegistryError::NotFound { .. }) => self.get(&["config"], &what).await?,
            answered => answered?,
        };
        config.level.parse().map_err(|_| RegistryError::Malformed {
            url: self.url.clone(),
            what,
            why: format!("{:?} is no level", config.level),
        })
    }

    async fn post(
        &self,
        path: &[&str],
        query: &str,
        schema: &str,
        what: &str,
    ) -> Result<Answer, RegistryError> {
        let address = format!("{}{query}", self.address(path));
        let request = self.client.post(address).json(&json!({ "schema": schema }));
        self.send(request, what).await
    }
}

impl Answer {
    /// The answer, if the registry did what was asked.
    fn accepted(self) -> Result<Self, RegistryError> {
        let status = self.status;
        if status == StatusCode::OK {
            return Ok(self);
        }
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Err(RegistryError::Rejected {
                message: self.message(),
                url: self.url,
                what: self.what,
                status,
            });
        }
        let url = self.url;
        Err(RegistryError::Unavailable { url, status })
    }

    /// What the registry says, in its own words.
    fn message(&self) -> String {
        /// Enough for many reasons, and little of a page that was sent instead.
        const CHARACTERS_MAX: usize = 5_000;
        let refusal = serde_json::from_slice::<Refusal>(&self.body);
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        let message = refusal.map_or_else(|_| text(), |refusal| refusal.message);
        message.chars().take(CHARACTERS_MAX).collect()
    }
}
