import { Polar } from "@convex-dev/polar";
import { v } from "convex/values";
import { components } from "./_generated/api";
import { action, query } from "./_generated/server";

export const polar = new Polar(components.polar, {
  getUserInfo: async () => ({ userId: "ada", email: "ada@example.com" }),
  products: { basic: "prod_basic", pro: "prod_pro" },
});

export const {
  generateCheckoutLink, generateCustomerPortalUrl, changeCurrentSubscription, cancelCurrentSubscription,
  getConfiguredProducts, listAllProducts, listAllSubscriptions,
} = polar.api();

export const syncProducts = action({ args: {}, handler: async (ctx) => await polar.syncProducts(ctx) });

export const current = query({
  args: { userId: v.string() },
  handler: async (ctx, args) => {
    const subscription = await polar.getCurrentSubscription(ctx, args);
    if (subscription === null) return null;
    const { id, status, productKey, cancelAtPeriodEnd, product } = subscription;
    return { id, status, productKey, cancelAtPeriodEnd, product: product.name };
  },
});
