variable "name" {
  description = "Name of the deployment and prefix of all names: 2 to 24 of a-z, 0-9 and `-`."
  type        = string
  default     = "lakewire"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "2 to 24 of a-z, 0-9 and `-`, first a letter, last no `-`."
  }
}

variable "package" {
  description = "The zip of the worker that `lakewire package` makes; `lakewire-lambda-ARCHITECTURE.zip` if absent."
  type        = string
  default     = null

  validation {
    condition     = var.package == null || can(regex("\\.zip$", var.package))
    error_message = "The path of a zip."
  }
}

variable "node_package" {
  description = "The zip of the Node function that `lakewire package` makes."
  type        = string
  default     = "lakewire-node.zip"
  nullable    = false

  validation {
    condition     = can(regex("\\.zip$", var.node_package))
    error_message = "The path of a zip."
  }
}

variable "architecture" {
  description = "What the packages were made for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "`arm64` or `x86_64`."
  }
}

variable "memory" {
  description = "Memory of the worker functions, in MB; 1769 is one CPU."
  type        = number
  default     = 1769
  nullable    = false

  validation {
    condition     = var.memory >= 512 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "A whole number from 512 to 10240."
  }
}

variable "rate_limit" {
  description = "Requests a second that each HTTP API takes in the long run."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.rate_limit >= 1 && var.rate_limit <= 100000 && floor(var.rate_limit) == var.rate_limit
    error_message = "A whole number from 1 to 100000."
  }
}

variable "burst_limit" {
  description = "Requests that each HTTP API takes at once."
  type        = number
  default     = 2000
  nullable    = false

  validation {
    condition     = var.burst_limit >= 1 && var.burst_limit <= 100000 && floor(var.burst_limit) == var.burst_limit
    error_message = "A whole number from 1 to 100000."
  }
}

variable "retain_data" {
  description = "Whether bucket, table and secret are protected: `terraform destroy` fails on them then, before any data is gone."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "One of the periods that CloudWatch has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, ..."
  }
}

variable "log_level" {
  description = "What the parts log, as in `RUST_LOG`."
  type        = string
  default     = "info"
  nullable    = false
}

variable "alarm_topic_arn" {
  description = "ARN of an SNS topic that alarms tell; without one they are only seen in CloudWatch."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[^:]+:sns:[^:]+:[0-9]+:.+$", var.alarm_topic_arn))
    error_message = "The ARN of an SNS topic."
  }
}

variable "domain" {
  description = "A host name of yours for the API, and the ARN of its certificate: in us-east-1, with relay `none` in the stack's region."
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^arn:[^:]+:acm:[^:]+:[0-9]+:certificate/.+$", var.domain.certificate_arn))
    error_message = "`certificate_arn` is no ARN of a certificate."
  }

  validation {
    condition     = var.domain == null || var.relay == "none" || can(regex(":acm:us-east-1:", var.domain.certificate_arn))
    error_message = "CloudFront takes certificates of us-east-1 only."
  }
}

variable "site_domain" {
  description = "A host name of yours for HTTP actions, and the ARN of its certificate in the stack's region."
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.site_domain == null || can(regex("^arn:[^:]+:acm:[^:]+:[0-9]+:certificate/.+$", var.site_domain.certificate_arn))
    error_message = "`certificate_arn` is no ARN of a certificate."
  }
}
