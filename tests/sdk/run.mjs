// Runs the tests with a certificate authority of their own: Node reads NODE_EXTRA_CA_CERTS only when it starts, so
// the authority has to exist before the tests do.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "switchboard-sdk-"));
const file = (name) => join(folder, name);
const openssl = (...parameters) => {
  try {
    execFileSync("openssl", parameters, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    if (error.code === "ENOENT") throw new Error("openssl is missing: run `apt-get install openssl`");
    throw error;
  }
};
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

let status = 1;
try {
  openssl("req", "-x509", ...NEW_KEY, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-days", "2", "-subj", "/CN=Switchboard test authority");
  openssl("req", ...NEW_KEY, "-keyout", file("server.key"), "-out", file("server.csr"), "-subj", "/CN=localhost");
  writeFileSync(file("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n");
  openssl("x509", "-req", "-in", file("server.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", file("server.ext"), "-out", file("server.pem"));
  const tests = fileURLToPath(new URL("sdk.test.mjs", import.meta.url));
  ({ status } = spawnSync(process.execPath, ["--test", "--test-reporter", "spec", tests], {
    stdio: "inherit",
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: file("ca.pem"),
      TEST_TLS_CERT: file("server.pem"),
      TEST_TLS_KEY: file("server.key"),
    },
  }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status ?? 1;
