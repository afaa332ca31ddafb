// What a price depends on, from the template of the stack.

export const MINUTES_A_MONTH = 43_800; // 730 hours
export const HOURS_A_MONTH = MINUTES_A_MONTH / 60;

/**
 * @typedef {object} Numbers
 * @property {Record<string, number>} gigabytes memory of each function
 * @property {boolean} arm whether functions and relays run on arm64
 * @property {Record<string, number>} scheduled calls a month of each scheduled function
 * @property {number} alarms metrics that are watched, those of scaling included
 * @property {number} secrets
 * @property {boolean} edge whether there is CloudFront
 * @property {{cpus: number, gigabytes: number, min: number, addresses: number} | null} relay
 */

/** @returns {Numbers} */
export function stackNumbers(template) {
  const of = (type) => Object.values(template.Resources).filter((resource) => resource.Type === type).map(({ Properties }) => Properties);
  const functions = of("AWS::Lambda::Function");
  const part = (name) => name.split("-").at(-1);
  const [task] = of("AWS::ECS::TaskDefinition");
  const [service] = of("AWS::ECS::Service");
  return {
    gigabytes: Object.fromEntries(functions.map(({ FunctionName, MemorySize }) => [part(FunctionName), MemorySize / 1024])),
    arm: functions[0].Architectures[0] === "arm64",
    scheduled: Object.fromEntries(of("AWS::Scheduler::Schedule").map(({ Name, ScheduleExpression }) => [part(Name), callsAMonth(ScheduleExpression)])),
    // A policy that tracks a target has two alarms, each with the metrics that it computes from.
    alarms: of("AWS::CloudWatch::Alarm").length + of("AWS::ApplicationAutoScaling::ScalingPolicy").reduce((sum, policy) => sum + 2 * tracked(policy), 0),
    secrets: of("AWS::SecretsManager::Secret").length,
    edge: of("AWS::CloudFront::Distribution").length > 0,
    relay:
      task === undefined
        ? null
        : {
            cpus: Number(task.Cpu) / 1024,
            gigabytes: Number(task.Memory) / 1024,
            min: service.DesiredCount,
            // The load balancer has one in each subnet.
            addresses: of("AWS::EC2::Subnet").length + (service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp === "ENABLED" ? 1 : 0) * service.DesiredCount,
          },
  };
}

function callsAMonth(expression) {
  const [, count, unit] = /^rate\((\d+) (minute|hour)s?\)$/.exec(expression) ?? [];
  if (unit === undefined) throw new Error(`how often is \`${expression}\`?`);
  return MINUTES_A_MONTH / (Number(count) * (unit === "hour" ? 60 : 1));
}

/** Metrics that a policy reads: a sum of several counts each. */
function tracked({ TargetTrackingScalingPolicyConfiguration: tracking }) {
  const metrics = tracking.CustomizedMetricSpecification?.Metrics ?? [];
  return Math.max(1, metrics.filter((metric) => metric.MetricStat !== undefined).length);
}
