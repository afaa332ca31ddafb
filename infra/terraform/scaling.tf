# How many relays there are.

resource "aws_appautoscaling_target" "relay" {
  count = local.fargate ? 1 : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.relay[0].name}/${aws_ecs_service.relay[0].name}"
  min_capacity       = var.relay_min
  max_capacity       = var.relay_max
}

resource "aws_appautoscaling_policy" "cpu" {
  count = local.fargate ? 1 : 0

  name               = "${var.name}-relay-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.relay[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.relay[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.relay[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "connections" {
  count = local.fargate ? 1 : 0

  name               = "${var.name}-relay-connections"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.relay[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.relay[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.relay[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.relay_connections
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "connections"
        return_data = false

        metric_stat {
          stat = "Sum"

          metric {
            namespace   = "AWS/ApplicationELB"
            metric_name = "ActiveConnectionCount"

            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.relay[0].arn_suffix
            }
          }
        }
      }

      metrics {
        id          = "relays"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "AWS/ApplicationELB"
            metric_name = "HealthyHostCount"

            dimensions {
              name  = "LoadBalancer"
              value = aws_lb.relay[0].arn_suffix
            }

            dimensions {
              name  = "TargetGroup"
              value = aws_lb_target_group.relay[0].arn_suffix
            }
          }
        }
      }

      # Counted twice: from CloudFront, and on to the relay.
      metrics {
        id          = "each"
        expression  = "connections / 2 / relays"
        return_data = true
      }
    }
  }
}
