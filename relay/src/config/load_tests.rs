//! What a configuration may look like, and what is said of one that may not.

use super::*;

const COMPLETE: &str = r#"
    name = "orders"
    [postgres]
    url = "postgres://postrider@db.internal/orders"
    [kafka]
    bootstrap_servers = "kafka-1:9092"
    options.linger.ms = 5
    [registry]
    url = "http://registry:8081"
"#;

fn load_with(file: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postrider.toml");
    std::fs::write(&path, file).unwrap();
    let environment = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources {
        file: Some(path),
        environment: environment.collect(),
        ..Sources::default()
    };
    load(&sources, |_| Vec::new())
}

fn problems_of(result: Result<Config, Error>) -> Vec<String> {
    match result {
        Err(Error::Invalid(problems)) => problems.into_iter().map(|p| p.to_string()).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn the_example_is_a_configuration() {
    let example = include_str!("../../../deploy/postrider.example.toml");
    let all = example
        .replace("# tls.ca", "tls.ca")
        .replace("# sasl", "sasl");
    let all = all
        .replace("# [topics]", "[topics]")
        .replace("# user", "user");
    for (comment, key) in [("# create", "create"), ("# partitions", "partitions")] {
        assert!(all.contains(comment));
        load_with(&all.replace(comment, key), &[]).unwrap();
    }
    load_with(example, &[]).unwrap();
}

#[test]
fn the_variables_of_the_compose_file_are_a_configuration() {
    let compose = include_str!("../../../deploy/compose.yaml");
    let variables = compose.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        let value = value.trim_matches('"').to_owned();
        name.starts_with(ENVIRONMENT_PREFIX)
            .then(|| (name.to_owned(), value))
    });
    let sources = Sources {
        environment: variables.collect(),
        ..Sources::default()
    };
    let config = load(&sources, |_| Vec::new()).unwrap();
    assert!(config.topics.create);
}

#[test]
fn the_whole_of_a_working_configuration_is_short() {
    let config = load_with(COMPLETE, &[]).unwrap();
    assert_eq!(config.replication_slot(), "postrider_orders");
    assert_eq!(config.postgres.publication, "postrider");
    assert_eq!(config.kafka.options["linger.ms"], "5");
    assert_eq!(config.batch.bytes_max, super::super::ByteSize::mebibytes(8));
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = load_with(
        COMPLETE,
        &[
            ("POSTRIDER__KAFKA__BOOTSTRAP_SERVERS", "other:9092"),
            ("POSTRIDER__NAME", "billing"),
            ("POSTRIDER_PORT", "tcp://10.0.0.1:9670"),
        ],
    )
    .unwrap();
    assert_eq!(config.kafka.bootstrap_servers, "other:9092");
    assert_eq!(config.name.as_str(), "billing");
}

#[test]
fn every_problem_is_reported_at_once() {
    let problems = problems_of(load_with(
        r#"
        name = "Orders!"
        colour = "red"
        [postgres]
        slots = "x"
        [kafka]
        bootstrap_servers = 7
        [batch]
        bytes_max = "many"
        "#,
        &[],
    ));
    for key in [
        "name",
        "colour",
        "postgres.slots",
        "kafka.bootstrap_servers",
    ] {
        assert_eq!(
            problems
                .iter()
                .filter(|p| p.starts_with(&format!("{key}:")))
                .count(),
            1,
            "{key} in {problems:#?}"
        );
    }
    for key in [
        "postgres.url: is missing",
        "registry: is missing",
        "batch.bytes_max: \"many\"",
    ] {
        assert!(
            problems.iter().any(|p| p.starts_with(key)),
            "{key} in {problems:#?}"
        );
    }
}

#[test]
fn a_variable_is_expanded_after_parsing() {
    let file = COMPLETE.replace("http://registry:8081", "http://${HOST}:8081");
    let config = load_with(&file, &[("HOST", "a\"b")]).unwrap();
    assert_eq!(config.registry.url, "http://a\"b:8081");
    let problems = problems_of(load_with(&file, &[]));
    assert_eq!(
        problems,
        ["registry.url: refers to ${HOST}, which the environment does not set"]
    );
}

#[test]
fn a_line_that_is_no_toml_is_named_and_not_shown() {
    for url in [
        "\"postgres://me:canary@db/orders",
        "postgres://me:canary@db/orders",
        "'postgres://me:canary@db/orders' canary",
        "\"postgres://me:\\canary@db/orders\"",
    ] {
        let file = format!("name = \"orders\"\npostgres.url = {url}\n");
        let error = load_with(&file, &[]).unwrap_err();
        let shown = format!("{} {error:?}", crate::error::Chain(&error));
        assert!(
            shown.contains("is not valid TOML: line 2, column "),
            "{shown}"
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_value_of_the_wrong_type_does_not_show() {
    let file = COMPLETE.replace("\"http://registry:8081\"", "\"x\"\npassword = 12345");
    let problems = problems_of(load_with(&file, &[]));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(!problems[0].contains("12345"), "{problems:#?}");
}
