// Goal: what a page shows is what happens, when its reader begins with nothing. Method: type each page that shows commands
// and does not go on from README.md into a directory of its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, pages, textOf } from "./blocks.ts";
import { Values } from "./expected.ts";
import { goOnFromFirstSteps } from "./pages.ts";
import { Terminals } from "./terminal.ts";
import { missingProgram, typePage } from "./type-page.ts";

const alone = pages
  .filter((page) => page !== "README.md" && !goOnFromFirstSteps.includes(page))
  .filter((page) => blocksOf(textOf(page)).some(({ language }) => language === "console"));

for (const page of alone) {
  test(page, async (t) => {
    const missing = missingProgram(textOf(page));
    if (missing !== undefined) return t.diagnostic(`${missing} is not on this machine: the page is not typed`);
    const terminals = new Terminals(t);
    assert.ok((await typePage(page, textOf(page), terminals, new Values())) > 0);
    assert.deepEqual(await terminals.interrupt(), []);
  });
}
