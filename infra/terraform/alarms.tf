# What somebody should look at. Ten alarms are free in an account, so there are no more than ten, with one metric each.

locals {
  # Crashes and timeouts of a function that are too many, within minutes. `upkeep` runs four times an hour.
  too_many_errors = {
    http   = { threshold = 5, minutes = 5 }
    run    = { threshold = 5, minutes = 5 }
    tick   = { threshold = 3, minutes = 5 }
    upkeep = { threshold = 2, minutes = 60 }
    socket = { threshold = 5, minutes = 5 }
    node   = { threshold = 5, minutes = 5 }
  }
  alarms = merge(
    {
      for part, made in aws_lambda_function.part : "${part}-errors" => {
        description = "The function ${part} crashes or takes too long"
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = made.function_name }
        statistic   = "Sum"
        minutes     = local.too_many_errors[part].minutes
        threshold   = local.too_many_errors[part].threshold
        below       = false
      }
    },
    {
      tick-missing = {
        description = "Scheduled functions and crons do not run: the tick is not called"
        namespace   = "AWS/Lambda"
        metric      = "Invocations"
        dimensions  = { FunctionName = aws_lambda_function.part["tick"].function_name }
        statistic   = "Sum"
        minutes     = 5
        threshold   = 1
        below       = true
      }
      throttles = {
        description = "Functions of this account and region, of this stack or another, ran out of concurrency"
        namespace   = "AWS/Lambda"
        metric      = "Throttles"
        dimensions  = {}
        statistic   = "Sum"
        minutes     = 5
        threshold   = 1
        below       = false
      }
      log-throttles = {
        description = "The table of the log refuses commits for now: they take longer"
        namespace   = "AWS/DynamoDB"
        metric      = "WriteThrottleEvents"
        dimensions  = { TableName = aws_dynamodb_table.log.name }
        statistic   = "Sum"
        minutes     = 5
        threshold   = 10
        below       = false
      }
      log-failures = {
        description = "DynamoDB fails to take commits"
        namespace   = "AWS/DynamoDB"
        metric      = "SystemErrors"
        dimensions  = { TableName = aws_dynamodb_table.log.name, Operation = "PutItem" }
        statistic   = "Sum"
        minutes     = 5
        threshold   = 5
        below       = false
      }
    },
    local.fargate ? {
      relay-missing = {
        description = "Fewer relays are healthy than should always run"
        namespace   = "AWS/ApplicationELB"
        metric      = "HealthyHostCount"
        dimensions = {
          LoadBalancer = aws_lb.relay[0].arn_suffix
          TargetGroup  = aws_lb_target_group.relay[0].arn_suffix
        }
        statistic = "Minimum"
        minutes   = 5
        threshold = var.relay_min
        below     = true
      }
    } : {},
  )
}

resource "aws_cloudwatch_metric_alarm" "part" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60 * each.value.minutes
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  treat_missing_data  = each.value.below ? "breaching" : "notBreaching"
  alarm_actions       = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}
