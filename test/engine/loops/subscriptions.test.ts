import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Subscriptions } from "../../../src/engine/loops/subscriptions.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";
import { type ProbeState, probeState, probeTopic, probeType } from "../probe/probe-type.ts";

const probe = (name: string, createdAtMs = 0): ProbeState => probeState("x", { topic: probeTopic(name), createdAtMs });

describe("subscriptions", () => {
  it("want exactly the topics of open conversations, and pass on changes only", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ isOpening: fc.boolean(), name: fc.constantFrom("a", "b", "c") })), (steps) => {
        const told: ContentTopic[][] = [];
        const subscriptions = new Subscriptions((topics) => told.push([...topics]));
        subscriptions.start();
        const open: string[] = [];
        let changes = 1;
        for (const { isOpening, name } of steps) {
          const before = subscriptions.topics().length;
          if (isOpening) {
            open.push(name);
            subscriptions.opened(probeType, probe(name));
          } else if (open.includes(name)) {
            open.splice(open.indexOf(name), 1);
            subscriptions.closed(probeType, probe(name));
          }
          const wanted = [...new Set(open)].sort().map(probeTopic);
          assert.deepEqual(subscriptions.topics().sort(), wanted);
          if (wanted.length !== before) changes += 1;
          assert.equal(told.length, changes);
          assert.deepEqual(told.at(-1)?.toSorted(), wanted);
        }
      }),
    );
  });

  it("say nothing before the start, and then everything", () => {
    const told: number[] = [];
    const subscriptions = new Subscriptions((topics) => told.push(topics.length));
    subscriptions.opened(probeType, probe("a"));
    subscriptions.opened(probeType, probe("b"));
    assert.deepEqual(told, []);
    subscriptions.start();
    assert.deepEqual(told, [2]);
  });

  it("know since when a topic matters: its oldest conversation", () => {
    const subscriptions = new Subscriptions(() => {});
    subscriptions.opened(probeType, probe("a", 500));
    subscriptions.opened(probeType, probe("a", 300));
    subscriptions.opened(probeType, probe("a", 400));
    assert.equal(subscriptions.sinceMs(probeTopic("a")), 300);
    assert.equal(subscriptions.sinceMs(probeTopic("b")), undefined);
  });
});
