//! The jars of Cassandra, brought by Maven into the build folder once, and the Java that runs them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that `pom.xml` names.
const VERSION: &str = "5.0.6";

/// The folder with all jars.
pub(super) fn folder() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cassandra-{VERSION}"));
    let jars = place.join("jars");
    fs::create_dir_all(&place).expect("a folder for the jars");
    // Test binaries may run at the same time; one brings the jars, the others wait.
    let lock = File::create(place.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if !jars.exists() {
        let part = place.join("part");
        if part.exists() {
            fs::remove_dir_all(&part).expect("the leftovers are removed");
        }
        let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassandra/pom.xml");
        let output = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(pom)
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", part.display()))
            .output();
        let output = output.unwrap_or_else(|error| {
            panic!("tests on CQL need Maven ({error}): apt-get install maven openjdk-17-jre-headless, or set SWITCHBOARD_TEST_CQL=host:port")
        });
        assert!(
            output.status.success(),
            "Maven could not bring Cassandra {VERSION}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        fs::rename(part, &jars).expect("the jars in their place");
    }
    jars
}

/// The Java to use: `JAVA_HOME`'s, else that of the path. Cassandra 5 runs on 11 and 17.
pub(super) fn java() -> PathBuf {
    let java = match std::env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let need = "tests on CQL need Java 17: apt-get install openjdk-17-jre-headless, or set SWITCHBOARD_TEST_CQL=host:port";
    let output = Command::new(&java).arg("-version").output();
    let output = output.unwrap_or_else(|error| panic!("{need} ({}: {error})", java.display()));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("version \"17"), "{need} (found: {said})");
    // A bare name is looked for in the path; the tools beside it are wanted too.
    match java.is_absolute() {
        true => java,
        false => found_in_path(&java),
    }
}

fn found_in_path(program: &Path) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|place| place.exists());
    let found = found.and_then(|place| place.canonicalize().ok());
    found.unwrap_or_else(|| program.to_owned())
}
