// Not a registered function on purpose: the tests call `plain` to see that it can't be.

/** What a promise came to: `{value}` or `{error, data}`. */
export async function settle(run: () => unknown): Promise<any> {
  try {
    const value = await run();
    return { value: value === undefined ? null : value };
  } catch (error: any) {
    const data = error?.data === undefined ? {} : { data: error.data };
    return { error: String(error?.message ?? error), name: String(error?.name ?? ""), ...data };
  }
}

export async function plain() {
  return "plain";
}
