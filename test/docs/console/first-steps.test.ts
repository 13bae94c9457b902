// Goal: what README.md's first steps show is what happens, and so is what those pages show that go on from them. Method:
// type README.md, then each of these pages, in the same directory, while the two daemons and their network run on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "./blocks.ts";
import { Values } from "./expected.ts";
import { goOnFromFirstSteps } from "./pages.ts";
import { Terminals } from "./terminal.ts";
import { missingProgram, typePage } from "./type-page.ts";

test("README.md, and the pages that go on from its first steps", async (t) => {
  const terminals = new Terminals(t);
  const values = new Values();
  await t.test("README.md", async () => {
    assert.ok((await typePage("README.md", textOf("README.md"), terminals, values)) > 5);
  });
  for (const page of goOnFromFirstSteps) {
    await t.test(page, async (t) => {
      const missing = missingProgram(textOf(page));
      if (missing !== undefined) return t.diagnostic(`${missing} is not on this machine: the page is not typed`);
      assert.ok((await typePage(page, textOf(page), terminals, new Values(values))) > 0, "nothing is typed");
    });
  }
  assert.deepEqual(await terminals.interrupt(), []);
});
