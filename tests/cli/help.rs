use super::Operator;

const COMMANDS: [&[&str]; 12] = [
    &[],
    &["serve"],
    &["migrate"],
    &["token"],
    &["token", "create"],
    &["token", "list"],
    &["token", "revoke"],
    &["license"],
    &["license", "create"],
    &["license", "show"],
    &["license", "set"],
    &["check-config"],
];

#[test]
fn every_command_explains_itself() {
    let operator = Operator::new();
    for command in COMMANDS {
        let help = operator.ok(&[command, &["--help"]].concat());
        assert!(help.contains("Usage: switchboard"), "{command:?}: {help}");
        let too_long: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(too_long.is_empty(), "{command:?}: {too_long:?}");
    }
}

#[test]
fn examples_are_lines_that_can_be_typed() {
    let operator = Operator::new();
    for command in COMMANDS {
        let help = operator.ok(&[command, &["--help"]].concat());
        let Some((_, examples)) = help.split_once("Examples:\n") else {
            assert!(matches!(command.last(), Some(&("list" | "show"))), "{command:?} has no examples");
            continue;
        };
        for example in examples.lines() {
            assert!(
                example.starts_with("  switchboard") || example.starts_with("  SWITCHBOARD_"),
                "{example}"
            );
        }
    }
}

#[test]
fn the_version_is_shown() {
    assert!(Operator::new().ok(&["--version"]).starts_with("switchboard 0."));
}

#[test]
fn unknown_commands_are_refused() {
    let done = Operator::new().run(&["serv"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("serve"), "{}", done.err);
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let done = Operator::new().run(&["migrate", "--cql-contact-points", "127.0.0.1:1"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("cannot be reached at 127.0.0.1:1"), "{}", done.err);
}
