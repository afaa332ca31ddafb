# One role a part, with what it needs: actions by name, resources by ARN.

locals {
  read_log       = ["dynamodb:GetItem", "dynamodb:BatchGetItem"]
  write_log      = concat(local.read_log, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"])
  trim_log       = concat(local.write_log, ["dynamodb:BatchWriteItem"])
  read_objects   = ["s3:GetObject"]
  write_objects  = ["s3:PutObject", "s3:AbortMultipartUpload"]
  change_objects = concat(local.read_objects, local.write_objects, ["s3:DeleteObject"])

  objects = "${aws_s3_bucket.data.arn}/*"
  # To list is also what tells a missing object from a forbidden one.
  may_list        = { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.data.arn] }
  may_read_secret = { actions = ["secretsmanager:GetSecretValue"], resources = [aws_secretsmanager_secret.instance.arn] }

  may_call = { for part, calls in local.calls : part => { actions = ["lambda:InvokeFunction"], resources = [for to in calls : local.function_arns[to]] } }
  # For who runs queries, mutations and actions and commits by itself. A URL that is signed may do what its signer may: those for the
  # function `node`, and for downloads, are of objects that these roles may read or write.
  any_function_of_the_app = [
    { actions = local.write_log, resources = [aws_dynamodb_table.log.arn] },
    { actions = local.change_objects, resources = [local.objects] },
    local.may_list,
    local.may_read_secret,
  ]

  log_groups = merge(
    { for part, group in aws_cloudwatch_log_group.functions : part => group.arn },
    { for group in aws_cloudwatch_log_group.relay : "relay-start" => group.arn },
  )
  # Which of the two forms of the ARN is asked for depends on the action.
  may_log = {
    for part, arn in local.log_groups : part => [{
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = [trimsuffix(arn, ":*"), "${trimsuffix(arn, ":*")}:*"]
    }]
  }

  # A private image in ECR: account, region and repository.
  ecr = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com[^/]*/([^:@]+)", var.relay_image), null)
  may_fetch_image = local.ecr == null ? [] : [
    # The token is for a whole registry: the action has no resource.
    { actions = ["ecr:GetAuthorizationToken"], resources = ["*"] },
    {
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = ["arn:${local.partition}:ecr:${local.ecr[1]}:${local.ecr[0]}:repository/${local.ecr[2]}"]
    },
  ]

  permissions = merge(
    {
      http = concat(local.may_log.http, local.any_function_of_the_app, [local.may_call.http])
      tick = concat(local.may_log.tick, local.any_function_of_the_app, [local.may_call.tick])
      run = concat(local.may_log.run, [
        { actions = local.read_log, resources = [aws_dynamodb_table.log.arn] },
        { actions = local.read_objects, resources = [local.objects] },
        local.may_list,
        # Results too large for an answer, and programs that it had to make.
        { actions = local.write_objects, resources = [for keys in ["tmp/*", "programs/*"] : "${aws_s3_bucket.data.arn}/${keys}"] },
        local.may_read_secret,
        local.may_call.run,
      ])
      upkeep = concat(local.may_log.upkeep, [
        { actions = local.trim_log, resources = [aws_dynamodb_table.log.arn] },
        { actions = local.change_objects, resources = [local.objects] },
        local.may_list,
      ])
      node      = local.may_log.node
      scheduler = [{ actions = ["lambda:InvokeFunction"], resources = [local.function_arns.tick, local.function_arns.upkeep] }]
    },
    local.socket ? {
      socket = concat(local.may_log.socket, local.any_function_of_the_app, [local.may_call.socket, {
        actions = ["execute-api:ManageConnections"]
        resources = [
          for method in ["POST", "DELETE"] : "${aws_apigatewayv2_api.socket[0].execution_arn}/${local.socket_stage}/${method}/@connections/*"
        ]
      }])
    } : {},
    local.fargate ? {
      relay         = concat(local.any_function_of_the_app, [local.may_call.relay])
      "relay-start" = concat(local.may_log["relay-start"], local.may_fetch_image)
    } : {},
  )

  # Lambda sends no account when it takes a role, others do.
  services = {
    for part in keys(local.permissions) : part => (
      part == "scheduler" ? "scheduler.amazonaws.com" : startswith(part, "relay") ? "ecs-tasks.amazonaws.com" : "lambda.amazonaws.com"
    )
  }
}

resource "aws_iam_role" "part" {
  for_each = local.services

  name        = "${var.name}-${each.key}-${local.region}"
  description = each.key == "relay-start" ? "Lakewire ${var.name}: starts relays" : "Lakewire ${var.name}: ${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = each.value } },
      each.value == "lambda.amazonaws.com" ? {} : { Condition = { StringEquals = { "aws:SourceAccount" = local.account } } },
    )]
  })
}

resource "aws_iam_role_policy" "part" {
  for_each = local.permissions

  name = each.key
  role = aws_iam_role.part[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for permission in each.value : { Effect = "Allow", Action = permission.actions, Resource = permission.resources }
    ]
  })
}
