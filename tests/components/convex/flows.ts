import { WorkflowManager, vWorkflowId } from "@convex-dev/workflow";
import { vResultValidator } from "@convex-dev/workpool";
import { v } from "convex/values";
import { components, internal } from "./_generated/api";
import { internalAction, internalMutation, internalQuery, mutation, query } from "./_generated/server";

const workflow = new WorkflowManager(components.workflow);

/** Steps one after the other and in parallel; each is noted once, however often the workflow is replayed. */
export const order = workflow.define({
  args: { of: v.string(), items: v.array(v.number()) },
  returns: v.object({ total: v.number(), random: v.boolean() }),
  handler: async (step, { of, items }): Promise<{ total: number; random: boolean }> => {
    const prices = await Promise.all(items.map((item) => step.runAction(internal.flows.price, { of, item })));
    const total: number = await step.runQuery(internal.flows.sum, { prices });
    await step.runMutation(internal.events.note, { of, what: `total ${total}` });
    await step.runAction(internal.flows.price, { of, item: 100 }, { runAfter: 200 });
    await step.runMutation(internal.events.note, { of, what: "shipped" });
    return { total, random: Math.random() === Math.random() };
  },
});

export const price = internalAction({
  args: { of: v.string(), item: v.number() },
  handler: async (ctx, { of, item }): Promise<number> => {
    await ctx.runMutation(internal.events.note, { of: `${of} prices`, what: item });
    await new Promise((resolve) => setTimeout(resolve, 100));
    return item * 10;
  },
});

export const sum = internalQuery({
  args: { prices: v.array(v.number()) },
  handler: async (_, { prices }): Promise<number> => prices.reduce((a, b) => a + b, 0),
});

export const start = mutation({
  args: { of: v.string(), items: v.array(v.number()) },
  handler: async (ctx, args): Promise<string> =>
    await workflow.start(ctx, internal.flows.order, args, {
      onComplete: internal.flows.completed,
      context: args.of,
    }),
});

export const completed = internalMutation({
  args: { workflowId: vWorkflowId, result: vResultValidator, context: v.any() },
  handler: async (ctx, { result, context }) => {
    await ctx.db.insert("events", { of: `${context} completed`, what: result });
  },
});

export const status = query({
  args: { id: vWorkflowId },
  handler: async (ctx, { id }) => (await workflow.status(ctx, id)).type,
});
