// What somebody should look at. Ten alarms are free in an account, so there are no more than ten, with one metric each.

import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData, type AlarmProps } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";

import type { Balancer } from "./balancer.js";
import type { Data } from "./data.js";
import type { Functions } from "./functions.js";
import type { FunctionPart } from "./parts.js";
import type { Settings } from "./props.js";
import { capital } from "./roles.js";

/** Crashes and timeouts of a function that are too many, within minutes. `upkeep` runs four times an hour. */
const TOO_MANY_ERRORS: Record<FunctionPart, { threshold: number; minutes: number }> = {
  http: { threshold: 5, minutes: 5 },
  run: { threshold: 5, minutes: 5 },
  tick: { threshold: 3, minutes: 5 },
  upkeep: { threshold: 2, minutes: 60 },
  socket: { threshold: 5, minutes: 5 },
  node: { threshold: 5, minutes: 5 },
};

interface Rule {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions?: Record<string, string>;
  readonly statistic?: string;
  readonly minutes?: number;
  readonly threshold: number;
  /** Whether it is the lack of something that is wrong. */
  readonly below?: boolean;
  readonly description: string;
}

export class Alarms extends Construct {
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, settings: Settings, functions: Functions, data: Data, balancer: Balancer | undefined) {
    super(scope, id);
    this.#settings = settings;
    for (const [part, made] of functions.all) {
      this.#add(`${part}-errors`, {
        namespace: "AWS/Lambda",
        metricName: "Errors",
        dimensions: { FunctionName: made.functionName },
        ...TOO_MANY_ERRORS[part],
        description: `The function ${part} crashes or takes too long`,
      });
    }
    this.#add("tick-missing", {
      namespace: "AWS/Lambda",
      metricName: "Invocations",
      dimensions: { FunctionName: functions.get("tick").functionName },
      threshold: 1,
      below: true,
      description: "Scheduled functions and crons do not run: the tick is not called",
    });
    this.#add("throttles", {
      namespace: "AWS/Lambda",
      metricName: "Throttles",
      threshold: 1,
      description: "Functions of this account and region, of this stack or another, ran out of concurrency",
    });
    const TableName = data.table.tableName;
    this.#add("log-throttles", {
      namespace: "AWS/DynamoDB",
      metricName: "WriteThrottleEvents",
      dimensions: { TableName },
      threshold: 10,
      description: "The table of the log refuses commits for now: they take longer",
    });
    this.#add("log-failures", {
      namespace: "AWS/DynamoDB",
      metricName: "SystemErrors",
      dimensions: { TableName, Operation: "PutItem" },
      threshold: 5,
      description: "DynamoDB fails to take commits",
    });
    if (balancer === undefined) return;
    this.#add("relay-missing", {
      namespace: "AWS/ApplicationELB",
      metricName: "HealthyHostCount",
      dimensions: { LoadBalancer: balancer.metricName, TargetGroup: balancer.targetGroupMetricName },
      statistic: Stats.MINIMUM,
      threshold: settings.relayMin,
      below: true,
      description: "Fewer relays are healthy than should always run",
    });
  }

  #add(name: string, rule: Rule) {
    const options: AlarmProps = {
      alarmName: `${this.#settings.name}-${name}`,
      alarmDescription: rule.description,
      metric: new Metric({
        namespace: rule.namespace,
        metricName: rule.metricName,
        dimensionsMap: rule.dimensions ?? {},
        statistic: rule.statistic ?? Stats.SUM,
        period: Duration.minutes(rule.minutes ?? 5),
      }),
      threshold: rule.threshold,
      evaluationPeriods: 1,
      comparisonOperator: rule.below ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: rule.below ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    };
    const alarm = new Alarm(this, name.split("-").map(capital).join(""), options);
    const topic = this.#settings.alarmTopicArn;
    if (topic === undefined) return;
    const known = this.node.tryFindChild("Topic") as Topic | undefined;
    alarm.addAlarmAction(new SnsAction(known ?? Topic.fromTopicArn(this, "Topic", topic)));
  }
}
