// An example: one deployment in one stack, with what the context says (`cdk deploy -c relay=fargate -c relayImage=...`).

import { App, Stack } from "aws-cdk-lib";

import { Lakewire, type LakewireProps } from "../lib/index.js";

const app = new App();
const text = (key: string): string | undefined => app.node.tryGetContext(key);
const number = (key: string) => (text(key) === undefined ? undefined : Number(text(key)));
const given = {
  name: text("name"),
  package: text("package"),
  nodePackage: text("nodePackage"),
  architecture: text("architecture"),
  relay: text("relay"),
  relayImage: text("relayImage"),
  relayMin: number("relayMin"),
  relayMax: number("relayMax"),
  rateLimit: number("rateLimit"),
  burstLimit: number("burstLimit"),
  logLevel: text("logLevel"),
  logRetentionDays: number("logRetentionDays"),
  alarmTopicArn: text("alarmTopicArn"),
  retainData: text("retainData") === undefined ? undefined : `${text("retainData")}` !== "false",
};
// What is not given has its default, and values that are no good are told by the construct.
const props = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as LakewireProps;
const stack = new Stack(app, "Lakewire", { stackName: props.name ?? "lakewire", description: "Lakewire" });
new Lakewire(stack, "Lakewire", props);
