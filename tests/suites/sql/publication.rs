//! EVT-07 and the publication: exactly the committed public rows leave the database.

use super::{PUBLICATION, database, one};
use postrider::migrate::{Finding, check};

fn contains(message: &[u8], text: &str) -> bool {
    message
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The messages of one kind: `I` insert, `T` truncate, `R` relation
/// (<https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>).
fn of_kind(messages: &[Vec<u8>], kind: u8) -> Vec<&[u8]> {
    messages
        .iter()
        .map(Vec::as_slice)
        .filter(|message| message[0] == kind)
        .collect()
}

#[tokio::test]
async fn committed_public_rows_come_out_and_nothing_else() {
    let database = database().await;
    let slot = database.slot().await;
    let client = database.superuser().await;
    // Each by itself: several in one message are one transaction.
    let statements = [
        "select outbox.emit('x', 'a', 'a-public-row', '{\"n\": 1}')",
        "select outbox.emit('x', 'a', 'a-private-row', '{\"n\": 2}', public => false)",
        "begin; select outbox.emit('x', 'a', 'a-rolled-back-row', '{\"n\": 3}'); rollback",
        "select outbox.canary()",
        "update outbox.event set key = 'an-updated-row'",
        "delete from outbox.event where aggregate_id = 'a-public-row'",
        "do $$ begin
           for ring in 0..7 loop execute format('truncate outbox.event_%s', ring); end loop;
         end $$",
        "select outbox.emit('x', 'a', 'a-last-row', '{\"n\": 4}')",
    ];
    for statement in statements {
        client.batch_execute(statement).await.expect(statement);
    }

    let messages = slot.take().await;
    let inserts = of_kind(&messages, b'I');
    let expected = ["a-public-row", "postrider.canary", "a-last-row"];
    assert_eq!(inserts.len(), expected.len());
    for (insert, expected) in inserts.iter().zip(expected) {
        assert!(contains(insert, expected), "{expected}");
    }
    for kind in [b'U', b'D', b'T'] {
        assert!(of_kind(&messages, kind).is_empty(), "{}", char::from(kind));
    }

    let query = "select 'outbox.event'::regclass::oid";
    let root: u32 = one(&client, query).await.get(0);
    for insert in inserts {
        assert_eq!(
            insert[1..5],
            root.to_be_bytes(),
            "it names the table, not the partition"
        );
    }
}

#[tokio::test]
async fn the_relation_has_the_published_columns_in_order() {
    let database = database().await;
    let slot = database.slot().await;
    one(&database.superuser().await, "select outbox.canary()").await;
    let messages = slot.take().await;
    let relation = of_kind(&messages, b'R')[0];
    assert!(contains(relation, "outbox\0event\0"));
    let mut rest = relation;
    for column in outbox_contract::columns::PUBLISHED {
        let name = format!("{column}\0");
        let position = rest
            .windows(name.len())
            .position(|window| window == name.as_bytes());
        rest = &rest[position.unwrap_or_else(|| panic!("{column} is missing or out of order"))..];
    }
    for column in ["seq\0", "xid\0", "ring\0", "public\0"] {
        assert!(!contains(relation, column), "{column}");
    }
}

#[tokio::test]
async fn a_changed_publication_is_found() {
    let database = database().await;
    let mut owner = database.owner().await;
    assert_eq!(check(&mut owner, PUBLICATION).await.expect("checked"), []);
    let changes = [
        (
            "alter publication postrider set (publish = 'insert, delete')",
            "operations",
        ),
        (
            // PostgreSQL refuses this for a partitioned table with a column list or a row filter.
            "alter publication postrider set table outbox.event; \
             alter publication postrider set (publish_via_partition_root = false)",
            "publish_via_partition_root",
        ),
        (
            "alter publication postrider set table outbox.event where (public)",
            "columns",
        ),
        (
            "alter publication postrider set table outbox.event (id)",
            "row filter",
        ),
        (
            "alter publication postrider add table outbox.slot",
            "tables",
        ),
        (
            "alter publication postrider drop table outbox.event",
            "tables",
        ),
    ];
    for (change, expected) in changes {
        owner
            .batch_execute("drop publication postrider")
            .await
            .expect("dropped");
        super::migrate_database(&mut owner, PUBLICATION)
            .await
            .expect("made again");
        owner.batch_execute(change).await.expect(change);
        let findings = check(&mut owner, PUBLICATION).await.expect("checked");
        let found = findings.iter().any(|finding| {
            matches!(finding, Finding::PublicationDiffers { aspect, .. } if *aspect == expected)
        });
        assert!(found, "{change}: {findings:?}");
    }
    owner
        .batch_execute("drop publication postrider")
        .await
        .expect("dropped");
    let findings = check(&mut owner, PUBLICATION).await.expect("checked");
    assert_eq!(
        findings,
        [Finding::PublicationMissing {
            publication: PUBLICATION.into()
        }]
    );
}
