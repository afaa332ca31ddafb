# The relay's network: public subnets, since a NAT costs more than all the rest, and gateway endpoints, which are free.

data "aws_availability_zones" "available" {
  count = local.fargate ? 1 : 0
  state = "available"
}

locals {
  everywhere = "0.0.0.0/0"
  # A load balancer needs two.
  zones      = local.fargate ? slice(data.aws_availability_zones.available[0].names, 0, 2) : []
  front_port = var.relay_origin == null ? 80 : 443
}

resource "aws_vpc" "relay" {
  count = local.fargate ? 1 : 0

  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = "${var.name}-relay" }
}

resource "aws_internet_gateway" "relay" {
  count = local.fargate ? 1 : 0

  vpc_id = aws_vpc.relay[0].id
  tags   = { Name = "${var.name}-relay" }
}

resource "aws_route_table" "relay" {
  count = local.fargate ? 1 : 0

  vpc_id = aws_vpc.relay[0].id
  tags   = { Name = "${var.name}-relay" }
}

resource "aws_route" "out" {
  count = local.fargate ? 1 : 0

  route_table_id         = aws_route_table.relay[0].id
  destination_cidr_block = local.everywhere
  gateway_id             = aws_internet_gateway.relay[0].id
}

resource "aws_subnet" "relay" {
  count = length(local.zones)

  vpc_id            = aws_vpc.relay[0].id
  cidr_block        = cidrsubnet(var.cidr, 2, count.index)
  availability_zone = local.zones[count.index]
  tags              = { Name = "${var.name}-relay" }
}

resource "aws_route_table_association" "relay" {
  count = length(local.zones)

  subnet_id      = aws_subnet.relay[count.index].id
  route_table_id = aws_route_table.relay[0].id
}

resource "aws_vpc_endpoint" "relay" {
  for_each = toset(local.fargate ? ["s3", "dynamodb"] : [])

  vpc_id            = aws_vpc.relay[0].id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${local.region}.${each.key}"
  route_table_ids   = [aws_route_table.relay[0].id]
  tags              = { Name = "${var.name}-relay" }
}

resource "aws_security_group" "front" {
  count = local.fargate ? 1 : 0

  name_prefix = "${var.name}-front-"
  description = "Load balancer of the relays"
  vpc_id      = aws_vpc.relay[0].id

  ingress {
    description     = "CloudFront"
    protocol        = "tcp"
    from_port       = local.front_port
    to_port         = local.front_port
    cidr_blocks     = var.cloudfront_prefix_list == null ? [local.everywhere] : []
    prefix_list_ids = var.cloudfront_prefix_list == null ? [] : [var.cloudfront_prefix_list]
  }

  egress {
    description = "Relays"
    protocol    = "tcp"
    from_port   = local.relay_port
    to_port     = local.relay_port
    cidr_blocks = [var.cidr]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "relays" {
  count = local.fargate ? 1 : 0

  name_prefix = "${var.name}-relays-"
  description = "Relays"
  vpc_id      = aws_vpc.relay[0].id

  ingress {
    description     = "Load balancer"
    protocol        = "tcp"
    from_port       = local.relay_port
    to_port         = local.relay_port
    security_groups = [aws_security_group.front[0].id]
  }

  ingress {
    description = "Other relays"
    protocol    = "tcp"
    from_port   = local.relay_port
    to_port     = local.relay_port
    self        = true
  }

  egress {
    description = "AWS, and what functions fetch"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = [local.everywhere]
  }

  lifecycle {
    create_before_destroy = true
  }
}
