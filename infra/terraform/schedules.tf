# What has no caller is called by the clock.

resource "aws_scheduler_schedule" "part" {
  for_each = local.schedules

  name                = local.function_names[each.key]
  description         = "Lakewire ${var.name}: calls ${each.key}"
  schedule_expression = each.value
  # The scheduler tries the role when the schedule is made.
  depends_on = [aws_iam_role_policy.part]

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.part[each.key].arn
    role_arn = aws_iam_role.part["scheduler"].arn
    input    = "{}"

    # The next one comes soon.
    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = local.async_calls[each.key].maximum_age
    }
  }
}
