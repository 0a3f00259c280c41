//! Where an operator reads on: every reason has an entry in `deploy/runbook.md`.

/// The runbook, from the root of the repository.
const FILE: &str = "deploy/runbook.md";

/// Where the runbook says what to do about a failure with this [`reason`](super::Classify::reason).
///
/// Invariant: the entry is there
/// (`tests::every_reason_has_an_entry_in_the_runbook_and_every_entry_a_reason`).
pub fn runbook(reason: &str) -> String {
    format!("{FILE}#{reason}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    const CRATE: &str = env!("CARGO_MANIFEST_DIR");

    fn text() -> String {
        fs::read_to_string(Path::new(CRATE).join("..").join(FILE)).unwrap()
    }

    /// Every Rust source of this crate.
    fn sources(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.extension() {
                _ if path.is_dir() => sources(&path),
                Some(extension) if extension == "rs" => vec![fs::read_to_string(&path).unwrap()],
                _ => Vec::new(),
            })
            .collect()
    }

    /// The bodies of `reason` in one source, as rustfmt indents them.
    fn bodies(source: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            let signature = line.trim_start();
            if signature.starts_with("fn reason(&self)") && signature.ends_with('{') {
                let end = format!("{}}}", &line[..line.len() - signature.len()]);
                bodies.push(lines.by_ref().take_while(|line| *line != end).collect());
            }
        }
        bodies
    }

    /// What the implementations of `Classify` can answer: the texts in the bodies of `reason`.
    fn reasons() -> BTreeSet<String> {
        let sources = sources(&Path::new(CRATE).join("src"));
        let is_implementation = |line: &&str| line.starts_with("impl Classify for ");
        let implementations: usize = sources
            .iter()
            .map(|source| source.lines().filter(is_implementation).count())
            .sum();
        let bodies: Vec<_> = sources.iter().flat_map(|source| bodies(source)).collect();
        assert!(implementations > 0);
        assert_eq!(bodies.len(), implementations, "each has a body");
        let quoted = |body: &String| -> Vec<String> {
            let texts = body.split('"').skip(1).step_by(2).map(str::to_owned);
            let texts: Vec<_> = texts.collect();
            // One that has a name would escape, and so would one that is put together.
            let spelled = texts.len() + body.matches(".reason()").count();
            let arms = body.matches("=>").count().max(1);
            assert!(
                spelled >= arms,
                "spell each reason where it is given: {body}"
            );
            texts
        };
        bodies.iter().flat_map(quoted).collect()
    }

    /// The texts between `before` and `after`.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split(after).next())
            .collect()
    }

    #[test]
    fn every_reason_has_an_entry_in_the_runbook_and_every_entry_a_reason() {
        let (text, reasons) = (text(), reasons());
        let anchors = between(&text, "<a id=\"", "\"></a>");
        let entries: BTreeSet<_> = anchors.iter().map(|entry| (*entry).to_owned()).collect();
        assert_eq!(anchors.len(), entries.len(), "one entry for each");
        let missing: Vec<_> = reasons.difference(&entries).collect();
        assert!(missing.is_empty(), "{FILE} lacks {missing:?}");
        let unknown: Vec<_> = entries.difference(&reasons).collect();
        assert!(unknown.is_empty(), "{FILE} names {unknown:?}");
        for reason in reasons {
            let entry = format!("<a id=\"{reason}\"></a>`{reason}`");
            assert!(
                text.contains(&entry),
                "the anchor and the name differ: {reason}"
            );
        }
    }

    #[test]
    fn every_link_within_the_runbook_leads_somewhere() {
        let text = text();
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let slug = |heading: &str| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        };
        let headings: BTreeSet<_> = headings.map(slug).collect();
        let entries = between(&text, "<a id=\"", "\"></a>");
        for link in between(&text, "](#", ")") {
            let is_there = headings.contains(link) || entries.contains(&link);
            assert!(is_there, "{FILE} has no {link:?}");
        }
    }
}
