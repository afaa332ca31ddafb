// What tests tell the example root.

/** An image that nobody fetches. */
export const IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lakewire:1";

/** Arguments of `terraform plan`. */
export function variables(relay, packages) {
  const told = { relay, package: packages.package, node_package: packages.nodePackage };
  if (relay === "fargate") told.relay_image = IMAGE;
  return Object.entries(told).map(([name, value]) => `-var=${name}=${value}`);
}
