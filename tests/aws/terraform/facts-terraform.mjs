// Facts of what Terraform made with the made-up provider, in the form of `facts-cdk.mjs`.

import { container, named, permissions, trust } from "./facts.mjs";

/** Resources of a state, by type. */
class State {
  #resources;

  constructor(state) {
    this.#resources = state.values.root_module.child_modules[0].resources;
  }

  /** Values of all resources of a type; with a name, of those with that name in the module. */
  of(type, name) {
    return this.#resources
      .filter((resource) => resource.mode === "managed" && resource.type === type && (name === undefined || resource.name === name))
      .map((resource) => resource.values);
  }
}

/** @param {object} state what `terraform show -json` prints */
export function terraformFacts(json, syncCode) {
  const state = new State(json);
  const [table] = state.of("aws_dynamodb_table");
  const policies = Object.fromEntries(state.of("aws_iam_role_policy").map((policy) => [policy.role, permissions(JSON.parse(policy.policy))]));
  const [closed] = state.of("aws_s3_bucket_public_access_block", "data");
  return {
    bucket: {
      name: state.of("aws_s3_bucket", "data")[0].bucket,
      encryption: state.of("aws_s3_bucket_server_side_encryption_configuration")[0].rule[0].apply_server_side_encryption_by_default[0].sse_algorithm,
      closed: [closed.block_public_acls, closed.block_public_policy, closed.ignore_public_acls, closed.restrict_public_buckets],
      ownership: state.of("aws_s3_bucket_ownership_controls")[0].rule[0].object_ownership,
      lifecycle: state.of("aws_s3_bucket_lifecycle_configuration")[0].rule.map((rule) => ({
        prefix: rule.filter[0]?.prefix ?? "",
        expires: rule.expiration[0]?.days ?? null,
        abortsUploads: rule.abort_incomplete_multipart_upload[0]?.days_after_initiation ?? null,
      })),
      cors: state.of("aws_s3_bucket_cors_configuration")[0].cors_rule.map((rule) => [
        rule.allowed_methods,
        rule.allowed_origins,
        rule.allowed_headers,
        rule.max_age_seconds,
      ]),
      policy: JSON.parse(state.of("aws_s3_bucket_policy", "data")[0].policy).Statement,
    },
    table: {
      name: table.name,
      billing: table.billing_mode,
      key: [table.hash_key, table.range_key].filter(Boolean),
      expiry: { AttributeName: table.ttl[0].attribute_name, Enabled: table.ttl[0].enabled },
      restorable: table.point_in_time_recovery[0].enabled,
      protected: table.deletion_protection_enabled,
    },
    secrets: state.of("aws_secretsmanager_secret").map(({ name }) => name),
    roles: named(state.of("aws_iam_role"), (role) => [
      role.name,
      { description: role.description, trust: trust(JSON.parse(role.assume_role_policy)), may: policies[role.name] },
    ]),
    functions: named(state.of("aws_lambda_function"), (made) => [
      made.function_name,
      {
        description: made.description,
        runtime: made.runtime,
        handler: made.handler,
        architecture: made.architectures,
        memory: made.memory_size,
        timeout: made.timeout,
        storage: made.ephemeral_storage[0].size,
        role: made.role,
        log: made.logging_config[0].log_group,
        environment: made.environment[0]?.variables ?? {},
      },
    ]),
    asyncCalls: named(state.of("aws_lambda_function_event_invoke_config"), (config) => [
      config.function_name,
      [config.maximum_retry_attempts, config.maximum_event_age_in_seconds],
    ]),
    callers: state.of("aws_lambda_permission").map(({ function_name, principal, source_arn }) => [function_name, principal, source_arn]).sort(),
    logs: named(state.of("aws_cloudwatch_log_group"), (group) => [group.name, group.retention_in_days]),
    schedules: named(state.of("aws_scheduler_schedule"), ({ name, schedule_expression, target: [target] }) => [
      name,
      {
        expression: schedule_expression,
        target: target.arn,
        role: target.role_arn,
        input: target.input,
        retries: [target.retry_policy[0].maximum_retry_attempts, target.retry_policy[0].maximum_event_age_in_seconds],
      },
    ]),
    apis: named(state.of("aws_apigatewayv2_api"), (api) => [
      api.name,
      {
        protocol: api.protocol_type,
        routes: state.of("aws_apigatewayv2_route").filter((route) => route.api_id === api.id).map((route) => route.route_key).sort(),
        stages: state
          .of("aws_apigatewayv2_stage")
          .filter((stage) => stage.api_id === api.id)
          .map(({ name, auto_deploy, default_route_settings: [limits] }) => [name, auto_deploy, limits.throttling_rate_limit, limits.throttling_burst_limit]),
        calls: state
          .of("aws_apigatewayv2_integration")
          .filter((integration) => integration.api_id === api.id)
          .map(({ integration_type, integration_uri, payload_format_version }) => [integration_type, integration_uri, payload_format_version]),
      },
    ]),
    alarms: named(state.of("aws_cloudwatch_metric_alarm"), (alarm) => [
      alarm.alarm_name,
      {
        description: alarm.alarm_description,
        metric: [alarm.namespace, alarm.metric_name, alarm.statistic, alarm.period],
        of: alarm.dimensions ?? {},
        when: [alarm.comparison_operator, alarm.threshold, alarm.evaluation_periods, alarm.treat_missing_data],
      },
    ]),
    edge: state.of("aws_cloudfront_distribution").map(edge),
    syncCode: state.of("aws_cloudfront_function").map(({ code, runtime }) => [code === syncCode, runtime]),
    relay: relay(state),
  };
}

function edge(made) {
  return {
    comment: made.comment,
    versions: made.http_version,
    prices: made.price_class,
    origins: named(made.origin, ({ origin_id, domain_name, origin_path, custom_origin_config: [config], custom_header }) => [
      origin_id,
      {
        host: domain_name,
        path: origin_path ?? "",
        protocol: config.origin_protocol_policy,
        timeout: config.origin_read_timeout,
        headers: custom_header.map(({ name }) => name),
      },
    ]),
    behaviours: [...made.default_cache_behavior, ...made.ordered_cache_behavior].map((behaviour) => ({
      paths: behaviour.path_pattern ?? "*",
      origin: behaviour.target_origin_id,
      methods: [...behaviour.allowed_methods].sort(),
      viewers: behaviour.viewer_protocol_policy,
      policies: [behaviour.cache_policy_id, behaviour.origin_request_policy_id],
      functions: behaviour.function_association.map(({ event_type }) => event_type),
    })),
  };
}

function relay(state) {
  const [task] = state.of("aws_ecs_task_definition");
  if (task === undefined) return null;
  const [service] = state.of("aws_ecs_service");
  const [balancer] = state.of("aws_lb");
  const [targets] = state.of("aws_lb_target_group");
  const [listener] = state.of("aws_lb_listener");
  const [scaling] = state.of("aws_appautoscaling_target");
  const { enable, rollback } = service.deployment_circuit_breaker[0];
  return {
    task: {
      size: [Number(task.cpu), Number(task.memory)],
      roles: [task.task_role_arn, task.execution_role_arn],
      processor: task.runtime_platform[0].cpu_architecture,
      containers: JSON.parse(task.container_definitions).map(container),
    },
    service: {
      name: service.name,
      count: service.desired_count,
      grace: service.health_check_grace_period_seconds,
      percent: [service.deployment_minimum_healthy_percent, service.deployment_maximum_percent],
      breaker: [enable, rollback],
      public: service.network_configuration[0].assign_public_ip,
    },
    balancer: { name: balancer.name, idle: balancer.idle_timeout },
    targets: {
      port: [targets.port, targets.protocol, targets.target_type],
      health: [targets.health_check[0].path, targets.health_check[0].interval, targets.health_check[0].timeout],
      thresholds: [targets.health_check[0].healthy_threshold, targets.health_check[0].unhealthy_threshold],
      delay: Number(targets.deregistration_delay),
      algorithm: targets.load_balancing_algorithm_type,
    },
    listener: [listener.port, listener.protocol, listener.default_action[0].type, listener.default_action[0].fixed_response[0].status_code],
    rules: state
      .of("aws_lb_listener_rule")
      .map(({ priority, condition, action }) => [
        priority,
        condition
          .flatMap(({ http_header, path_pattern, http_request_method }) => [
            ...http_header.map(({ http_header_name }) => http_header_name),
            ...path_pattern.flatMap(({ values }) => values),
            ...http_request_method.flatMap(({ values }) => values),
          ])
          .sort(),
        action.map(({ type }) => type),
      ])
      .sort(),
    scaling: [scaling.resource_id, scaling.min_capacity, scaling.max_capacity],
    policies: named(state.of("aws_appautoscaling_policy"), ({ name, target_tracking_scaling_policy_configuration: [tracking] }) => [
      name,
      [tracking.target_value, tracking.scale_out_cooldown, tracking.scale_in_cooldown],
    ]),
    network: {
      block: state.of("aws_vpc").map(({ cidr_block }) => cidr_block),
      subnets: state.of("aws_subnet").map(({ cidr_block, availability_zone }) => [cidr_block, availability_zone]),
      endpoints: state.of("aws_vpc_endpoint").map(({ service_name, vpc_endpoint_type }) => [service_name, vpc_endpoint_type]).sort(),
      rules: named(state.of("aws_security_group"), ({ description, ingress, egress }) => [
        description,
        [ingress, egress].map((rules) =>
          rules.map((one) => [one.description, one.protocol, one.from_port, one.to_port, one.cidr_blocks?.[0] ?? "(group)"]).sort(),
        ),
      ]),
    },
  };
}
