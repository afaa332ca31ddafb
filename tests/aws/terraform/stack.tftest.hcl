# `terraform test`. The provider is the one of this folder: those that Terraform itself makes up can't draw secrets yet.

run "data_are_protected_by_default" {
  assert {
    condition     = aws_dynamodb_table.log.deletion_protection_enabled && aws_dynamodb_table.log.point_in_time_recovery[0].enabled
    error_message = "The table can be deleted, or not be restored."
  }

  assert {
    condition     = aws_dynamodb_table.log.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.log.ttl[0].attribute_name == "expires"
    error_message = "The table is not on demand, or its entries do not expire."
  }

  assert {
    condition     = !aws_s3_bucket.data.force_destroy && aws_secretsmanager_secret.instance.recovery_window_in_days == 30
    error_message = "Objects or the secret can be lost."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.data.block_public_acls,
      aws_s3_bucket_public_access_block.data.block_public_policy,
      aws_s3_bucket_public_access_block.data.ignore_public_acls,
      aws_s3_bucket_public_access_block.data.restrict_public_buckets,
    ])
    error_message = "The bucket can be made public."
  }

  assert {
    condition     = aws_s3_bucket.data.bucket == "lakewire-123456789012-us-east-1"
    error_message = "The bucket has another name than the CDK gives it."
  }
}

run "idle_costs_little_by_default" {
  assert {
    condition     = length(aws_lb.relay) == 0 && length(aws_ecs_service.relay) == 0 && length(aws_vpc.relay) == 0
    error_message = "Something is there that is paid by the hour."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.part) <= 10
    error_message = "More alarms than are free."
  }

  assert {
    condition     = toset(keys(aws_lambda_function.part)) == toset(["http", "run", "tick", "upkeep", "node", "socket"])
    error_message = "Other functions than there should be."
  }
}

run "roles_name_what_they_may_use" {
  variables {
    relay       = "fargate"
    relay_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lakewire:1"
  }

  assert {
    condition = alltrue(flatten([
      for part, permissions in local.permissions : [
        for permission in permissions : contains(permission.actions, "ecr:GetAuthorizationToken") || !contains(permission.resources, "*")
      ]
    ]))
    error_message = "A role may use everything of a kind."
  }

  assert {
    condition     = alltrue(flatten([for permissions in local.permissions : [for permission in permissions : [for action in permission.actions : !strcontains(action, "*")]]]))
    error_message = "A role may do everything of a service."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.part) <= 10
    error_message = "More alarms than are free."
  }

  assert {
    condition     = aws_lb.relay[0].idle_timeout == 4000 && jsondecode(aws_ecs_task_definition.relay[0].container_definitions)[0].stopTimeout == 60
    error_message = "WebSockets are closed too early."
  }
}

run "trials_can_be_taken_away" {
  variables {
    retain_data = false
    relay       = "none"
  }

  assert {
    condition     = aws_s3_bucket.data.force_destroy && !aws_dynamodb_table.log.deletion_protection_enabled
    error_message = "The stack of a trial can't be destroyed."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.edge) == 0 && length(aws_apigatewayv2_api.socket) == 0
    error_message = "There is a relay."
  }
}

run "wrong_values_are_refused" {
  command = plan

  variables {
    name               = "Upper"
    architecture       = "arm"
    relay              = "lambda"
    log_retention_days = 2
    memory             = 128
  }

  expect_failures = [var.name, var.architecture, var.relay, var.log_retention_days, var.memory]
}

run "a_certificate_for_cloudfront_is_in_one_region" {
  command = plan

  variables {
    domain = { name = "api.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }

  expect_failures = [var.domain]
}
