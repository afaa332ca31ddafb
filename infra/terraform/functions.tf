# The functions, their logs, and what their environment says.

locals {
  common_environment = {
    LAKEWIRE_LOG        = "dynamodb"
    LAKEWIRE_TABLE      = aws_dynamodb_table.log.name
    LAKEWIRE_STORE      = "s3://${aws_s3_bucket.data.id}"
    INSTANCE_NAME       = var.name
    LAKEWIRE_SECRET_ARN = aws_secretsmanager_secret.instance.arn
    CONVEX_CLOUD_ORIGIN = local.cloud_origin
    CONVEX_SITE_ORIGIN  = local.site_origin
    RUST_LOG            = var.log_level
  }
  # Where a part finds the functions that it calls.
  callees = {
    for part, calls in local.calls : part => { for to in calls : "LAKEWIRE_${upper(to)}_FUNCTION" => local.function_names[to] }
  }
  committer_environment = merge(local.common_environment, local.fargate ? { LAKEWIRE_RELAY_URL = local.relay_url } : {})
  environments = {
    http   = merge(local.committer_environment, local.callees.http, { LAKEWIRE_SITE_API = aws_apigatewayv2_api.http["site"].id })
    tick   = merge(local.committer_environment, local.callees.tick)
    run    = merge(local.common_environment, local.callees.run)
    upkeep = { for name, value in local.common_environment : name => value if name != "LAKEWIRE_SECRET_ARN" }
    node   = {}
    socket = merge(local.committer_environment, local.callees.socket, local.socket ? {
      LAKEWIRE_SOCKET_ENDPOINT = "https://${local.socket_host}/${local.socket_stage}"
    } : {})
  }
}

resource "aws_cloudwatch_log_group" "functions" {
  for_each = local.functions

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "part" {
  for_each = local.functions

  function_name    = local.function_names[each.key]
  description      = "Lakewire ${var.name}: ${each.key}"
  runtime          = each.key == "node" ? "nodejs22.x" : "provided.al2023"
  handler          = each.key == "node" ? "index.handler" : each.key
  s3_bucket        = aws_s3_bucket.packages.id
  s3_key           = each.key == "node" ? aws_s3_object.node_package.key : aws_s3_object.package.key
  source_code_hash = filebase64sha256(each.key == "node" ? var.node_package : local.package)
  architectures    = [var.architecture]
  memory_size      = each.value.memory
  timeout          = each.value.timeout
  role             = aws_iam_role.part[each.key].arn
  depends_on       = [aws_iam_role_policy.part]

  ephemeral_storage {
    size = each.value.storage
  }

  dynamic "environment" {
    for_each = length(local.environments[each.key]) == 0 ? [] : [local.environments[each.key]]

    content {
      variables = environment.value
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.functions[each.key].name
  }
}

resource "aws_lambda_function_event_invoke_config" "part" {
  for_each = local.async_calls

  function_name                = aws_lambda_function.part[each.key].function_name
  maximum_retry_attempts       = each.value.retries
  maximum_event_age_in_seconds = each.value.maximum_age
}
