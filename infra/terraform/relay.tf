# The relay as a service on Fargate: as many as connections and processors ask for, each replaceable at any time.

locals {
  relay_environment = merge(local.common_environment, local.callees.relay)
}

resource "aws_cloudwatch_log_group" "relay" {
  count = local.fargate ? 1 : 0

  name              = "/ecs/${var.name}-relay"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "relay" {
  count = local.fargate ? 1 : 0

  name = var.name
}

resource "aws_ecs_task_definition" "relay" {
  count = local.fargate ? 1 : 0

  family                   = "${var.name}-relay"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.relay_cpu
  memory                   = var.relay_memory
  task_role_arn            = aws_iam_role.part["relay"].arn
  execution_role_arn       = aws_iam_role.part["relay-start"].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  container_definitions = jsonencode([{
    name         = "relay"
    image        = var.relay_image
    command      = ["relay", "--host", "0.0.0.0"]
    essential    = true
    portMappings = [{ containerPort = local.relay_port, protocol = "tcp" }]
    environment  = [for name, value in local.relay_environment : { name = name, value = value }]
    stopTimeout  = 60
    # Every socket is a file.
    ulimits = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.relay[0].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "relay"
      }
    }
  }])
}

resource "aws_ecs_service" "relay" {
  count = local.fargate ? 1 : 0

  name                               = "${var.name}-relay"
  cluster                            = aws_ecs_cluster.relay[0].arn
  task_definition                    = aws_ecs_task_definition.relay[0].arn
  launch_type                        = "FARGATE"
  desired_count                      = var.relay_min
  health_check_grace_period_seconds  = 60
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  depends_on                         = [aws_lb_listener_rule.relay, aws_route.out, aws_iam_role_policy.part]

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Without a NAT, a public address is the way out; nothing but the load balancer and other relays gets in.
  network_configuration {
    subnets          = aws_subnet.relay[*].id
    security_groups  = [aws_security_group.relays[0].id]
    assign_public_ip = true
  }

  load_balancer {
    container_name   = "relay"
    container_port   = local.relay_port
    target_group_arn = aws_lb_target_group.relay[0].arn
  }

  # Scaling changes it.
  lifecycle {
    ignore_changes = [desired_count]
  }
}
