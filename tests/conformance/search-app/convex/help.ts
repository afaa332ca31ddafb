/** What a promise came to: `{value}` or `{error}`. */
export async function settle(run: () => unknown): Promise<any> {
  try {
    const value = await run();
    return { value: value === undefined ? null : value };
  } catch (error: any) {
    return { error: String(error?.message ?? error) };
  }
}

/** A search as JSON names it: `filters` are `[field, value]`, and `[field]` for `undefined`. */
export function find(ctx: any, { table = "docs", index = "by_body", field = "body", text, filters = [] }: any) {
  return ctx.db.query(table).withSearchIndex(index, (q: any) => {
    let search = q.search(field, text);
    for (const [name, value] of filters) search = search.eq(name, value);
    return search;
  });
}

export const names = (rows: any[]) => rows.map((row) => row.name);
