/** People: contacts, and who asks to become one. */
import { z } from "zod";
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { contactJson, conversationJson } from "../views.ts";

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

export const requests = endpoint({
  id: "requests",
  summary: "Strangers who ask to talk",
  answer: z.strictObject({ requests: z.array(answers.conversation) }),
  handle: ({ engine }) => ({ requests: engine.people.requests().map(conversationJson) }),
});

export const accept = endpoint({
  id: "acceptRequest",
  summary: "Talk with who asked",
  params: schema.requestParams,
  answer: answers.conversation,
  handle: async ({ engine, params }) => conversationJson(await engine.people.decideRequest(params.request, true)),
});

export const reject = endpoint({
  id: "rejectRequest",
  summary: "Do not talk with who asked",
  params: schema.requestParams,
  answer: answers.conversation,
  handle: async ({ engine, params }) => conversationJson(await engine.people.decideRequest(params.request, false)),
});
