//! The publication: what of the outbox leaves the database.
//!
//! Invariant: only inserts of public rows of `outbox.event` go out, under the name of the table and
//! not of its partitions (`tests/suites/sql`). Updates, deletes and the truncate of the ring
//! ([`publish`](https://www.postgresql.org/docs/current/sql-createpublication.html)) stay inside,
//! so that retention can never reach Kafka, and the application's own repair of a row needs no
//! replica identity.

use outbox_contract::columns;
use tokio_postgres::{Client, Transaction};

use super::check::Finding;
use super::error::Error;

/// The statement that makes the publication.
pub(super) fn create(publication: &str) -> String {
    format!(
        "create publication {} for table {}.{}\n  ({})\n  where ({})\n  \
         with (publish = 'insert', publish_via_partition_root = true)",
        quote_identifier(publication),
        columns::SCHEMA,
        columns::TABLE,
        columns::PUBLISHED.join(", "),
        columns::PUBLIC,
    )
}

/// Makes the publication and says so; leaves one that exists as it is.
pub(super) async fn create_if_missing(
    client: &mut Client,
    publication: &str,
) -> Result<bool, Error> {
    let create_error = |source| Error::CreatePublication {
        publication: publication.to_owned(),
        source,
    };
    let transaction = super::begin_exclusive(client).await?;
    let exists = "select from pg_publication where pubname = $1";
    let found = transaction
        .query_opt(exists, &[&publication])
        .await
        .map_err(Error::ReadCatalog)?;
    if found.is_some() {
        return Ok(false);
    }
    transaction
        .batch_execute(&create(publication))
        .await
        .map_err(create_error)?;
    transaction.commit().await.map_err(create_error)?;
    Ok(true)
}

/// How the publication differs from what [`create`] makes.
pub(super) async fn differences(
    transaction: &Transaction<'_>,
    publication: &str,
) -> Result<Vec<Finding>, Error> {
    let options = "select pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot \
         from pg_publication where pubname = $1";
    let Some(options) = transaction
        .query_opt(options, &[&publication])
        .await
        .map_err(Error::ReadCatalog)?
    else {
        return Ok(vec![Finding::PublicationMissing {
            publication: publication.to_owned(),
        }]);
    };
    let tables = "select schemaname || '.' || tablename, attnames::text[], rowfilter \
         from pg_publication_tables where pubname = $1 order by 1";
    let tables = transaction
        .query(tables, &[&publication])
        .await
        .map_err(Error::ReadCatalog)?;
    let found = Definition {
        operations: ["insert", "update", "delete", "truncate"]
            .into_iter()
            .zip(0..)
            .filter_map(|(operation, column)| options.get::<_, bool>(column).then_some(operation))
            .collect(),
        via_root: options.get(4),
        tables: tables
            .iter()
            .map(|row| Table {
                name: row.get(0),
                columns: row.get(1),
                row_filter: row.get(2),
            })
            .collect(),
    };
    Ok(found.differences(publication))
}

/// What the catalog says about a publication.
struct Definition {
    operations: Vec<&'static str>,
    via_root: bool,
    tables: Vec<Table>,
}

struct Table {
    name: String,
    columns: Vec<String>,
    row_filter: Option<String>,
}

impl Definition {
    fn differences(&self, publication: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut compare = |aspect, expected: &str, found: String| {
            if expected != found {
                findings.push(Finding::PublicationDiffers {
                    publication: publication.to_owned(),
                    aspect,
                    expected: expected.to_owned(),
                    found: if found.is_empty() {
                        "none".to_owned()
                    } else {
                        found
                    },
                });
            }
        };
        compare("operations", "insert", self.operations.join(", "));
        compare(
            "publish_via_partition_root",
            "true",
            self.via_root.to_string(),
        );
        let names: Vec<&str> = self
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect();
        let outbox = format!("{}.{}", columns::SCHEMA, columns::TABLE);
        compare("tables", &outbox, names.join(", "));
        if let Some(table) = self.tables.iter().find(|table| table.name == outbox) {
            compare(
                "columns",
                &columns::PUBLISHED.join(", "),
                table.columns.join(", "),
            );
            let filter = table.row_filter.as_deref().unwrap_or("none");
            let filter = filter.trim_start_matches('(').trim_end_matches(')');
            compare("row filter", columns::PUBLIC, filter.to_owned());
        }
        findings
    }
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_created() -> Definition {
        Definition {
            operations: vec!["insert"],
            via_root: true,
            tables: vec![Table {
                name: "outbox.event".into(),
                columns: columns::PUBLISHED.map(str::to_owned).to_vec(),
                row_filter: Some("public".into()),
            }],
        }
    }

    fn aspects(definition: &Definition) -> Vec<&'static str> {
        let aspect = |finding| match finding {
            Finding::PublicationDiffers { aspect, .. } => aspect,
            other => panic!("{other}"),
        };
        definition
            .differences("postrider")
            .into_iter()
            .map(aspect)
            .collect()
    }

    #[test]
    fn a_name_with_quotes_stays_one_name() {
        let statement = create(r#"a"; drop table x; --"#);
        assert!(statement.starts_with(r#"create publication "a""; drop table x; --" for table"#));
    }

    #[test]
    fn the_publication_as_created_has_no_difference() {
        assert!(aspects(&as_created()).is_empty());
    }

    #[test]
    fn each_difference_is_named() {
        let mut definition = as_created();
        definition.operations.push("delete");
        assert_eq!(aspects(&definition), ["operations"]);

        let mut definition = as_created();
        definition.via_root = false;
        assert_eq!(aspects(&definition), ["publish_via_partition_root"]);

        let mut definition = as_created();
        definition.tables[0].columns.pop();
        definition.tables[0].row_filter = None;
        assert_eq!(aspects(&definition), ["columns", "row filter"]);

        let mut definition = as_created();
        definition.tables.clear();
        assert_eq!(aspects(&definition), ["tables"]);
    }
}
