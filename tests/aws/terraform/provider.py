"""A provider for Terraform that takes what the real one takes and makes nothing.

Terraform starts it with LAKEWIRE_SCHEMA, what `schema.py` made, and LAKEWIRE_PROTOCOL, a folder with the protocol as
Python. So `validate`, `plan`, `apply` and `test` run on a machine without AWS and without the provider itself.
"""

import json
import os
import sys
from concurrent import futures
from functools import cache

sys.path[:0] = [os.environ["LAKEWIRE_PROTOCOL"], os.path.dirname(os.path.realpath(__file__))]

import grpc  # noqa: E402
import msgpack  # noqa: E402
import tfplugin5_pb2 as protocol  # noqa: E402
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: E402

import values  # noqa: E402

with open(os.environ["LAKEWIRE_SCHEMA"]) as file:
    SCHEMA = json.load(file)
UNKNOWN = msgpack.ExtType(0, b"\0")
NESTING = {"single": 1, "list": 2, "set": 3}
# Of the provider itself, what our roots say.
PROVIDER = {
    "attributes": {"region": {"type": "string", "optional": True}},
    "blocks": {
        "default_tags": {
            "nesting": "list",
            "min": 0,
            "max": 1,
            "block": {"attributes": {"tags": {"type": ["map", "string"], "optional": True}}, "blocks": {}},
        }
    },
}


def is_dynamic(block):
    """Whether something in it may be of any type: then it can be in no set."""
    inner = any(is_dynamic(nested["block"]) for nested in block["blocks"].values())
    return inner or any("dynamic" in json.dumps(attribute["type"]) for attribute in block["attributes"].values())


def to_schema(block):
    return protocol.Schema(block=to_block(block))


def to_block(block):
    made = protocol.Schema.Block()
    for name, attribute in sorted(block["attributes"].items()):
        flags = {flag: attribute.get(flag, False) for flag in ("required", "optional", "computed", "write_only")}
        made.attributes.add(name=name, type=json.dumps(attribute["type"]).encode(), **flags)
    for name, nested in sorted(block["blocks"].items()):
        nesting = NESTING["list" if nested["nesting"] == "set" and is_dynamic(nested["block"]) else nested["nesting"]]
        made.block_types.add(
            type_name=name, block=to_block(nested["block"]), nesting=nesting, min_items=nested["min"], max_items=nested["max"]
        )
    return made


@cache
def get_schema():
    return protocol.GetSchemaResponse(
        provider=to_schema(PROVIDER),
        resource_schemas={name: to_schema(block) for name, block in SCHEMA["resource"].items()},
        data_source_schemas={name: to_schema(block) for name, block in SCHEMA["data"].items()},
        ephemeral_resource_schemas={name: to_schema(block) for name, block in SCHEMA["ephemeral"].items()},
    )


def read(value):
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)


def written(value):
    return protocol.DynamicValue(msgpack=msgpack.packb(value, use_bin_type=True))


def fill(block, value, fill_one):
    """Sets every computed attribute that has no value yet, in nested blocks too. Elements of sets stay what they are."""
    for name, attribute in block["attributes"].items():
        if attribute.get("write_only"):
            value[name] = None
        elif attribute.get("computed") and (value.get(name) is None or value.get(name) == UNKNOWN):
            value[name] = fill_one(name, attribute["type"])
    for name, nested in block["blocks"].items():
        inner = None if nested["nesting"] == "set" else value.get(name)
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                fill(nested["block"], one, lambda _, type_: fill_one("", type_))


def empty(type_):
    """A value of a type, as little as it can be."""
    if isinstance(type_, list):
        return {} if type_[0] == "map" else []
    return {"string": "", "number": 0, "bool": False, "dynamic": None}[type_]


def plan(request, _):
    asked = read(request.proposed_new_state)
    # What a resource has already, Terraform proposes to keep.
    if asked is not None:
        new = read(request.prior_state) is None
        fill(SCHEMA["resource"][request.type_name], asked, lambda _, type_: UNKNOWN if new else None)
    return protocol.PlanResponse(planned_state=written(asked), legacy_type_system=True)


def apply(request, _):
    planned = read(request.planned_state)
    if planned is not None:
        answers = values.made(request.type_name, planned)
        fill(SCHEMA["resource"][request.type_name], planned, lambda name, type_: answers.get(name, empty(type_)))
    return protocol.ApplyResponse(new_state=written(planned), legacy_type_system=True)


def read_data(request, _):
    asked = read(request.config)
    answers = values.DATA.get(request.type_name, {})
    fill(SCHEMA["data"][request.type_name], asked, lambda name, type_: answers.get(name, empty(type_)))
    return protocol.ReadDataResponse(state=written(asked))


def open_ephemeral(request, _):
    asked = read(request.config)
    fill(SCHEMA["ephemeral"][request.type_name], asked, lambda name, type_: "5ec2e7" if name == "random_password" else empty(type_))
    return protocol.OpenResponse(result=written(asked))


def nothing_wrong(_request, _context):
    return protocol.DiagnosticsResponse()


CALLS = {
    "GetSchema": (protocol.Empty, lambda request, _: get_schema()),
    "PrepareProviderConfig": (protocol.PrepareRequest, lambda request, _: protocol.PrepareResponse(prepared_config=request.config)),
    "Configure": (protocol.ConfigureRequest, nothing_wrong),
    "ValidateResourceTypeConfig": (protocol.ValidateRequest, nothing_wrong),
    "ValidateDataSourceConfig": (protocol.ValidateRequest, nothing_wrong),
    "ValidateEphemeralResourceConfig": (protocol.ValidateRequest, nothing_wrong),
    "UpgradeResourceState": (
        protocol.UpgradeRequest,
        lambda request, _: protocol.UpgradeResponse(upgraded_state=protocol.DynamicValue(json=request.raw_state.json)),
    ),
    "ReadResource": (protocol.ReadRequest, lambda request, _: protocol.ReadResponse(new_state=request.current_state)),
    "PlanResourceChange": (protocol.PlanRequest, plan),
    "ApplyResourceChange": (protocol.ApplyRequest, apply),
    "ReadDataSource": (protocol.ReadDataRequest, read_data),
    "OpenEphemeralResource": (protocol.OpenRequest, open_ephemeral),
    "CloseEphemeralResource": (protocol.Empty, nothing_wrong),
    "Stop": (protocol.Empty, lambda request, _: protocol.StopResponse()),
}


class Service(grpc.GenericRpcHandler):
    """The calls above, and the one that ends the process."""

    def service(self, details):
        service, call = details.method.strip("/").split("/")
        if service == "tfplugin5.Provider" and call in CALLS:
            request, answer = CALLS[call]
            return grpc.unary_unary_rpc_method_handler(
                answer, request_deserializer=request.FromString, response_serializer=lambda message: message.SerializeToString()
            )
        if service == "plugin.GRPCController":
            return grpc.unary_unary_rpc_method_handler(lambda request, _: os._exit(0))
        return None


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
    healthy = health.HealthServicer()
    healthy.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    server.add_generic_rpc_handlers((Service(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # Where Terraform finds it: version of the handshake, of the protocol, address, kind.
    print(f"1|5|tcp|127.0.0.1:{port}|grpc", flush=True)
    server.wait_for_termination()


serve()
