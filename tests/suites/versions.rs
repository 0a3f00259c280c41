//! PostgreSQL 16 to 18, fetched through Maven. Every other test runs on the one that is installed.

use anyhow::Result;
use e2e::{Scenario, own_stack_of};
use postrider::local::Release;

use crate::outages::survive;

/// The schema is the same there, and a relay keeps its promise whatever goes away.
async fn works_with(release: Release) -> Result<()> {
    let stack = own_stack_of(release).await?;
    let scenario = Scenario::on(&stack, "versions").await?;
    scenario.init().await?;
    scenario.command(&["migrate", "--check"])?.succeed().await?;
    scenario.command(&["check"])?.succeed().await?;
    survive(stack).await
}

#[tokio::test]
async fn a_relay_works_with_postgresql_16() -> Result<()> {
    works_with(Release::V16).await
}

#[tokio::test]
async fn a_relay_works_with_postgresql_17() -> Result<()> {
    works_with(Release::V17).await
}

#[tokio::test]
async fn a_relay_works_with_postgresql_18() -> Result<()> {
    works_with(Release::V18).await
}
