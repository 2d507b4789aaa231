//! A full disk: appends fail with a retryable error, reads go on, and room is all it takes to go on.

use std::process::Command;

use crate::child::{Role, command, lines};

#[test]
fn on_a_full_disk_appends_are_refused_and_reads_go_on() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let place = folder.path().to_str().expect("a plain path");
    // A mount namespace of its own: nothing to unmount, and no root needed where user namespaces are allowed.
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let mount = format!("mount -t tmpfs -o size=256m tmpfs {place} && exec \"$0\" \"$@\"");
    let can = Command::new(unshare[0]).args(&unshare[1..]).args(["sh", "-c", &mount, "true"]).output();
    assert!(
        can.as_ref().is_ok_and(|output| output.status.success()),
        "this test needs a small tmpfs in a mount namespace: run it as root, or allow user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1), and install util-linux and mount: {can:?}"
    );
    let wrapper: Vec<&str> = unshare.into_iter().chain(["sh", "-c", &mount]).collect();
    let mut child = command(&wrapper, Role::Fill, folder.path()).spawn().expect("a child");
    let said: Vec<String> = lines(&mut child).collect();
    assert!(child.wait().expect("its end").success(), "{said:#?}");
    for word in ["full ", "read ", "reopened", "again "] {
        assert_eq!(said.iter().filter(|line| line.starts_with(word)).count(), 1, "{word}: {said:#?}");
    }
    let full = said.iter().find(|line| line.starts_with("full ")).expect("it became full");
    assert!(full.contains("free some space"), "{full}");
}
