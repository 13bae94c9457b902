// Goal: what SECURITY.md says of an installation. Method: read package.json, the lockfile and npm's settings.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly scripts: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "..", "..");
const read = (name: string): string => readFileSync(join(root, name), "utf8");
const manifest: Manifest = JSON.parse(read("package.json"));
const lock: { packages: Record<string, Locked> } = JSON.parse(read("package-lock.json"));
const locked = Object.entries(lock.packages).filter(([path]) => path !== "");

test("every package is checked against the lockfile, wherever it comes from", () => {
  assert.ok(locked.length > 100);
  for (const [path, { integrity, resolved, link }] of locked) {
    assert.match(integrity ?? "", /^sha512-[\w+/]{86}==$/, path);
    assert.equal(resolved ?? link, undefined, `${path} names a place`);
  }
  assert.match(read(".npmrc"), /^omit-lockfile-registry-resolved=true$/m);
  assert.doesNotMatch(read(".npmrc"), /registry=|_auth/);
});

test("one package runs a script, and none of those that a service runs with", () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(
    scripted.map(([path, { dev }]) => [path, dev]),
    [["node_modules/node", true]],
  );
  assert.deepEqual(manifest.allowScripts, { node: true });
  for (const name of ["preinstall", "install", "postinstall"]) assert.equal(manifest.scripts[name], undefined);
  assert.match(read("Dockerfile"), /^RUN npm ci --ignore-scripts$/m);
});

test("dependencies have exact versions", () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  for (const [name, version] of versions) assert.match(version, /^\d+\.\d+\.\d+$/, name);
});
