//! libpq's environment variables
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>).

use std::collections::BTreeMap;

use crate::percent;

/// The variables that say where and as whom, with the URL's parameter of each.
const VARIABLES: [(&str, &str); 11] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGOPTIONS", "options"),
];

/// The URL that `environment` stands for; `None` unless it names a host, a user or a database. A
/// [`super::Target`] must name a user, so without `PGUSER` the URL is refused when it is read.
pub fn url_from_variables(environment: &BTreeMap<String, String>) -> Option<String> {
    let names_a_place = ["PGHOST", "PGUSER", "PGDATABASE"]
        .iter()
        .any(|name| environment.contains_key(*name));
    let parameters: Vec<String> = VARIABLES
        .iter()
        .filter_map(|(variable, parameter)| {
            let value = environment.get(*variable)?;
            Some(format!("{parameter}={}", percent::encode(value)))
        })
        .collect();
    names_a_place.then(|| format!("postgres://?{}", parameters.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Target;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_variables_of_psql_lead_where_they_lead_psql() {
        let variables = environment(&[
            ("PGHOST", "db-1,db-2"),
            ("PGPORT", "5433"),
            ("PGUSER", "shop owner"),
            ("PGPASSWORD", "a&b=c@d"),
            ("PGDATABASE", "orders"),
        ]);
        let url = url_from_variables(&variables).expect("a host is named");
        let target: Target = url.parse().expect("the URL is valid");
        assert_eq!(
            target.to_string(),
            "postgres://shop%20owner@db-1:5433,db-2:5433/orders?sslmode=prefer"
        );
        assert_eq!(target.password().as_deref(), Some("a&b=c@d"));
    }

    #[test]
    fn a_port_alone_is_no_place() {
        assert_eq!(
            url_from_variables(&environment(&[("PGPORT", "5433")])),
            None
        );
    }
}
