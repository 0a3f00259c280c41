//! What URLs mean.

use std::io::Write as _;

use super::*;

fn target(url: &str) -> Target {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn problems(url: &str) -> Vec<String> {
    url.parse::<Target>()
        .expect_err("the URL is wrong")
        .problems
}

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp {
        name: name.to_owned(),
        port,
    }
}

#[test]
fn a_short_url_gets_the_defaults() {
    let target = target("postgres://anna@");
    assert_eq!(target.hosts(), [tcp("localhost", 5432)]);
    assert_eq!((target.user(), target.database()), ("anna", "anna"));
    assert_eq!(target.sslmode(), SslMode::Prefer);
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(target.application_name, "postrider");
}

#[test]
fn every_part_of_a_url_is_read() {
    let target = target(
        "postgresql://a%40b:p%3Aw%2F@one:1,[::1]:2,three/my%20db?sslmode=verify-full&sslrootcert=/ca.pem\
         &sslcert=/c.pem&sslkey=/k.pem&connect_timeout=0&options=-c%20geqo%3Doff&application_name=x\
         &channel_binding=require&target_session_attrs=read-write",
    );
    assert_eq!(
        target.hosts(),
        [tcp("one", 1), tcp("::1", 2), tcp("three", 5432)]
    );
    assert_eq!((target.user(), target.database()), ("a@b", "my db"));
    assert_eq!(target.password().as_deref(), Some("p:w/"));
    assert_eq!(target.sslmode(), SslMode::VerifyFull);
    assert_eq!(target.sslrootcert, Some(PathBuf::from("/ca.pem")));
    assert_eq!(target.connect_timeout, None);
    assert_eq!(target.options.as_deref(), Some("-c geqo=off"));
    assert_eq!(target.channel_binding, ChannelBinding::Require);
}

#[test]
fn a_socket_folder_can_stand_in_either_place() {
    let expected = [Host::Unix {
        directory: PathBuf::from("/run/pg"),
        port: 6000,
    }];
    assert_eq!(target("postgres://a@%2Frun%2Fpg:6000/db").hosts(), expected);
    assert_eq!(
        target("postgres://a@/db?host=/run/pg&port=6000").hosts(),
        expected
    );
}

#[test]
fn one_port_serves_all_hosts() {
    let target = target("postgres:///db?user=a&host=one,two&port=6000");
    assert_eq!(target.hosts(), [tcp("one", 6000), tcp("two", 6000)]);
}

#[test]
fn every_problem_is_reported_at_once() {
    let problems = problems(
        "postgres://one:x,two:0/%zz?sslmode=maybe&connect_timeout=soon&colour=red&sslcert=/c.pem",
    );
    assert_eq!(problems.len(), 8, "{problems:#?}");
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("a parameter is not known")),
        "{problems:#?}"
    );
}

#[test]
fn the_system_store_means_the_full_check() {
    assert_eq!(
        target("postgres://a@b?sslrootcert=system").sslmode(),
        SslMode::VerifyFull
    );
    assert_eq!(
        problems("postgres://a@b?sslrootcert=system&sslmode=require").len(),
        1
    );
}

#[test]
fn the_password_is_the_one_that_the_file_holds_now_and_the_last_one_while_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let url = target("postgres://u:first@host/db");
    assert!(url.clone().with_password_file(&path).is_err());
    std::fs::write(&path, "second\n").unwrap();
    let target = url.with_password_file(&path).unwrap();
    std::fs::write(&path, "third\n").unwrap();
    assert_eq!(target.password().as_deref(), Some("third"));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(target.password().as_deref(), Some("second"));
}

#[test]
fn the_password_is_never_shown() {
    for url in [
        "postgres://u:secret@host/db",
        "postgres://u@host/db?password=secret",
        "postgres://u:x@secret@host/db",
    ] {
        let target = target(url);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"secret").unwrap();
        let with_file = target.clone().with_password_file(file.path()).unwrap();
        let shown = format!("{target} {target:?} {with_file:#?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    for url in [
        "postgres://u:x/secret@host/db",
        "postgres://u:x?secret@host/db",
        "postgres://u:x?secret=1@host/db",
        "postgres://u:x%secret@host/db",
        "postgres://host:secret/db",
        "postgres://u@host/db?password=secret%",
        "secret",
    ] {
        let shown = url
            .parse::<Target>()
            .expect_err("the URL is wrong")
            .to_string();
        assert!(!shown.contains("secret"), "{url} gave {shown}");
    }
}
