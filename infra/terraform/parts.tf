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

  # The gateway waits 30 s for `http`; Lambda gives 900 s at most, and 512 MB of temporary storage without being asked. An action in
  # Node.js takes 600 s at most, and half a minute to get bundles and packages, which are unpacked, and to say how it ended.
  functions = merge(
    {
      http   = { memory = var.memory, timeout = 30, storage = 512 }
      run    = { memory = var.memory, timeout = 60, storage = 512 }
      tick   = { memory = var.memory, timeout = 900, storage = 512 }
      upkeep = { memory = var.memory, timeout = 900, storage = 512 }
      node   = { memory = 1024, timeout = 630, storage = 1024 }
    },
    local.socket ? { socket = { memory = var.memory, timeout = 900, storage = 512 } } : {},
  )

  # What parts call by themselves: who runs or commits functions of the app. Where relays run what is due, `http` need not have it
  # run; the schedule of `tick` stays, should there be no relay. `socket` has itself go on with what takes long.
  calls = {
    http   = concat(local.fargate ? [] : ["tick"], ["upkeep", "node"], local.socket ? ["socket"] : [])
    tick   = concat(["upkeep", "node"], local.socket ? ["socket"] : [])
    socket = concat(["tick", "upkeep", "node"], local.socket ? ["socket"] : [])
    relay  = ["run", "upkeep", "node"]
    run    = ["node"]
  }
  function_names = { for part in keys(local.functions) : part => "${var.name}-${part}" }
  # By name, since functions need their roles first.
  function_arns = { for part, name in local.function_names : part => "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${name}" }

  # How often what has no caller is called.
  schedules = { tick = "rate(1 minute)", upkeep = "rate(15 minutes)" }

  # What becomes of an asynchronous call that fails. The schedules of `tick` and `upkeep` are their repetition; `socket` is told each minute.
  async_calls = {
    for part, call in {
      tick   = { retries = 0, maximum_age = 60 }
      upkeep = { retries = 0, maximum_age = 900 }
      socket = { retries = 0, maximum_age = 60 }
    } : part => call if contains(keys(local.functions), part)
  }

  socket_stage = "live"
  relay_port   = 3210
}
