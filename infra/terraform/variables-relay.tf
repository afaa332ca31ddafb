variable "relay" {
  description = <<-TEXT
    Where live subscriptions are served: `none` has none, `socket-api` costs nothing while nobody is connected,
    `fargate` is a service that always runs, with the lowest latency.
  TEXT
  type        = string
  default     = "socket-api"
  nullable    = false

  validation {
    condition     = contains(["none", "socket-api", "fargate"], var.relay)
    error_message = "`none`, `socket-api` or `fargate`."
  }
}

variable "relay_image" {
  description = "Image of the relay, for example in ECR. Needed with relay `fargate`, of no use without."
  type        = string
  default     = null

  validation {
    condition     = (var.relay == "fargate") == (var.relay_image != null)
    error_message = "Needed with relay `fargate`, and only then."
  }
}

variable "relay_cpu" {
  description = "CPU units of a relay; 1024 are one CPU."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192], var.relay_cpu)
    error_message = "256, 512, 1024, 2048, 4096 or 8192."
  }
}

variable "relay_memory" {
  description = "Memory of a relay, in MiB."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = var.relay_memory >= 2 * var.relay_cpu && var.relay_memory <= 8 * var.relay_cpu && var.relay_memory % 512 == 0
    error_message = "2 to 8 times `relay_cpu`, in steps of 512."
  }
}

variable "relay_min" {
  description = "Relays that always run."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.relay_min >= 1 && var.relay_min <= 1000 && floor(var.relay_min) == var.relay_min
    error_message = "A whole number from 1 to 1000."
  }
}

variable "relay_max" {
  description = "Relays at most."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.relay_max >= var.relay_min && var.relay_max <= 1000 && floor(var.relay_max) == var.relay_max
    error_message = "A whole number from `relay_min` to 1000."
  }
}

variable "relay_connections" {
  description = "Connections per relay above which another is started."
  type        = number
  default     = 4000
  nullable    = false

  validation {
    condition     = var.relay_connections >= 1 && var.relay_connections <= 100000 && floor(var.relay_connections) == var.relay_connections
    error_message = "A whole number from 1 to 100000."
  }
}

variable "relay_origin" {
  description = <<-TEXT
    A host name of yours for the relay's load balancer, and the ARN of its certificate in the stack's region, so that
    CloudFront speaks TLS to it. Without one it is HTTP inside the network of AWS, with a secret header.
  TEXT
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.relay_origin == null || var.relay == "fargate"
    error_message = "Only with relay `fargate`."
  }

  validation {
    condition     = var.relay_origin == null || can(regex("^arn:[^:]+:acm:[^:]+:[0-9]+:certificate/.+$", var.relay_origin.certificate_arn))
    error_message = "`certificate_arn` is no ARN of a certificate."
  }
}

variable "cloudfront_prefix_list" {
  description = "Id of CloudFront's managed prefix list in this region; only from there the load balancer is reached then."
  type        = string
  default     = null

  validation {
    condition     = var.cloudfront_prefix_list == null || can(regex("^pl-[0-9a-f]+$", var.cloudfront_prefix_list))
    error_message = "`pl-` and hexadecimal digits."
  }
}

variable "cidr" {
  description = "Addresses of the relay's network."
  type        = string
  default     = "10.42.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "Addresses of a network, /16 to /24."
  }
}
