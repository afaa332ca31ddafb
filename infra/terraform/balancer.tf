# The load balancer of the relays. It takes requests with a secret header only, which CloudFront adds; and news of commits, which
# are signed.

locals {
  origin_header = "x-lakewire-origin"
  origin_secret = one([for drawn in terraform_data.origin_secret : sha256(drawn.output)])
  relay_host    = one([for balancer in aws_lb.relay : try(var.relay_origin.name, balancer.dns_name)])
  # Where functions reach it to tell of commits: past CloudFront, unless only that may come in.
  relay_url = var.cloudfront_prefix_list == null ? one([for balancer in aws_lb.relay : "${var.relay_origin == null ? "http" : "https"}://${try(var.relay_origin.name, balancer.dns_name)}"]) : local.cloud_origin
}

# Drawn once. CloudFront shows it to whoever may read its settings, and so may the state.
resource "terraform_data" "origin_secret" {
  count = local.fargate ? 1 : 0

  input = "${uuid()}${uuid()}"

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_lb" "relay" {
  count = local.fargate ? 1 : 0

  name                       = "${var.name}-relay"
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = aws_subnet.relay[*].id
  security_groups            = [aws_security_group.front[0].id]
  idle_timeout               = 4000
  drop_invalid_header_fields = true
  enable_deletion_protection = false
  depends_on                 = [aws_route.out]
}

resource "aws_lb_target_group" "relay" {
  count = local.fargate ? 1 : 0

  name                          = "${var.name}-relay"
  vpc_id                        = aws_vpc.relay[0].id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = local.relay_port
  load_balancing_algorithm_type = "least_outstanding_requests"
  # WebSockets stay open until the relay is told to end, so waiting before that is of no use.
  deregistration_delay = 5

  health_check {
    path                = "/version"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "relay" {
  count = local.fargate ? 1 : 0

  load_balancer_arn = aws_lb.relay[0].arn
  port              = local.front_port
  protocol          = var.relay_origin == null ? "HTTP" : "HTTPS"
  certificate_arn   = try(var.relay_origin.certificate_arn, null)
  ssl_policy        = var.relay_origin == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "text/plain"
      message_body = "Use the URL of the deployment."
    }
  }
}

resource "aws_lb_listener_rule" "relay" {
  count = local.fargate ? 1 : 0

  listener_arn = aws_lb_listener.relay[0].arn
  priority     = 1

  condition {
    http_header {
      http_header_name = local.origin_header
      values           = [local.origin_secret]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.relay[0].arn
  }
}

resource "aws_lb_listener_rule" "nudge" {
  count = local.fargate ? 1 : 0

  listener_arn = aws_lb_listener.relay[0].arn
  priority     = 2

  condition {
    path_pattern {
      values = ["/api/lakewire/nudge"]
    }
  }

  condition {
    http_request_method {
      values = ["POST"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.relay[0].arn
  }
}
