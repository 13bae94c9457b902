/** People: contacts, and who asks to become one. */
import { z } from "zod";
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import { safetyNumber as safetyNumberAnswer } from "../contact/answer.ts";
import { computeSafetyNumber } from "../contact/safety-number.ts";
import * as schema from "../schema.ts";
import { contactJson, conversationJson, type SafetyNumberJson } from "../views.ts";

export const list = endpoint({
  id: "contacts",
  summary: "Everybody whom conversations are with",
  answer: z.strictObject({ contacts: z.array(answers.contact) }),
  handle: ({ engine }) => ({ contacts: engine.people.contacts().map(contactJson) }),
});

export const show = endpoint({
  id: "contact",
  summary: "One contact, by name, address or conversation",
  params: schema.contactParams,
  answer: answers.contact,
  handle: ({ engine, params }) => contactJson(engine.people.findContact(params.contact)),
});

export const rename = endpoint({
  id: "renameContact",
  summary: "Call a contact something; told to nobody",
  params: schema.contactParams,
  body: schema.nameBody,
  answer: answers.contact,
  handle: async ({ engine, params, body }) => contactJson(await engine.people.renameContact(params.contact, body.name)),
});

export const block = endpoint({
  id: "blockContact",
  summary: "Read and answer nothing of a contact any more",
  params: schema.contactParams,
  answer: answers.contact,
  handle: async ({ engine, params }) => contactJson(await engine.people.blockContact(params.contact, true)),
});

export const unblock = endpoint({
  id: "unblockContact",
  summary: "Take a contact back",
  params: schema.contactParams,
  answer: answers.contact,
  handle: async ({ engine, params }) => contactJson(await engine.people.blockContact(params.contact, false)),
});

export const safetyNumber = endpoint({
  id: "safetyNumber",
  summary: "What the two people compare to know that nobody stands between them",
  params: schema.contactParams,
  answer: safetyNumberAnswer,
  handle: ({ engine, params }) => safetyNumberOf(engine, params.contact),
});

export const verify = endpoint({
  id: "verifyContact",
  summary: "Keep that the safety numbers were compared; refused when the given one is another",
  params: schema.contactParams,
  body: schema.verifyBody,
  answer: safetyNumberAnswer,
  handle: async ({ engine, params, body }) => {
    const expected = safetyNumberOf(engine, params.contact);
    if (body.safetyNumber !== expected.safetyNumber) throw differs();
    // By the address: the words may have come to mean somebody else.
    await engine.people.verifyContact(expected.address, true);
    return safetyNumberOf(engine, expected.address);
  },
});

export const unverify = endpoint({
  id: "unverifyContact",
  summary: "Forget that the safety numbers were compared",
  params: schema.contactParams,
  answer: safetyNumberAnswer,
  handle: async ({ engine, params }) => {
    const { address } = await engine.people.verifyContact(params.contact, false);
    return safetyNumberOf(engine, address);
  },
});

function safetyNumberOf(engine: EngineApi, words: string): SafetyNumberJson {
  const { address, name, isVerified: verified } = engine.people.findContact(words);
  return { address, name, safetyNumber: computeSafetyNumber(engine.status().clientAddress, address), verified };
}

function differs(): UmbradError {
  return new UmbradError("contact/number-differs", "this is not the safety number of you and this contact", {
    hint: "compare it again, digit by digit; if it stays different, the address you have is not theirs: ask for a new link",
  });
}

export const requests = endpoint({
  id: "requests",
  summary: "Strangers who ask to talk",
  answer: z.strictObject({ requests: z.array(answers.conversation) }),
  handle: ({ engine }) => ({ requests: engine.people.requests().map((view) => conversationJson(view, engine)) }),
});

export const accept = endpoint({
  id: "acceptRequest",
  summary: "Talk with who asked",
  params: schema.requestParams,
  answer: answers.conversation,
  handle: async ({ engine, params }) =>
    conversationJson(await engine.people.decideRequest(params.request, true), engine),
});

export const reject = endpoint({
  id: "rejectRequest",
  summary: "Do not talk with who asked",
  params: schema.requestParams,
  answer: answers.conversation,
  handle: async ({ engine, params }) =>
    conversationJson(await engine.people.decideRequest(params.request, false), engine),
});
