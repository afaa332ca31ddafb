// What has no caller is called by the clock.

import type { IRole } from "aws-cdk-lib/aws-iam";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";

import type { Functions } from "./functions.js";
import { ASYNC_CALLS, SCHEDULES } from "./parts.js";
import type { Settings } from "./props.js";
import { capital } from "./roles.js";

export class Schedules extends Construct {
  constructor(scope: Construct, id: string, settings: Settings, functions: Functions, role: IRole) {
    super(scope, id);
    for (const part of ["tick", "upkeep"] as const) {
      const schedule = new CfnSchedule(this, capital(part), {
        name: `${settings.name}-${part}`,
        description: `Lakewire ${settings.name}: calls ${part}`,
        scheduleExpression: SCHEDULES[part],
        flexibleTimeWindow: { mode: "OFF" },
        target: {
          arn: functions.get(part).functionArn,
          roleArn: role.roleArn,
          input: "{}",
          // The next one comes soon.
          retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: ASYNC_CALLS[part].maximumAge },
        },
      });
      // The scheduler tries the role when the schedule is made.
      schedule.node.addDependency(role);
    }
  }
}
