import { internalMutation, internalQuery, mutation } from "./_generated/server";
import { internal } from "./_generated/api";
import { find, names, settle } from "./help";

const inner: any = (internal as any).own;

/** What a mutation finds of its own writes, step by step. */
export const trace = mutation(async (ctx: any, { text }: any) => {
  const steps: Record<string, any> = {};
  const look = async (step: string, filters: any[] = []) => {
    steps[step] = names(await find(ctx, { text, filters }).collect());
  };
  await look("before");
  const one = await ctx.db.insert("docs", { name: "one", body: `${text} fresh`, room: "a" });
  const two = await ctx.db.insert("docs", { name: "two", body: "nothing of the kind", room: "a" });
  await look("inserted");
  await ctx.db.patch(two, { body: `${text} ${text}` });
  await look("patched into it");
  await ctx.db.patch(one, { room: "b" });
  await look("room a", [["room", "a"]]);
  await look("room b", [["room", "b"]]);
  await ctx.db.patch(one, { body: "something else" });
  await look("patched out of it");
  await ctx.db.replace(one, { name: "one again", body: `again ${text}` });
  await look("replaced");
  await ctx.db.delete(two);
  await look("deleted");
  await ctx.db.delete(one);
  await look("all deleted");
  return steps;
});

/** The same on documents that others committed. */
export const change = mutation(async (ctx: any, { text, out, into, gone }: any) => {
  const before = names(await find(ctx, { text }).collect());
  await ctx.db.patch(out, { body: "else" });
  await ctx.db.patch(into, { body: `${text} now` });
  await ctx.db.delete(gone);
  return { before, after: names(await find(ctx, { text }).collect()) };
});

export const writing = internalMutation(async (ctx: any, { name, text, fail }: any) => {
  await ctx.db.insert("docs", { name, body: text });
  for (const row of await find(ctx, { text: "victim" }).collect()) await ctx.db.delete(row._id);
  const seen = names(await find(ctx, { text }).collect());
  if (fail) throw new Error(`saw ${seen}`);
  return seen;
});
export const reading = internalQuery(async (ctx: any, { text }: any) => names(await find(ctx, { text }).collect()));

/** What nested mutations write is found while it is there, and not after it was taken back. */
export const nested = mutation(async (ctx: any, { text }: any) => {
  await ctx.db.insert("docs", { name: "outer", body: text });
  const kept = await ctx.runMutation(inner.writing, { name: "kept", text });
  await ctx.db.insert("docs", { name: "victim", body: "victim" });
  const error = await settle(() => ctx.runMutation(inner.writing, { name: "lost", text, fail: true }));
  return {
    kept,
    error,
    inside: await ctx.runQuery(inner.reading, { text }),
    stale: await ctx.runQuery(inner.reading, { text }, { useStaleSnapshot: true }),
    after: names(await find(ctx, { text }).collect()),
    victim: names(await find(ctx, { text: "victim" }).collect()),
  };
});

/** Inserts one more match than it found, after spending processor time, so that others commit meanwhile. */
export const appendSlowly = mutation(async (ctx: any, { text, body, room, rounds }: any) => {
  const filters = room === undefined ? [] : [["room", room]];
  const before = await find(ctx, { text, filters }).collect();
  let x = 0;
  for (let i = 0; i < rounds; i++) x = (x * 31 + i) % 1_000_003;
  const again = await find(ctx, { text, filters }).collect();
  await ctx.db.insert("docs", { name: `${before.length}`, body, room, x });
  return [before.length, again.length];
});

export const iterate = mutation(async (ctx: any, { text }: any) => {
  const seen: any[] = [];
  for await (const row of find(ctx, { text })) {
    seen.push(row.name);
    await ctx.db.patch(row._id, { visited: true });
  }
  return seen;
});
