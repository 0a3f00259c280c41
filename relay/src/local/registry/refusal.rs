//! What the registry refuses, with the codes of Confluent's interface
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html#errors>).

use super::SCHEMA_BYTES_MAX;

/// A request that is not carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the body is not JSON: {why}")]
    NotJson { why: String },
    #[error("HTTP 404 Not Found")]
    NoSuchPath,
    #[error("HTTP 405 Method Not Allowed")]
    MethodNotAllowed,
    #[error("HTTP 413 Request Entity Too Large")]
    BodyTooLarge,
    #[error("HTTP 415 Unsupported Media Type")]
    MediaType,
    #[error("the body is not what this path takes: {why}")]
    Body { why: String },
    #[error("Subject '{subject}' not found.")]
    NoSubject { subject: String },
    #[error("Version {version} not found.")]
    NoVersion { version: String },
    #[error("Schema not found")]
    NoSchema,
    #[error("Schema {id} not found")]
    NoSchemaWithId { id: u32 },
    #[error("Subject '{subject}' was soft deleted.Set permanent=true to delete permanently")]
    SubjectDeleted { subject: String },
    #[error("Subject '{subject}' was not deleted first before being permanently deleted")]
    SubjectNotDeleted { subject: String },
    #[error(
        "Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
    )]
    VersionDeleted { subject: String, version: u32 },
    #[error(
        "Subject '{subject}' Version {version} was not deleted first before being permanently deleted"
    )]
    VersionNotDeleted { subject: String, version: u32 },
    #[error("Subject '{subject}' does not have subject-level compatibility configured")]
    NoLevel { subject: String },
    #[error("Subject '{subject}' does not have subject-level mode configured")]
    NoMode { subject: String },
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
        .details.join(", ")
    )]
    Incompatible {
        subject: String,
        details: Vec<String>,
    },
    #[error("Invalid schema: {why}")]
    InvalidSchema { why: String },
    #[error(
        "The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    )]
    InvalidVersion { version: String },
    #[error(
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"
    )]
    InvalidLevel,
    #[error("Invalid mode. Valid values of this registry are READWRITE and READONLY")]
    InvalidMode,
    #[error("Subject {subject} is in read-only mode")]
    ReadOnly { subject: String },
    #[error("One or more references exist to the schema {{subject={subject},version={version}}}.")]
    Referenced { subject: String, version: u32 },
    #[error("The specified subject '{subject}' is not a valid.")]
    InvalidSubject { subject: String },
    #[error("Schema too large: it has {bytes} bytes, more than {SCHEMA_BYTES_MAX}")]
    SchemaTooLarge { bytes: usize },
}

impl Refusal {
    /// The `error_code` of the answer. The HTTP status is its first three digits.
    pub(super) fn code(&self) -> u32 {
        match self {
            Self::NotJson { .. } => 400,
            Self::NoSuchPath => 404,
            Self::MethodNotAllowed => 405,
            Self::Incompatible { .. } => 409,
            Self::BodyTooLarge => 413,
            Self::MediaType => 415,
            Self::Body { .. } => 422,
            Self::NoSubject { .. } => 40401,
            Self::NoVersion { .. } => 40402,
            Self::NoSchema | Self::NoSchemaWithId { .. } => 40403,
            Self::SubjectDeleted { .. } => 40404,
            Self::SubjectNotDeleted { .. } => 40405,
            Self::VersionDeleted { .. } => 40406,
            Self::VersionNotDeleted { .. } => 40407,
            Self::NoLevel { .. } => 40408,
            Self::NoMode { .. } => 40409,
            Self::InvalidSchema { .. } => 42201,
            Self::InvalidVersion { .. } => 42202,
            Self::InvalidLevel => 42203,
            Self::InvalidMode => 42204,
            Self::ReadOnly { .. } => 42205,
            Self::Referenced { .. } => 42206,
            Self::InvalidSubject { .. } => 42208,
            Self::SchemaTooLarge { .. } => 42209,
        }
    }
}
