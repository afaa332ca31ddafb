import {
  Agent, createTool, getFile, listMessages, listUIMessages, mockModel, storeFile, syncStreams, vStreamArgs,
} from "@convex-dev/agent";
import { stepCountIs } from "ai";
import { paginationOptsValidator } from "convex/server";
import { v } from "convex/values";
import { z } from "zod/v4";
import { components, internal } from "./_generated/api";
import { action, internalAction, internalQuery, mutation, query } from "./_generated/server";

type Steps = NonNullable<NonNullable<Parameters<typeof mockModel>[0]>["contentSteps"]>;

const roomsFree = createTool({
  description: "How many rooms of a hotel are free",
  inputSchema: z.object({ hotel: z.string() }),
  execute: async (ctx, { hotel }): Promise<{ free: number; for: string | undefined }> => {
    if (hotel === "Nowhere") throw new Error("no such hotel");
    return { free: await ctx.runQuery(internal.agents.freeRooms, { hotel }), for: ctx.userId };
  },
});

/** An agent whose model says what the steps say. */
function agentOf(contentSteps: Steps, options: Parameters<typeof mockModel>[0] = {}) {
  const model = mockModel({ contentSteps, ...options });
  const agent = new Agent(components.agent, {
    name: "clerk",
    instructions: "You are a clerk.",
    languageModel: model,
    tools: { roomsFree },
    stopWhen: stepCountIs(5),
  });
  return { agent, model: model as typeof model & { doGenerateCalls: { prompt: unknown }[] } };
}

const says = (text: string): Steps => [[{ type: "text", text }]];

export const freeRooms = internalQuery({
  args: { hotel: v.string() },
  handler: async (ctx, { hotel }): Promise<number> =>
    (await ctx.db.query("events").withIndex("by_of", (q) => q.eq("of", `free at ${hotel}`)).collect()).length,
});

export const open = mutation({
  args: { userId: v.string(), title: v.string() },
  handler: async (ctx, args) => (await agentOf(says("")).agent.createThread(ctx, args)).threadId,
});

/** What the model answers, and what it was asked with. */
export const ask = action({
  args: { threadId: v.string(), prompt: v.string(), answer: v.string(), fail: v.optional(v.boolean()) },
  handler: async (ctx, { threadId, prompt, answer, fail }): Promise<{ text: string; asked: string }> => {
    const { agent, model } = agentOf(says(answer), fail ? { fail: { error: "model is out" } } : {});
    const { text } = await agent.generateText(ctx, { threadId }, { prompt });
    return { text, asked: JSON.stringify(model.doGenerateCalls.map(({ prompt }) => prompt)) };
  },
});

export const askAboutRooms = action({
  args: { threadId: v.string(), hotel: v.string() },
  handler: async (ctx, { threadId, hotel }): Promise<{ text: string; asked: string }> => {
    const call = { type: "tool-call" as const, toolCallId: "call-1", toolName: "roomsFree", input: JSON.stringify({ hotel }) };
    const { agent, model } = agentOf([[call], [{ type: "text", text: "That is how many." }]]);
    const { text } = await agent.generateText(ctx, { threadId }, { prompt: `Rooms at ${hotel}?` });
    return { text, asked: JSON.stringify(model.doGenerateCalls.map(({ prompt }) => prompt)) };
  },
});

export const askForObject = action({
  args: { threadId: v.string(), answer: v.string() },
  handler: async (ctx, { threadId, answer }): Promise<{ free: number }> => {
    const { agent } = agentOf(says(answer));
    const schema = z.object({ free: z.number() });
    return (await agent.generateObject(ctx, { threadId }, { prompt: "As an object?", schema })).object as { free: number };
  },
});

/** Asks from a mutation; the answer is streamed by an action afterwards. */
export const askLater = mutation({
  args: { threadId: v.string(), prompt: v.string(), words: v.array(v.string()), delay: v.number() },
  handler: async (ctx, { threadId, prompt, words, delay }) => {
    const { messageId } = await agentOf(says("")).agent.saveMessage(ctx, { threadId, prompt, skipEmbeddings: true });
    await ctx.scheduler.runAfter(0, internal.agents.stream, { threadId, promptMessageId: messageId, words, delay });
    return messageId;
  },
});

export const stream = internalAction({
  args: { threadId: v.string(), promptMessageId: v.string(), words: v.array(v.string()), delay: v.number() },
  handler: async (ctx, { threadId, promptMessageId, words, delay }) => {
    const { agent } = agentOf(says(words.join(" ")), { chunkDelayInMs: delay });
    const result = await agent.streamText(ctx, { threadId }, { promptMessageId }, {
      saveStreamDeltas: { chunking: "word", throttleMs: 20 },
    });
    await result.consumeStream();
  },
});

/** What a chat shows: messages, and parts of those that are still being written. */
export const chat = query({
  args: { threadId: v.string(), paginationOpts: paginationOptsValidator, streamArgs: vStreamArgs },
  handler: async (ctx, args) => {
    const streams = await syncStreams(ctx, components.agent, { ...args, includeStatuses: ["streaming", "finished", "aborted"] });
    return { ...(await listUIMessages(ctx, components.agent, args)), streams };
  },
});

export const messages = query({
  args: { threadId: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, args) =>
    await listMessages(ctx, components.agent, { ...args, statuses: ["success", "pending", "failed"] }),
});

export const threads = query({
  args: { userId: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, args) => {
    const { page, ...rest } = await ctx.runQuery(components.agent.threads.listThreadsByUserId, args);
    return { ...rest, page: page.map(({ _id, title, status }) => ({ id: _id, title, status })) };
  },
});

export const rename = mutation({
  args: { threadId: v.string(), title: v.string() },
  handler: async (ctx, { threadId, title }) => {
    await ctx.runMutation(components.agent.threads.updateThread, { threadId, patch: { title } });
  },
});

export const close = mutation({
  args: { threadId: v.string() },
  handler: async (ctx, { threadId }) => await agentOf(says("")).agent.deleteThreadAsync(ctx, { threadId }),
});

export const keepFile = action({
  args: { bytes: v.bytes(), type: v.string(), filename: v.string() },
  handler: async (ctx, { bytes, type, filename }): Promise<{ fileId: string; url: string; hash: string }> => {
    const { file } = await storeFile(ctx, components.agent, new Blob([bytes], { type }), { filename });
    return { fileId: file.fileId, url: file.url, hash: file.hash };
  },
});

/** What the model gets when it is asked about a file. */
export const askAboutFile = action({
  args: { threadId: v.string(), fileId: v.string(), answer: v.string() },
  handler: async (ctx, { threadId, fileId, answer }): Promise<{ text: string; files: { bytes: number[]; type: string }[] }> => {
    const { agent, model } = agentOf(says(answer));
    const { filePart } = await getFile(ctx, components.agent, fileId);
    const { messageId } = await agent.saveMessage(ctx, {
      threadId,
      message: { role: "user", content: [filePart, { type: "text", text: "What does it say?" }] },
      metadata: { fileIds: [fileId] },
      skipEmbeddings: true,
    });
    const { text } = await agent.generateText(ctx, { threadId }, { promptMessageId: messageId });
    const parts = (model.doGenerateCalls[0].prompt as { content: any }[]).flatMap(({ content }) => content);
    const files = parts.filter((part) => part.type === "file").map(({ data, mediaType }) => ({
      bytes: [...(data.data ?? data)] as number[],
      type: mediaType as string,
    }));
    return { text, files };
  },
});

export const file = query({
  args: { fileId: v.string() },
  handler: async (ctx, { fileId }) => await ctx.runQuery(components.agent.files.get, { fileId }),
});
