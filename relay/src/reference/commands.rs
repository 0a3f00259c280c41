//! The command line, from the parser itself.

use std::fmt::Write as _;

use clap::Command;

/// The help of every command.
pub(super) fn page(program: Command) -> String {
    let mut program = program.term_width(100);
    program.build();
    let mut page = String::from(
        "# Commands\n\nMade from `postrider --help` by `postrider reference commands`. Data goes to \
         stdout, everything else to stderr.\n",
    );
    write(&mut page, &mut program);
    page
}

fn write(page: &mut String, command: &mut Command) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    let help = lines.join("\n");
    write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end()).expect("a string takes all");
    for inner in command.get_subcommands_mut() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            write(page, inner);
        }
    }
}
