# The functions of a stack, as numbers. The CDK construct has the same; a test compares them.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region
  dns_suffix = data.aws_partition.current.dns_suffix

  socket  = var.relay == "socket-api"
  fargate = var.relay == "fargate"
  edge    = var.relay != "none"

  # The gateway waits 30 s for `http`; Lambda gives 900 s at most.
  functions = merge(
    {
      http   = { memory = var.memory, timeout = 30 }
      run    = { memory = var.memory, timeout = 60 }
      tick   = { memory = var.memory, timeout = 900 }
      upkeep = { memory = var.memory, timeout = 900 }
      node   = { memory = 1024, timeout = 600 }
    },
    local.socket ? { socket = { memory = var.memory, timeout = 900 } } : {},
  )
  function_names = { for part in keys(local.functions) : part => "${var.name}-${part}" }
  # By name, since functions need their roles first.
  function_arns = { for part, name in local.function_names : part => "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${name}" }

  # How often what has no caller is called.
  schedules = { tick = "rate(1 minute)", upkeep = "rate(15 minutes)" }

  # What becomes of an asynchronous call that fails. The schedules of `tick` and `upkeep` are their repetition.
  async_calls = {
    for part, call in {
      tick   = { retries = 0, maximum_age = 60 }
      upkeep = { retries = 0, maximum_age = 900 }
      socket = { retries = 1, maximum_age = 60 }
    } : part => call if contains(keys(local.functions), part)
  }

  socket_stage = "live"
  relay_port   = 3210
}
