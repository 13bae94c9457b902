// Goal: umbrad debug decode explains real envelopes in every form, and refuses everything else with a reason. Method: the
// real command on envelopes of the encoder, and on bytes that are none.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { encodeEnvelope } from "../../src/wire/envelope.ts";
import type { Hint } from "../../src/wire/ids.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

const HINT = "0123456789abcdef".repeat(4) as Hint;

test("an envelope as bytes, hex and base64, from a file and from stdin", async (t) => {
  const directory = await temporaryDirectory(t);
  const bytes = new Uint8Array(100).fill(7);
  const envelope = encodeEnvelope({ hint: HINT, salt: 77, encryptedBytes: { member: "encrypted_bytes", bytes } });
  const fields = { bytes: envelope.length, hint: HINT, salt: 77, scheme: "encrypted_bytes", encryptedBytes: 100 };
  const forms: [string, Uint8Array | string][] = [
    ["bytes", envelope],
    ["hex", `${Buffer.from(envelope).toString("hex")}\n`],
    ["base64", `${Buffer.from(envelope).toString("base64")}\n`],
    ["base64", Buffer.from(envelope).toString("base64url")],
  ];
  for (const [form, stdin] of forms) {
    const result = await umbrad(t, ["debug", "decode", "-", "--json"], { stdin });
    assert.deepEqual(JSON.parse(result.stdout), { form, ...fields }, result.stderr);
  }
  const file = join(directory, "envelope");
  await writeFile(file, envelope);
  const text = await umbrad(t, ["debug", "decode", file]);
  assert.match(text.stdout, /^hint +[0-9a-f]+$/m);
  assert.match(text.stdout, /^encrypted +100 bytes$/m);
});

test("what an inbox gets shows its ephemeral key and which prekey it is for", async (t) => {
  const encryptedBytes = {
    member: "ecies",
    bytes: new Uint8Array(40),
    ephemeralPublic: new Uint8Array(32).fill(1),
    tag: new Uint8Array(16),
    keyRef: new Uint8Array(4).fill(2),
  } as const;
  const stdin = encodeEnvelope({ hint: HINT, salt: 0, encryptedBytes });
  const { stdout } = await umbrad(t, ["debug", "decode", "-"], { stdin });
  assert.match(stdout, /^ephemeral key +(01){32}$/m);
  assert.match(stdout, /^key reference +(02){4}$/m);
});

test("anything else is refused with a reason and exit code 65, or 66 for a file that is not there", async (t) => {
  for (const stdin of ["", "not an envelope", "00", Buffer.alloc(1_000, 0xff), "zz\u0000"]) {
    const { code, stdout, stderr } = await umbrad(t, ["debug", "decode", "-"], { stdin });
    assert.deepEqual([code, stdout], [65, ""], stderr);
    assert.match(stderr, /no envelope of umbrad: (badly-formed|unsupported), .+\n {2}next: /);
  }
  const large = await umbrad(t, ["debug", "decode", "-"], { stdin: Buffer.alloc(400_000) });
  assert.equal(large.code, 65);
  assert.equal((await umbrad(t, ["debug", "decode", "/nonexistent/file"])).code, 66);
});
