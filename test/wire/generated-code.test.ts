/** The committed protobuf code is what the proto files give, and writes what the profile says about defaults and order. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../../src/crypto/bytes.ts";
import { umbra } from "../../src/wire/gen/umbra.js";

test("src/wire/gen is current", () => {
  const script = join(import.meta.dirname, "..", "..", "scripts", "generate.ts");
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("defaults are omitted and fields ascend", () => {
  const frame = umbra.v1.PrivateV1Frame.encode({
    content: new Uint8Array(0),
    timestamp: 0,
    conversationId: "",
  }).finish();
  // A oneof member is present even when empty.
  assert.equal(toHex(frame), "5200");
  const bundle = umbra.v1.ContactBundleBody.encode({
    inboxAddress: "b",
    multiUse: true,
    prekey: Uint8Array.of(1),
  }).finish();
  assert.equal(toHex(bundle), "1a010120014201" + "62");
});
