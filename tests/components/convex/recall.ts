import { Agent, mockModel } from "@convex-dev/agent";
import { type EmbeddingModel, stepCountIs } from "ai";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { action, query } from "./_generated/server";

const DIMENSIONS = 128;
const CONCEPTS = ["hotel room bed sleep stay inn", "lake water boat swim shore fish", "eat food menu dinner hungry bread"].map(
  (words) => words.split(" "),
);

/** Texts about the same concept are near one another; every word adds a little of its own. */
function embed(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    CONCEPTS.forEach((words, n) => {
      if (words.includes(word)) vector[n] += 1;
    });
    const hash = [...word].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 99_991, 7);
    vector[CONCEPTS.length + (hash % (DIMENSIONS - CONCEPTS.length))] += 0.1;
  }
  return vector;
}

const embeddingModel = {
  specificationVersion: "v4",
  provider: "tests",
  modelId: "concepts",
  maxEmbeddingsPerCall: 100,
  supportsParallelCalls: true,
  doEmbed: async ({ values }: { values: string[] }) => ({
    embeddings: values.map(embed),
    usage: { tokens: values.length },
    warnings: [],
  }),
} satisfies EmbeddingModel;

function librarian(answer = "") {
  const model = mockModel({ contentSteps: [[{ type: "text", text: answer }]] });
  const agent = new Agent(components.agent, {
    name: "librarian",
    instructions: "You remember.",
    languageModel: model,
    embeddingModel,
    stopWhen: stepCountIs(1),
  });
  return { agent, model: model as typeof model & { doGenerateCalls: { prompt: unknown }[] } };
}

/** Saves messages, each with its vector. */
export const remember = action({
  args: { threadId: v.string(), texts: v.array(v.string()) },
  handler: async (ctx, { threadId, texts }) => {
    const messages = texts.map((content) => ({ role: "user" as const, content }));
    const { messages: saved } = await librarian().agent.saveMessages(ctx, { threadId, messages });
    return saved.map(({ _id }) => _id);
  },
});

/** What is found for a text, oldest first, as the component gives it. */
export const recall = action({
  args: {
    threadId: v.optional(v.string()),
    userId: v.optional(v.string()),
    text: v.string(),
    textSearch: v.optional(v.boolean()),
    vectorSearch: v.optional(v.boolean()),
    limit: v.number(),
    vectorScoreThreshold: v.optional(v.number()),
    around: v.optional(v.number()),
  },
  handler: async (ctx, { threadId, userId, text, around = 0, ...searchOptions }): Promise<(string | undefined)[]> => {
    const messageRange = { before: around, after: around };
    const found = await librarian().agent.fetchContextMessages(ctx, {
      threadId,
      userId,
      searchText: text,
      contextOptions: {
        recentMessages: 0,
        searchOtherThreads: userId !== undefined,
        searchOptions: { ...searchOptions, messageRange },
      },
    });
    return found.map(({ text }) => text);
  },
});

/** Asks the model with what was found; gives the texts that the model was asked with. */
export const askRemembering = action({
  args: { threadId: v.string(), prompt: v.string() },
  handler: async (ctx, { threadId, prompt }): Promise<string> => {
    const { agent, model } = librarian("I remember.");
    const contextOptions = {
      recentMessages: 1,
      searchOptions: { limit: 2, textSearch: true, vectorSearch: true, vectorScoreThreshold: 0.5, messageRange: { before: 0, after: 0 } },
    };
    await agent.generateText(ctx, { threadId }, { prompt }, { contextOptions });
    return JSON.stringify(model.doGenerateCalls[0].prompt);
  },
});

/** Full-text search alone, which is a query. */
export const messagesWith = query({
  args: { threadId: v.string(), text: v.string(), limit: v.number() },
  handler: async (ctx, args) => {
    const found = await ctx.runQuery(components.agent.messages.textSearch, args);
    return found.map(({ text }) => text);
  },
});

export const threadsWith = query({
  args: { query: v.string(), userId: v.optional(v.string()), limit: v.number() },
  handler: async (ctx, args) => {
    const found = await ctx.runQuery(components.agent.threads.searchThreadTitles, args);
    return found.map(({ title }) => title);
  },
});
